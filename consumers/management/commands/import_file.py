"""`manage.py import_file`: bring a client's file in from the command line, as the pages do."""

import argparse
import signal
from pathlib import Path
from types import FrameType
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from clients.access import visible_clients
from clients.models import Client
from consumers import mapping as mappings
from consumers.imports import runner, verbs
from consumers.imports.models import ImportJob
from consumers.mapping import Mapping
from portal.errors import Refused
from portal.models import User


class Command(BaseCommand):
    """Exit code 0: finished; 1: refused, failed or stopped. Ctrl-C stops cleanly after the batch."""

    help = "Import a file of a client. It is sealed while it is read; --resume goes on with a stopped one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="CSV, text in columns or NDJSON")
        parser.add_argument("--client", help="the client's code")
        parser.add_argument("--kind", choices=mappings.KINDS, help="what the file holds")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            type=_pair,
            metavar="COLUMN=ATTRIBUTE",
            help="what a column means, beside what the names suggest; COLUMN= leaves it out",
        )
        parser.add_argument("--encoding", default="utf-8", choices=["utf-8", "latin-1", "cp1252"])
        parser.add_argument("--as", dest="username", help="who imports (default: the system)")
        parser.add_argument("--resume", metavar="REFERENCE", help="a stopped or failed import")

    def handle(self, **options: Any) -> None:
        # Django's wrapper ends every piece with a line break, which would tear the progress bar apart.
        console = Console(file=cast("Any", self.stdout)._out, highlight=False)
        try:
            job = self._job(options)
            self._run(job, _user(options["username"]), console)
        except Refused as refusal:
            raise CommandError(refusal.sentence) from None
        console.print(_outcomes(job))
        if job.state != "finished":
            sentence = verbs.fault(job) or f"The import is {job.state_name.lower()}."
            can_go_on = job.state == "stopped" or "resume" in sentence.lower()
            how = f" Go on with --resume {job.reference}." if can_go_on else ""
            raise CommandError(f"{job.reference}: {sentence}{how}")

    def _job(self, options: dict[str, Any]) -> ImportJob:
        by = _user(options["username"])
        if options["resume"]:
            found = ImportJob.objects.filter(reference=options["resume"]).first()
            if found is None:
                raise CommandError("There is no import of this reference.")
            verbs.resume_import(found, by=by, now=timezone.now())
            return found
        if not (options["client"] and options["kind"] and options["file"]):
            raise CommandError("Give --client, --kind and a file, or --resume.")
        client = visible_clients(by).filter(code=options["client"]).first()
        if client is None:
            raise CommandError("There is no client of this code among yours.")
        return _create(client, by, options)

    def _run(self, job: ImportJob, by: User, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
        )
        with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
            task = progress.add_task(job.reference, total=job.size or None)

            def show(now_at: ImportJob) -> None:
                if interrupts.noted:
                    _stop(job, by)
                progress.update(
                    task,
                    completed=now_at.progress_done,
                    description=f"{job.reference} {now_at.rows_read:,} rows",
                )

            with _Interrupts() as interrupts:
                try:
                    if not runner.run_job(job, timezone.now, watch=show):
                        raise CommandError(f"Another worker has {job.reference} in hand.")
                except KeyboardInterrupt:
                    _stop(job, by)
        job.refresh_from_db()
        if not job.is_open:
            runner.discard(job.pk, timezone.now())


def _pair(text: str) -> tuple[str, str]:
    column, sign, attribute = text.rpartition("=")
    if not sign or not column:
        raise argparse.ArgumentTypeError("write COLUMN=ATTRIBUTE")
    return column.strip(), attribute.strip()


def _user(username: str | None) -> User:
    if not username:
        return User.objects.system()
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise CommandError("There is no such user.")
    return found


def _create(client: Client, by: User, options: dict[str, Any]) -> ImportJob:
    try:
        with options["file"].open("rb") as stream:
            job = verbs.create_import(
                client=client,
                kind=options["kind"],
                upload=stream,
                name=options["file"].name,
                channel="file",
                by=by,
                now=timezone.now(),
            )
    except OSError as fault:
        raise CommandError(f"The file cannot be read: {fault.strerror}.") from None
    encoding = options["encoding"]
    try:
        mapping = _mapped(verbs.columns(job, encoding=encoding).mapping, options["map"])
        verbs.start_import(job, mapping=mapping, by=by, now=timezone.now(), encoding=encoding)
    except Refused:
        # An import that nobody could start from here would only keep its file for ever.
        verbs.cancel_import(job, by=by, now=timezone.now())
        raise
    return job


def _mapped(suggested: Mapping, pairs: list[tuple[str, str]]) -> Mapping:
    """The mapping with what was said; an attribute that is given to a column is taken from another."""
    said = dict(pairs)
    columns = {
        column: attribute
        for column, attribute in suggested.columns.items()
        if column not in said and attribute not in said.values()
    }
    columns |= {column: attribute for column, attribute in said.items() if attribute}
    return Mapping.from_json(suggested.to_json() | {"columns": columns})


def _stop(job: ImportJob, by: User) -> None:
    verbs.stop_import(ImportJob.objects.get(pk=job.pk), by=by, now=timezone.now())


class _Interrupts:
    """Ctrl-C is noted, and acted on between two batches; a second one breaks the work off at once.

    Broken off, the batch is rolled back and the import is resumable all the same.
    """

    def __init__(self) -> None:
        self.noted = False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> "_Interrupts":
        signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *raised: object) -> None:
        signal.signal(signal.SIGINT, self._before)


def _outcomes(job: ImportJob) -> Table:
    table = Table(title=f"{job.reference}: {job.state_name.lower()}, {job.rows_read:,} rows")
    table.add_column("outcome")
    table.add_column("rows", justify="right")
    for outcome, number in job.counts.items():
        table.add_row(outcome, f"{number:,}")
    return table
