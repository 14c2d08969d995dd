"""Running imports: a worker claims a job and brings its file in, batch by batch.

Invariants:
- A batch is one transaction under the job's fence: rows, indexes, history, reports, counts, position and the
  ledger's leaf are there together or not at all. Who was killed leaves the last batch that was committed, and
  the next worker reads on from there.
- The client's instruction is checked in every batch, so that one that was suspended stops the import (R1).
- No file keeps the workers busy for ever: rows at which every worker is lost fail the import, and so does a
  file of which hardly a row can be used.
- Only codes and counts are logged or stored of what went wrong; never a value.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from typing import Any, BinaryIO, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from clients.instructions import cover
from clients.models import Instruction
from consumers import readers
from consumers.imports import incidents, source, staging
from consumers.imports.batches import Loader, Tally, batches
from consumers.imports.facts import Facts
from consumers.imports.models import ImportJob
from consumers.imports.people import People
from consumers.imports.verbs import DISCARD_MESSAGE
from consumers.mapping import CONSUMERS, Mapping
from consumers.readers import FileFormat, Row
from portal import ledger, outbox
from portal.cases.verbs import transition
from portal.errors import Refused
from portal.models import User
from portal.restore import replay_pending
from portal.work import LeaseLost, StopRequested, check_attempts, claim, fence, follow, give_back

log = logging.getLogger(__name__)
Clock = Callable[[], datetime]
Watch = Callable[[ImportJob], None]
LOOK_AT: Final = 100_000


def run_due(clock: Clock) -> int:
    """Run every import that is due, one after the other; returns how many were taken.

    None is taken after a restore until the erasures have been replayed: it might bring in who was erased (R41).
    """
    taken = 0
    while not replay_pending() and (job := claim(ImportJob, clock())) is not None:
        _run(job, clock, _nothing)
        taken += 1
    return taken


def run_job(job: ImportJob, clock: Clock, *, watch: Watch | None = None) -> bool:
    """Run this import if it is due and free; False if it is not. `watch` is called after each batch."""
    claimed = None if replay_pending() else claim(ImportJob, clock(), pk=job.pk)
    if claimed is None:
        return False
    _run(claimed, clock, watch or _nothing)
    job.refresh_from_db()
    return True


def _nothing(job: ImportJob) -> None:
    """Nobody watches."""


def _run(job: ImportJob, clock: Clock, watch: Watch) -> None:
    try:
        check_attempts(job)
        _bring_in(job, clock, watch)
    except (LeaseLost, StopRequested):
        give_back(job, clock())
    except Refused as refusal:
        _fail(job, refusal.code, clock())
    except Exception as fault:  # noqa: BLE001  (whatever happened, the import is tried again)
        name = type(fault).__name__
        log.warning("import %s: a batch failed with %s", job.reference, name)
        if not give_back(job, clock(), fault=name):
            _fail(job, name, clock())


def _bring_in(job: ImportJob, clock: Clock, watch: Watch) -> None:
    begun = clock()
    with _ours(job, "begin", begun) as locked:
        locked.last_fault = ""
    with closing(source.open_source(job)) as stream:
        run = _Run(job, stream, begun)
        for rows in batches(run.rows()):
            run.load(rows, clock)
            watch(job)
    _finish(job, clock())


@contextmanager
def _ours(job: ImportJob, verb: str, now: datetime) -> Iterator[ImportJob]:
    """A transition by the worker that holds the lease, and nobody else. Raises LeaseLost."""
    if not ImportJob.objects.filter(pk=job.pk, lease_token=job.lease_token).exists():
        raise LeaseLost(str(job.pk))
    with transition(job, verb, by=User.objects.system(), now=now) as locked:
        if locked.lease_token != job.lease_token:
            raise LeaseLost(str(job.pk))
        yield locked


def _finish(job: ImportJob, now: datetime) -> None:
    with transaction.atomic(), _ours(job, "finish", now) as locked:
        system = User.objects.system()
        locked.work_due, locked.lease_until = False, None
        locked.progress_done = locked.progress_total or locked.file_offset
        if locked.instruction is not None:
            cover.finish(locked.instruction, case=locked, by=system, now=now)
        staging.forget_occurrences(locked)
        outbox.put(DISCARD_MESSAGE, locked.pk, now=now)


def _fail(job: ImportJob, code: str, now: datetime) -> None:
    try:
        with _ours(job, "fail", now) as locked:
            locked.work_due, locked.lease_until, locked.last_fault = False, None, code[:80]
    except (LeaseLost, Refused):
        log.warning("import %s was taken away before its failure was recorded", job.reference)


class _Run:
    """One worker's pass over a file."""

    def __init__(self, job: ImportJob, stream: BinaryIO, now: datetime) -> None:
        self.job, self.stream, self.system = job, stream, User.objects.system()
        mapping = Mapping.from_json(job.mapping)
        self.file: FileFormat = source.inspect(stream, job.mapping.get("encoding", "utf-8"))
        self.columns = incidents.Columns(self.file.headers, job.refused_columns)
        self.loader = loader_for(job, mapping, self.file, today(now))
        staging.prepare_tables()

    def rows(self) -> Iterator[Row]:
        """The rows after the last batch that was committed."""
        job = self.job
        position = job.file_offset or None
        return readers.read(self.stream, self.file, after=job.rows_read, position=position)

    def load(self, rows: list[Row], clock: Clock) -> None:
        """Bring one batch in, in one transaction, and move the job on."""
        prepared = self.loader.prepare(rows)
        seen = self.columns.seen(rows)
        now = clock()
        with fence(self.job, now) as locked:
            self._check_covered(locked, now)
            staging.lock_client(locked.client_id)
            tally = self.loader.load(locked, prepared, now)
            seen |= self.columns.findings(tally.findings)
            incidents.report(locked, seen, self.system, now)
            self._move_on(locked, rows, tally, now)
        self.job = follow(self.job, locked)
        _check_worth(self.job, len(rows))

    def _check_covered(self, job: ImportJob, now: datetime) -> None:
        if job.instruction is None:
            raise Refused("This import has no instruction.", code="no_instruction")
        cover.check_covers(
            job.instruction,
            kind=Instruction.Kind.PROCESSING,
            client_id=job.client_id,
            now=now,
            case_id=job.pk,
        )

    def _move_on(self, job: ImportJob, rows: list[Row], tally: Tally, now: datetime) -> None:
        tally.add_to(job)
        job.rows_read += len(rows)
        job.file_offset = job.progress_done = rows[-1].end
        job.attempts = 0
        ledger.record(
            verb="import.load",
            by=self.system,
            client_id=job.client_id,
            object_kind="consumers.importjob",
            object_id=job.pk,
            counts=dict(tally.outcomes),
            now=now,
        )


def _check_worth(job: ImportJob, last: int) -> None:
    """Stop a file of which hardly a row can be used, before it has filled the database with reports.

    It is looked at when 100,000 rows were read, a million, and so on; so one that is meant to be so can be
    resumed and goes on tenfold.
    """
    before = job.rows_read - last
    passed = any(before < LOOK_AT * 10**power <= job.rows_read for power in range(9))
    if passed and job.refused * 20 > job.rows_read * 19:
        raise Refused("Hardly a row of this file can be used.", code="hardly_usable")


def loader_for(job: ImportJob, mapping: Mapping, file: FileFormat, today: date) -> Loader[Any]:
    """What brings in the rows of this kind of file."""
    kind = People if job.kind == CONSUMERS else Facts
    return kind(job, mapping, file, today)


def today(now: datetime) -> date:
    """The company's own date, after which no birthday or date of a file can lie."""
    return now.astimezone(ZoneInfo(settings.COMPANY_TIME_ZONE)).date()


@outbox.handler(DISCARD_MESSAGE, says="Remove the file of an import", about="consumers.importjob")
def discard(job_id: Any, now: datetime) -> None:
    """Remove the file of an import that has ended, and shred its key."""
    source.remove(ImportJob.objects.get(pk=job_id, closed_at__isnull=False))
