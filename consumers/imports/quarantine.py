"""Rows that wait for their person, and their release once the person is known.

Invariants: what was released is in the person's own record, sealed under the person's key, and nowhere else;
the counts of the job move with it, in one transaction; the keys of the rows are shredded after that commit
(`portal.retire`), so that no crash can lose a row or leave it readable for good.
"""

from collections import Counter
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from consumers.imports import facts, lookup, staging
from consumers.imports.batches import QUARANTINED
from consumers.imports.models import ImportJob, ImportRow
from consumers.models import BlindIndex
from consumers.prepare import PreparedFact
from consumers.vaulting import IDENTIFIERS
from portal import retire, vault

BATCH: Final = 5_000
_NUMBERS = {name: int(kind) for name, kind in IDENTIFIERS}


def releasable(job: ImportJob) -> Any:
    """The quarantined rows of `job` whose person is known by now."""
    known = BlindIndex.objects.filter(client_id=OuterRef("client_id"), digest=OuterRef("digest"))
    rows = ImportRow.objects.filter(
        client_id=job.client_id, job_id=job.pk, outcome=QUARANTINED, released_at__isnull=True
    )
    return rows.filter(Exists(known.filter(kind__in=_NUMBERS.values())))


def release(job: ImportJob, now: datetime) -> Counter[str]:
    """Load what can be loaded by now; the number of rows by their new outcome."""
    staging.lock_client(job.client_id)
    released: Counter[str] = Counter()
    after = 0
    while True:
        batch = list(releasable(job).filter(row_number__gt=after).order_by("row_number")[:BATCH])
        if not batch:
            break
        after = batch[-1].row_number
        released += _release(job, batch, now)
    _count(job, released)
    transaction.on_commit(retire.hint)
    return released


def _release(job: ImportJob, batch: list[ImportRow], now: datetime) -> Counter[str]:
    indexer = vault.indexer(job.client_id)
    opened = _open(job.client_id, batch)
    names = {n: (_NUMBERS[who[0][0]], indexer.digest(*who[0])) for n, (who, _, _) in opened.items()}
    known = lookup.find(job.client_id, set(names.values()))
    found = []
    for number, (_, fact, occurrence) in opened.items():
        person = known.get(names[number])
        if person is not None:
            mark = facts.fingerprint(indexer, job.kind, fact, occurrence)
            found.append(facts.Fact(number, person, fact.date, facts.content_of(fact), mark))
    outcomes = facts.insert(job, job.kind, found)
    rows = [row for row in batch if row.row_number in outcomes]
    ImportRow.objects.filter(pk__in=[row.pk for row in rows]).update(
        released_at=now, sealed=None, digest=None
    )
    return Counter(outcomes.values())


Opened = tuple[tuple[tuple[str, str], ...], PreparedFact, int]


def _open(client_id: UUID, batch: list[ImportRow]) -> dict[int, Opened]:
    """What waits in the rows, by row number; of somebody who was erased nothing can be opened any more."""
    keys = vault.keys(client_id, [row.key_ref for row in batch if row.key_ref])
    opened: dict[int, Opened] = {}
    for row in batch:
        key = keys.get(row.key_ref) if row.key_ref else None
        if key is not None and row.sealed is not None:
            content = facts.waiting_content(key, client_id, row.pk, bytes(row.sealed))
            who = tuple((str(kind), str(value)) for kind, value in content["who"])
            fact = PreparedFact(row.row_number, who, content["date"], content["details"])
            opened[row.row_number] = (who, fact, content["occurrence"])
    return opened


def _count(job: ImportJob, released: Counter[str]) -> None:
    job.quarantined -= released.total()
    for outcome, number in released.items():
        setattr(job, outcome, getattr(job, outcome) + number)
