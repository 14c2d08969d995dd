"""Loading a batch of consumers: who is new, who has changed, who must stay out.

Invariants:
- A person is the external id of the row if it has one, else the e-mail address, else the telephone number,
  else the exact name and address; a later row updates an earlier one, within a batch too.
- A row whose identifiers were erased is refused and nothing of it is kept (R39); a person who is new and
  has opted out is not loaded. Somebody whom the client still serves is updated in spite of an opt-out.
- What did not change is not sealed again, and its blind indexes are not written.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, cast
from uuid import UUID

from consumers import matching
from consumers.imports import lookup, staging
from consumers.imports.batches import (
    ACCEPTED,
    ERASED,
    REFUSED,
    SUPPRESSED,
    UNCHANGED,
    UPDATED,
    Reported,
    Tally,
)
from consumers.imports.lookup import Digest, Known
from consumers.imports.models import ImportJob
from consumers.mapping import Mapping
from consumers.models import BlindIndex
from consumers.prepare import PreparedRow, preparer
from consumers.profile import Profile, digest_input, merge, pack, unpack
from consumers.readers import FileFormat, Row
from consumers.vaulting import IDENTIFIERS, MATCH, PURPOSE, blind_digests, suppression_tokens
from portal import vault
from portal.ids import uuid7

CONTENT = "content"
_KINDS = {name: int(kind) for name, kind in IDENTIFIERS}


class Candidate(NamedTuple):
    """A prepared row with the digest of who it is about and the digest of what it says."""

    row: PreparedRow
    identity: Digest
    content: bytes


class Person:
    """One person while a batch is loaded. `profile` is None until it has to be opened."""

    __slots__ = ("content", "digests", "id", "known", "profile", "stored")

    def __init__(self, known: Known | None, profile: Profile | None, content: bytes | None) -> None:
        self.known = known
        self.id: UUID = known.id if known else uuid7()
        self.profile = profile
        self.content = content
        self.digests: set[Digest] = set()
        self.stored: set[Digest] = set()


class People:
    """Loads the rows of one file of consumers."""

    def __init__(self, job: ImportJob, mapping: Mapping, file: FileFormat, today: dt.date) -> None:
        self.client_id: UUID = job.client_id
        self.indexer = vault.indexer(job.client_id)
        self._prepare = preparer(mapping, file.headers, today=today)

    def prepare(self, rows: list[Row]) -> list[Candidate]:
        """Normalise, scan and digest the rows; this needs no lock and no transaction."""
        return [self._candidate(cast("PreparedRow", self._prepare(row))) for row in rows]

    def _candidate(self, row: PreparedRow) -> Candidate:
        if row.refused:
            return Candidate(row, (0, b""), b"")
        return Candidate(row, self._identity(row), self.content_of(row.profile))

    def _identity(self, row: PreparedRow) -> Digest:
        if row.identifiers:
            name, value = row.identifiers[0]
            return _KINDS[name], self.indexer.digest(name, value)
        # Without identifiers the last code is the exact name and address.
        return int(BlindIndex.Kind.MATCH_CODE), self.indexer.digest(MATCH, row.codes[-1])

    def content_of(self, profile: Profile) -> bytes:
        """The keyed digest that tells whether a file changes anything."""
        return self.indexer.digest(CONTENT, digest_input(profile).decode())

    def load(self, job: ImportJob, prepared: list[Candidate], now: dt.datetime) -> Tally:
        """Write a batch in the current transaction and return what became of its rows."""
        return _Batch(self, job, now).run(prepared)


class _Batch:
    def __init__(self, loader: People, job: ImportJob, now: dt.datetime) -> None:
        self.loader, self.job, self.now = loader, job, now
        self.client_id, self.indexer = loader.client_id, loader.indexer
        self.tally = Tally()
        self.outcomes: dict[int, str] = {}
        self.people: dict[Digest, Person] = {}
        self.opened: dict[UUID, Profile | None] = {}
        self.keys: dict[vault.KeyRef, bytes] = {}
        self.changed: dict[UUID, Person] = {}
        self.told: dict[UUID, dict[str, bool]] = {}
        self.told_by: dict[UUID, int] = {}

    def run(self, candidates: list[Candidate]) -> Tally:
        for candidate in candidates:
            self.tally.warnings.update(candidate.row.warnings)
            if candidate.row.refused:
                self._refuse(candidate.row)
        usable = [candidate for candidate in candidates if not candidate.row.refused]
        self._find(usable)
        barred = self._barred(usable)
        for candidate in usable:
            self.outcomes[candidate.row.number] = self._take(candidate, barred)
        self._write()
        self._write_preferences()
        self.tally.outcomes = Counter(self.outcomes.values())
        return self.tally

    # -------------------------------------------------------------------------------- looking up

    def _find(self, usable: list[Candidate]) -> None:
        known = lookup.find(self.client_id, {candidate.identity for candidate in usable})
        persons: dict[UUID, Person] = {}
        for digest, found in known.items():
            person = persons.setdefault(found.id, Person(found, None, found.content_digest))
            self.people[digest] = person
        met = ((self.people.get(c.identity), c.content) for c in usable)
        self._open({p.id: p.known for p, c in met if p and p.known and p.content != c}.values())

    def _open(self, people: Iterable[Known]) -> None:
        """Open the profiles of those about whom a row says something else than what is stored."""
        wanted = list(people)
        self.keys = vault.keys(self.client_id, [person.key for person in wanted])
        for person in wanted:
            key = self.keys.get(person.key)
            self.opened[person.id] = key and unpack(
                vault.unseal(
                    key,
                    person.sealed,
                    purpose=PURPOSE,
                    client_id=self.client_id,
                    owner_id=person.id,
                )
            )  # type: ignore[assignment]

    def _barred(self, usable: list[Candidate]) -> dict[int, str]:
        """Row number -> why its person is kept out."""
        if not lookup.has_tokens(self.client_id):
            return {}
        tokens = {c.row.number: suppression_tokens(self.indexer, c.row.profile) for c in usable}
        found = lookup.suppressed(
            self.client_id, {token for all_ in tokens.values() for token in all_}
        )
        barred: dict[int, str] = {}
        for number, all_ in tokens.items():
            reasons = {found[token] for token in all_ if token in found}
            if reasons:
                barred[number] = ERASED if ERASED in reasons else min(reasons)
        return barred

    # ------------------------------------------------------------------------------------ deciding

    def _take(self, candidate: Candidate, barred: dict[int, str]) -> str:
        row = candidate.row
        reason = barred.get(row.number, "")
        if reason == ERASED:
            return self._report(row.number, REFUSED, ERASED)
        person = self.people.get(candidate.identity)
        if person is None:
            if reason:
                return self._report(row.number, SUPPRESSED, reason)
            person, outcome = self._new(candidate), ACCEPTED
        elif person.content == candidate.content:
            outcome = UNCHANGED
        elif self._is_shredded(person):
            return self._report(row.number, REFUSED, ERASED)
        else:
            outcome = self._merge(person, candidate)
        if row.preferences:
            self.told.setdefault(person.id, {}).update(row.preferences)
            self.told_by[person.id] = row.number
        return outcome

    def _new(self, candidate: Candidate) -> Person:
        row = candidate.row
        person = Person(None, row.profile, candidate.content)
        person.digests = set(blind_digests(self.indexer, row.profile, row.codes))
        for digest in person.digests:
            self.people.setdefault(digest, person)
        self.changed[person.id] = person
        return person

    def _is_shredded(self, person: Person) -> bool:
        return person.profile is None and self.opened.get(person.id) is None

    def _merge(self, person: Person, candidate: Candidate) -> str:
        """Update a person by a row that says something else."""
        row = candidate.row
        if person.profile is None:
            person.profile = self.opened[person.id]
        old = cast("Profile", person.profile)
        merged = merge(old, row.profile)
        if merged == old:
            return UNCHANGED
        self._know_by(person, old, merged, row)
        person.profile = merged
        person.content = self.loader.content_of(merged)
        self.changed[person.id] = person
        return UPDATED

    def _know_by(self, person: Person, old: Profile, merged: Profile, row: PreparedRow) -> None:
        """Keep track of the digests that come and go, so that a later row meets the person as they are now."""
        if not person.digests:
            person.stored = set(blind_digests(self.indexer, old, codes_of(old)))
            person.digests = person.stored
        codes = row.codes if merged == row.profile else codes_of(merged)
        after = set(blind_digests(self.indexer, merged, codes))
        for digest in person.digests - after:
            if self.people.get(digest) is person:
                del self.people[digest]
        for digest in after:
            self.people.setdefault(digest, person)
        person.digests = after

    # ------------------------------------------------------------------------------------- writing

    def _write(self) -> None:
        new = [person for person in self.changed.values() if person.known is None]
        old = [person for person in self.changed.values() if person.known is not None]
        refs = vault.allocate(self.client_id, len(new))
        keys = vault.keys(self.client_id, refs)
        pairs = [*zip(new, refs, strict=True), *((p, p.known.key) for p in old if p.known)]
        blobs = vault.seal_many(
            (
                (keys.get(ref) or self.keys[ref], pack(cast("Profile", person.profile)), person.id)
                for person, ref in pairs
            ),
            purpose=PURPOSE,
            client_id=self.client_id,
        )
        rows = [
            (person.id, *ref, blob, person.content, person.known is None)
            for (person, ref), blob in zip(pairs, blobs, strict=True)
        ]
        staging.merge_consumers(self.job, rows, self.now)
        self._write_blind(new, old)
        staging.insert_reported(self.job, self.tally.reported)

    def _write_blind(self, new: list[Person], old: list[Person]) -> None:
        client_id = self.client_id
        staging.insert_blind(
            (client_id, kind, digest, person.id)
            for person in new
            for kind, digest in person.digests
        )
        changes = [
            (kind, digest, person.id, (kind, digest) in person.stored)
            for person in old
            for kind, digest in person.stored ^ person.digests
        ]
        staging.change_blind(self.job, changes, self.now)

    def _write_preferences(self) -> None:
        for consumer_id in staging.merge_preferences(self.job, self.told, self.now):
            number = self.told_by[consumer_id]
            if self.outcomes[number] == UNCHANGED:
                self.outcomes[number] = UPDATED

    def _refuse(self, row: PreparedRow) -> None:
        self.tally.findings += [(row.number, finding) for finding in row.findings]
        self.outcomes[row.number] = self._report(row.number, REFUSED, row.refused)

    def _report(self, number: int, outcome: str, reason: str) -> str:
        self.tally.reported.append(Reported(uuid7(), number, outcome, reason))
        return outcome


def codes_of(profile: Profile) -> tuple[str, ...]:
    """The codes by which a stored person is found, as `prepare` makes them for a row."""
    codes = tuple(matching.codes(profile))
    if any(getattr(profile, name) for name, _ in IDENTIFIERS):
        return codes
    key = matching.level_keys(profile).get(matching.Level.INDIVIDUAL)
    return codes if key is None else (*codes, f"p|{key}")
