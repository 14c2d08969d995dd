"""The people of an erasure: stored sealed, matched in sets, settled one by one.

Invariants:
- What the client gave is sealed under the case's own key, bound to its row.
- The first row that names a person stands for them; a later one is repeated. The database holds it.
- Whoever calls holds the lock of the case, so that rows come and change one transaction at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count

from consumers.imports.staging import copy
from consumers.profile import Profile, pack, unpack
from portal import vault
from portal.errors import Refused
from portal.ids import new_id
from requests.erasures.matching import NOBODY, Outcome, match_people
from requests.erasures.models import KEEP_NOTHING, Erasure, ErasureSubject

GIVEN: Final = "requests.erasuresubject.given"
BATCH: Final = 2_000
Match = ErasureSubject.Match
OPEN: Final = (Match.NONE, Match.AMBIGUOUS)


class Described(NamedTuple):
    """A row that names a person. `given` is None where it was refused, `reason` is the code why.

    Of a row that was not refused the reason is what could not be read of it, "" if all could.
    """

    number: int
    given: Profile | None
    reason: str = ""


class Matched(NamedTuple):
    """A described row with what matching found."""

    row: Described
    outcome: Outcome


def match(erasure: Erasure, rows: Sequence[Described]) -> list[Matched]:
    """Look for the people of a batch; needs no lock and writes nothing."""
    named = [row for row in rows if row.given is not None]
    found = match_people(erasure.client_id, [row.given for row in named if row.given])
    outcomes = dict(zip((row.number for row in named), found, strict=True))
    return [Matched(row, outcomes.get(row.number, NOBODY)) for row in rows]


def store(erasure: Erasure, matched: Sequence[Matched]) -> Counter[str]:
    """Write a batch's rows in the current transaction; returns how many ended as what."""
    client_id, before = erasure.client_id, _named_before(erasure, matched)
    ends = [(new_id(), one, *_ends_as(one, before)) for one in matched]
    given = _sealed(erasure, ends)
    rows = (
        (pk, erasure.pk, client_id, one.row.number, how, consumer_id, one.outcome.candidates,
         ErasureSubject.Stage.PENDING, one.row.reason, given.get(pk))
        for pk, one, how, consumer_id in ends
    )  # fmt: skip
    copy(ErasureSubject._meta.db_table, _COLUMNS, _TYPES, rows)
    return Counter(how for _, _, how, _ in ends)


def _sealed(
    erasure: Erasure, ends: Iterable[tuple[UUID, Matched, str, UUID | None]]
) -> dict[UUID, bytes]:
    """What was given for each row that anybody may still need to look at, sealed."""
    key = case_key(erasure)
    kept = [
        (key, pack(one.row.given), pk)
        for pk, one, how, _ in ends
        if one.row.given is not None and how not in KEEP_NOTHING
    ]
    blobs = vault.seal_many(kept, purpose=GIVEN, client_id=erasure.client_id)
    return {pk: blob for (_, _, pk), blob in zip(kept, blobs, strict=True)}


_COLUMNS: Final = (
    "id, erasure_id, client_id, row_number, match, consumer_id, candidates, stage, fault, given"
)
_TYPES: Final = (
    *("uuid", "uuid", "uuid", "int8", "varchar", "uuid"),
    *("uuid[]", "int2", "varchar", "bytea"),
)


def _named_before(erasure: Erasure, matched: Iterable[Matched]) -> set[UUID]:
    """Those of a batch's people for whom an earlier row of the case stands."""
    found = {one.outcome.consumer_id for one in matched if one.outcome.consumer_id}
    standing = erasure.subjects.filter(match=Match.ONE, consumer_id__in=found)
    return {pk for pk in standing.values_list("consumer_id", flat=True) if pk}


def _ends_as(one: Matched, before: set[UUID]) -> tuple[str, UUID | None]:
    """The match of a row and its person; remembers the person in `before`."""
    consumer_id = one.outcome.consumer_id
    if one.row.given is None:
        return str(Match.REFUSED), None
    if consumer_id is None:
        return one.outcome.match, None
    if consumer_id in before:
        return str(Match.REPEATED), None
    before.add(consumer_id)
    return str(Match.ONE), consumer_id


# --------------------------------------------------------------------------------------- looking anew


def match_anew(erasure: Erasure) -> None:
    """Match those who are not settled once more. An earlier row keeps its person, whatever its number.

    A settled row by which somebody else could be meant too by now is ambiguous, and a person decides.
    """
    for batch, matched in _looked_for_again(erasure):
        pairs = zip(batch, matched, strict=True)
        unsettled = [_unsettled(row, one) for row, one in pairs if _is_unsettled(row, one)]
        _settle(erasure, {row.row_number: row for row in batch}, unsettled)


def has_newcomers(erasure: Erasure) -> bool:
    """Whether somebody is on file by now who could be meant by a row and was not when it was matched.

    An import may bring in the same person a second time, under another number, until the erasure's tokens
    keep them out (R39); an erasure that does not know of it would leave them on file.
    """
    return any(
        _newcomers(stored, one)
        for batch, matched in _looked_for_again(erasure)
        for stored, one in zip(batch, matched, strict=True)
    )


def _looked_for_again(erasure: Erasure) -> Iterator[tuple[list[ErasureSubject], list[Matched]]]:
    """The rows of which it is kept what was given, batch by batch, with what matching finds by now.

    Raises Refused where that was destroyed: in a database that was restored from before the case was closed.
    """
    key = _key_if_alive(erasure)
    if key is None:
        raise Refused(
            "This case had been closed, and what the client gave is destroyed. Reject it again.",
            code="given_destroyed",
        )
    after = 0
    kept = erasure.subjects.filter(match__in=(*OPEN, Match.ONE), given__isnull=False)
    while batch := list(kept.filter(row_number__gt=after).order_by("row_number")[:BATCH]):
        after = batch[-1].row_number
        yield batch, match(erasure, list(_described(key, batch)))


def _newcomers(stored: ErasureSubject, one: Matched) -> set[UUID]:
    found = {one.outcome.consumer_id, *one.outcome.candidates}
    return {pk for pk in found if pk} - {stored.consumer_id, *stored.candidates}


def _is_unsettled(stored: ErasureSubject, one: Matched) -> bool:
    return stored.match != Match.ONE or bool(_newcomers(stored, one))


def _unsettled(stored: ErasureSubject, one: Matched) -> Matched:
    """What becomes of the row: where it was settled, both who it was and who has come are candidates."""
    if stored.consumer_id is None:
        return one
    both = _newcomers(stored, one) | {stored.consumer_id, *stored.candidates}
    return one._replace(outcome=Outcome("ambiguous", None, sorted(both)))


def _described(key: bytes, batch: Iterable[ErasureSubject]) -> Iterator[Described]:
    for row in batch:
        if row.given is not None:
            yield Described(row.row_number, _opened(key, row), row.fault)


_SETTLE: Final = """
UPDATE requests_erasuresubject s
SET match = n.match, consumer_id = n.consumer_id, candidates = n.candidates::uuid[],
    given = CASE WHEN n.match = 'repeated' THEN NULL ELSE s.given END
FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[]) AS n (id, match, consumer_id, candidates)
WHERE s.id = n.id AND s.client_id = %s
"""


def _settle(
    erasure: Erasure, stored: dict[int, ErasureSubject], matched: Sequence[Matched]
) -> None:
    """Store what has changed of a batch, in one statement."""
    before = _named_before(erasure, matched)
    changed: list[tuple[UUID, str, UUID | None, str]] = []
    for one in matched:
        row = stored[one.row.number]
        how, consumer_id = _ends_as(one, before)
        if (how, one.outcome.candidates) != (row.match, row.candidates):
            candidates = "{" + ",".join(map(str, one.outcome.candidates)) + "}"
            changed.append((row.pk, how, consumer_id, candidates))
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, [*map(list, zip(*changed, strict=True)), erasure.client_id])


# -------------------------------------------------------------------------------------------- asking


def case_key(erasure: Erasure) -> bytes:
    """The key that seals what belongs to the case itself. Raises vault.KeyShredded once it is sealed."""
    if erasure.key_ref is None:
        raise vault.KeyShredded("The key of this erasure was shredded when it was sealed.")
    return vault.key(erasure.client_id, erasure.key_ref)


def given_of(erasure: Erasure, subject: ErasureSubject) -> Profile | None:
    """What the client gave to find the subject, or None where nothing is kept of it any more."""
    key = _key_if_alive(erasure)
    return None if subject.given is None or key is None else _opened(key, subject)


def _key_if_alive(erasure: Erasure) -> bytes | None:
    """The case's key; None where it was shredded since the backup from which the case was restored."""
    try:
        return case_key(erasure)
    except vault.KeyShredded:
        return None


def _opened(key: bytes, subject: ErasureSubject) -> Profile:
    opened = vault.unseal(
        key,
        bytes(subject.given or b""),
        purpose=GIVEN,
        client_id=subject.client_id,
        owner_id=subject.pk,
    )
    return unpack(opened)


def matched_ids(erasure: Erasure) -> list[UUID]:
    """The consumers whom the erasure will erase."""
    ids = erasure.subjects.filter(match=Match.ONE, consumer_id__isnull=False)
    return [pk for pk in ids.values_list("consumer_id", flat=True) if pk]


def is_named(erasure: Erasure, consumer_id: UUID) -> bool:
    """Whether a row of the case stands for this person already."""
    return erasure.subjects.filter(match=Match.ONE, consumer_id=consumer_id).exists()


def leave_out_ambiguous(erasure: Erasure) -> int:
    """Leave out every row of which nobody has settled who is meant. Returns how many."""
    rows = erasure.subjects.filter(match=Match.AMBIGUOUS)
    return rows.update(match=Match.LEFT_OUT, given=None)


def tally(erasure: Erasure) -> dict[str, int]:
    """How many rows ended as what, every outcome named; they add up to the rows of the case."""
    counted = dict(erasure.subjects.order_by().values_list("match").annotate(rows=Count("id")))
    return {how: counted.get(how, 0) for how in Match.values}
