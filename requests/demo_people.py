"""The demo's people: the published data sets, brought in by the real import, and cases about some of them.

The files lie in `tests/data` with their credit; without them the demo has no people and says so.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from clients.models import Client, Instruction
from consumers import mapping as mappings
from consumers.imports import runner, samples, verbs
from consumers.imports.models import ImportJob
from consumers.models import Consumer, Purchase
from consumers.profile import Profile
from portal.models import User
from requests.erasures import verbs as erasures
from requests.erasures.approval import mark_of
from requests.models import Erasure, OptOut
from requests.optouts.verbs import log_opt_out

DATA = Path(settings.BASE_DIR) / "tests" / "data"
PEOPLE, PURCHASES = DATA / "febrl4a.csv", DATA / "cdnow_master.txt"
Clock = Callable[[], datetime]


def load_people(
    client: Client, by: User, clock: Clock, *, limit: int | None = None
) -> Iterator[str]:
    """The people as customers of `client`, and their real purchases; with `limit` the first of them alone."""
    if not PEOPLE.is_file():
        yield f"{client}: no people, because the sample files are not there"
        return
    if not Consumer.objects.filter(client=client).exists():
        joined = io.BytesIO()
        samples.write_joined(PEOPLE, joined, limit=limit)
        joined.seek(0)
        job = _bring_in(client, ImportJob.Kind.CONSUMERS, joined, "people.csv", by, clock)
        yield f"{client}: {job.accepted} people of {job.rows_read} rows"
    if limit is None and not Purchase.objects.filter(client_id=client.pk).exists():
        with PURCHASES.open("rb") as stream:
            job = _bring_in(client, ImportJob.Kind.PURCHASES, stream, "purchases.txt", by, clock)
        yield f"{client}: {job.accepted} purchases, {job.quarantined} of people it does not know"


def _bring_in(
    client: Client, kind: str, stream: BinaryIO, name: str, by: User, clock: Clock
) -> ImportJob:
    job = verbs.create_import(
        client=client, kind=kind, upload=stream, name=name, by=by, now=clock()
    )
    headers = verbs.columns(job).file.headers
    found = mappings.suggest(headers, country=client.default_country, kind=kind)
    if "customer_id" in headers:
        # The purchases know their customers by this number, not by the data set's own.
        columns = {column: told for column, told in found.columns.items() if told != "external_id"}
        found = replace(found, columns=columns | {"customer_id": "external_id"})
    verbs.start_import(job, mapping=found, by=by, now=clock())
    runner.run_job(job, clock)
    job.refresh_from_db()
    return job


def load_opt_outs(client: Client, by: User, clock: Clock) -> Iterator[str]:
    """Opt-outs of e-mail and of catalogs; one of somebody whom nobody knows (R29)."""
    if OptOut.objects.filter(client=client).exists():
        return
    for number, channel in ((11, "email"), (12, "mail"), (13, ""), (9999, "email")):
        log_opt_out(
            client=client,
            address=Profile(email=f"person{number}@example.com"),
            marketing_channel=channel,
            channel="email",
            received_at=clock() - timedelta(days=1),
            by=by,
            now=clock(),
        )
    yield f"{client}: opt-outs of e-mail, of catalogs, of everything, and of somebody unknown"


ERASED = (
    ("awaits approval", [Profile(email="person21@example.com")]),
    ("matched nobody", [Profile(email="person9998@example.com")]),
    ("to be recalled", [Profile(email="person22@example.com")]),
    ("rejected", [Profile(email="person23@example.com")]),
    ("on legal hold", [Profile(email="person24@example.com")]),
    ("approved", [Profile(email="person25@example.com"), Profile(email="person26@example.com")]),
)


def load_erasures(
    client: Client, instruction: Instruction, manager: User, officer: User, clock: Clock
) -> Iterator[str]:
    """Erasures in the states that people decide about, and one that a worker takes up."""
    if Erasure.objects.filter(client=client).exists():
        return
    for outcome, people in ERASED:
        now = clock()
        case = erasures.log_erasure(
            client=client,
            instruction=instruction,
            people=people,
            channel="email",
            received_at=now - timedelta(days=1),
            by=manager,
            now=now,
        )
        if outcome in ("to be recalled", "approved", "on legal hold"):
            erasures.approve(
                case, confirmation=case.reference, read=mark_of(case), by=officer, now=now
            )
        # Of a client without a window to recall in, the worker takes this one up as well.
        if outcome == "to be recalled" and client.recall_hours:
            erasures.recall(case, by=manager, now=now)
        elif outcome == "rejected":
            erasures.reject(case, by=officer, now=now)
        elif outcome == "on legal hold":
            erasures.hold(case, ground="litigation", by=officer, now=now)
    yield f"{client}: {len(ERASED)} erasures, one of them for a worker to carry out"
