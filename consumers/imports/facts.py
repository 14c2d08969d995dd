"""Loading a batch of purchases or web events: whose they are, and which of them are here already.

Invariants:
- A fact is sealed under its consumer's key, so that an erasure of the person destroys it too.
- The n-th equal row of a file is the same fact as the n-th equal row of another; `n` is counted in the
  database, in the batch's own transaction, so that memory does not grow and a resume counts on.
- A fact of somebody unknown waits in quarantine, sealed under a key of its own; one of somebody who was
  erased is refused, and nothing of it is kept (R39).
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import orjson

from consumers.imports import lookup, staging
from consumers.imports.batches import (
    ACCEPTED,
    ERASED,
    QUARANTINED,
    REFUSED,
    UNCHANGED,
    Reported,
    Tally,
)
from consumers.imports.lookup import Digest, Known
from consumers.imports.models import ImportJob
from consumers.mapping import PURCHASES, Mapping
from consumers.prepare import PreparedFact, preparer
from consumers.readers import FileFormat, Row
from consumers.vaulting import IDENTIFIERS
from portal import vault
from portal.ids import uuid7

UNKNOWN_CUSTOMER: Final = "unknown_customer"
ROW_PURPOSE: Final = "consumers.importrow"
_KINDS = {name: int(kind) for name, kind in IDENTIFIERS}


class Candidate(NamedTuple):
    """A prepared row with the digest of who it is about, and of what it says as its first occurrence."""

    fact: PreparedFact
    identity: Digest
    base: bytes


class Fact(NamedTuple):
    """A fact whose person is known, ready to be sealed."""

    number: int
    person: Known
    date: str
    content: bytes
    fingerprint: bytes


class Facts:
    """Loads the rows of one file of purchases or web events."""

    def __init__(self, job: ImportJob, mapping: Mapping, file: FileFormat, today: dt.date) -> None:
        self.client_id: UUID = job.client_id
        self.kind = job.kind
        self.indexer = vault.indexer(job.client_id)
        self._prepare = preparer(mapping, file.headers, today=today)

    def prepare(self, rows: list[Row]) -> list[Candidate]:
        """Normalise, scan and digest the rows; this needs no lock and no transaction."""
        return [self._candidate(cast("PreparedFact", self._prepare(row))) for row in rows]

    def _candidate(self, fact: PreparedFact) -> Candidate:
        if fact.refused:
            return Candidate(fact, (0, b""), b"")
        name, value = fact.identifiers[0]
        identity = (_KINDS[name], self.indexer.digest(name, value))
        return Candidate(fact, identity, fingerprint(self.indexer, self.kind, fact, 1))

    def load(self, job: ImportJob, prepared: list[Candidate], now: dt.datetime) -> Tally:
        """Write a batch in the current transaction and return what became of its rows."""
        return _Batch(self, job).run(prepared)


def fingerprint(
    indexer: vault.BlindIndexer, kind: str, fact: PreparedFact, occurrence: int
) -> bytes:
    """The keyed digest by which the same fact is known again."""
    return indexer.digest(kind, fact.fingerprint_input(occurrence).decode())


class _Batch:
    def __init__(self, loader: Facts, job: ImportJob) -> None:
        self.job, self.kind = job, loader.kind
        self.client_id, self.indexer = loader.client_id, loader.indexer
        self.tally = Tally()
        self.outcomes: dict[int, str] = {}

    def run(self, candidates: list[Candidate]) -> Tally:
        for candidate in candidates:
            self.tally.warnings.update(candidate.fact.warnings)
            if candidate.fact.refused:
                self._refuse(candidate.fact)
        usable = [candidate for candidate in candidates if not candidate.fact.refused]
        occurrences = self._occurrences(usable)
        known = lookup.find(self.client_id, {candidate.identity for candidate in usable})
        erased = self._erased(usable)
        facts: list[Fact] = []
        waiting: list[tuple[Candidate, int]] = []
        for candidate, occurrence in zip(usable, occurrences, strict=True):
            person = known.get(candidate.identity)
            if candidate.fact.number in erased:
                self._report(candidate.fact.number, ERASED)
            elif person is None:
                waiting.append((candidate, occurrence))
            else:
                facts.append(self._fact(candidate, occurrence, person))
        self.outcomes.update(insert(self.job, self.kind, facts))
        self._report_erased(facts)
        self._quarantine(waiting)
        staging.insert_reported(self.job, self.tally.reported)
        self.tally.outcomes = Counter(self.outcomes.values())
        return self.tally

    def _fact(self, candidate: Candidate, occurrence: int, person: Known) -> Fact:
        fact = candidate.fact
        mark = (
            candidate.base
            if occurrence == 1
            else fingerprint(self.indexer, self.kind, fact, occurrence)
        )
        return Fact(fact.number, person, fact.date, content_of(fact), mark)

    def _occurrences(self, usable: Sequence[Candidate]) -> list[int]:
        """For each row, which occurrence of equal rows of the whole file it is."""
        within = Counter(candidate.base for candidate in usable)
        before = staging.count_occurrences(self.job, within)
        seen: Counter[bytes] = Counter()
        numbers = []
        for candidate in usable:
            seen[candidate.base] += 1
            numbers.append(before[candidate.base] + seen[candidate.base])
        return numbers

    def _erased(self, usable: Sequence[Candidate]) -> set[int]:
        """The numbers of the rows that are about somebody who was erased."""
        if not lookup.has_tokens(self.client_id):
            return set()
        tokens = {
            c.fact.number: [(_KINDS[n], self.indexer.token(n, v)) for n, v in c.fact.identifiers]
            for c in usable
        }
        found = lookup.suppressed(self.client_id, {t for every in tokens.values() for t in every})
        return {n for n, every in tokens.items() if any(found.get(t) == ERASED for t in every)}

    def _quarantine(self, waiting: Sequence[tuple[Candidate, int]]) -> None:
        refs = vault.allocate(self.client_id, len(waiting))
        keys = vault.keys(self.client_id, refs)
        ids = [uuid7() for _ in waiting]
        items = [
            (keys[ref], _to_wait(candidate.fact, occurrence), pk)
            for (candidate, occurrence), ref, pk in zip(waiting, refs, ids, strict=True)
        ]
        blobs = vault.seal_many(items, purpose=ROW_PURPOSE, client_id=self.client_id)
        for (candidate, _), ref, pk, blob in zip(waiting, refs, ids, blobs, strict=True):
            number, digest = candidate.fact.number, candidate.identity[1]
            self.outcomes[number] = QUARANTINED
            row = Reported(pk, number, QUARANTINED, UNKNOWN_CUSTOMER, "", digest, ref, blob)
            self.tally.reported.append(row)

    def _refuse(self, fact: PreparedFact) -> None:
        self.tally.findings += [(fact.number, finding) for finding in fact.findings]
        self._report(fact.number, fact.refused)

    def _report_erased(self, facts: Sequence[Fact]) -> None:
        """Facts that found no key: their person is being erased at this moment."""
        for fact in facts:
            if fact.number not in self.outcomes:
                self._report(fact.number, ERASED)

    def _report(self, number: int, reason: str) -> None:
        self.outcomes[number] = REFUSED
        self.tally.reported.append(Reported(uuid7(), number, REFUSED, reason))


def content_of(fact: PreparedFact) -> bytes:
    """What is sealed of a fact: its date and its other attributes."""
    return orjson.dumps({"date": fact.date} | fact.details, option=orjson.OPT_SORT_KEYS)


def waiting_content(key: bytes, client_id: UUID, row_id: UUID, sealed: bytes) -> dict[str, Any]:
    """What waits in a quarantined row. Raises vault.SealBroken."""
    opened = vault.unseal(key, sealed, purpose=ROW_PURPOSE, client_id=client_id, owner_id=row_id)
    return cast("dict[str, Any]", orjson.loads(opened))


def _to_wait(fact: PreparedFact, occurrence: int) -> bytes:
    waiting = {"who": fact.identifiers, "date": fact.date, "details": fact.details}
    return orjson.dumps(waiting | {"occurrence": occurrence})


def insert(job: ImportJob, kind: str, facts: Sequence[Fact]) -> dict[int, str]:
    """Seal and store facts; the outcome of each row. A row whose person has no key any more has none."""
    here = staging.stored_fingerprints(job.client_id, kind, [fact.fingerprint for fact in facts])
    outcomes = {fact.number: UNCHANGED for fact in facts if fact.fingerprint in here}
    fresh = {fact.fingerprint: fact for fact in facts if fact.fingerprint not in here}
    keys = vault.keys(job.client_id, {fact.person.key for fact in fresh.values()})
    usable = [fact for fact in fresh.values() if fact.person.key in keys]
    ids = [uuid7() for _ in usable]
    items = [
        (keys[fact.person.key], fact.content, pk) for fact, pk in zip(usable, ids, strict=True)
    ]
    purpose = "consumers.purchase" if kind == PURCHASES else "consumers.webevent"
    blobs = vault.seal_many(items, purpose=purpose, client_id=job.client_id)
    rows: list[tuple[Any, ...]] = [
        (pk, job.client_id, fact.person.id, blob, fact.fingerprint, job.pk)
        for fact, pk, blob in zip(usable, ids, blobs, strict=True)
    ]
    if kind == PURCHASES:
        months = (dt.date.fromisoformat(fact.date[:7] + "-01") for fact in usable)
        staging.insert_purchases((*row, month) for row, month in zip(rows, months, strict=True))
    else:
        staging.insert_events(rows)
    return outcomes | {fact.number: ACCEPTED for fact in usable}
