"""Whom an instruction to erase is about: none, one, or several people of the client.

Only an identifier, or exactly the same name at exactly the same address, settles who is meant. Whoever merely
looks alike is a candidate, and a person decides.

Where several people share an identifier (a household its telephone), they are told apart by what else was
given: by another identifier that only one of them has, or else by exactly the same name. Identifiers that
belong to different people contradict each other, and a person decides.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from consumers import matching
from consumers.models import BlindIndex, Consumer
from consumers.normalise import plain
from consumers.profile import Profile
from consumers.setsearch import holders, profiles_of
from consumers.vaulting import IDENTIFIERS, MATCH, Digest
from portal import vault

LIKELY: Final = 80.0
MOST_FOUND: Final = 25
MOST_CANDIDATES: Final = 200
BY_NAME: Final = 250
"""So many people without a known identifier are looked for at once; it bounds the profiles in memory."""


@dataclass(frozen=True)
class Outcome:
    """What matching one given person found. `consumer_id` is set only where exactly one was."""

    match: str
    consumer_id: UUID | None = None
    candidates: list[UUID] = field(default_factory=list)


NOBODY: Final = Outcome("none")


def match_person(client_id: UUID, given: Profile) -> Outcome:
    """Match a normalised description against the client's people."""
    return match_people(client_id, [given])[0]


def match_people(client_id: UUID, people: Sequence[Profile]) -> list[Outcome]:
    """Match many normalised descriptions, in their order; the number of statements does not grow with them.

    Who is found by an identifier is not opened unless several share it. Only of those whom no identifier
    finds are candidates opened and compared.
    """
    holding = _by_identifier(client_id, people)
    shared = {pk for one in holding if len(one.ids) > 1 and one.agree for pk in one.ids}
    profiles = profiles_of(client_id, shared) if shared else {}
    outcomes = [_decided(given, one, profiles) for given, one in zip(people, holding, strict=True)]
    unknown = [place for place, outcome in enumerate(outcomes) if outcome is NOBODY]
    for start in range(0, len(unknown), BY_NAME):
        places = unknown[start : start + BY_NAME]
        found = _by_name(client_id, [people[place] for place in places])
        for place, outcome in zip(places, found, strict=True):
            outcomes[place] = outcome
    return outcomes


def is_erasable(consumer: Consumer) -> bool:
    """A seed is never erased (R34), and nobody twice."""
    return consumer.state == Consumer.State.ACTIVE and not consumer.is_seed


# ------------------------------------------------------------------------------------- by identifier


@dataclass(frozen=True)
class _Holders:
    """Who has the identifiers that were given. They `agree` where each of these people has all of them."""

    ids: list[UUID]
    agree: bool = True


def _by_identifier(client_id: UUID, people: Sequence[Profile]) -> list[_Holders]:
    indexer = vault.indexer(client_id)
    asked = [list(_identifiers(indexer, given)) for given in people]
    found = holders(client_id, {one for all_ in asked for one in all_}, most=MOST_FOUND + 1)
    return [_common([found[one] for one in all_ if one in found]) for all_ in asked]


def _identifiers(indexer: vault.BlindIndexer, given: Profile) -> Iterator[Digest]:
    for name, kind in IDENTIFIERS:
        if value := getattr(given, name):
            yield int(kind), indexer.digest(name, value)


def _common(found: list[list[UUID]]) -> _Holders:
    """The people who have every identifier that anybody has, or all of them where nobody has."""
    # What more people share than were read tells nobody apart.
    telling = [ids for ids in found if len(ids) <= MOST_FOUND]
    if telling and (common := set(telling[0]).intersection(*telling[1:])):
        return _Holders(sorted(common))
    return _Holders(sorted({pk for ids in found for pk in ids}), agree=not found)


def _decided(given: Profile, holding: _Holders, profiles: dict[UUID, Profile]) -> Outcome:
    if not holding.ids:
        return NOBODY
    ids = holding.ids
    if len(ids) > 1 and holding.agree and _full_name(given):
        ids = [pk for pk in ids if pk in profiles and _same_name(given, profiles[pk])] or ids
    if len(ids) == 1 and holding.agree:
        return Outcome("one", ids[0])
    return _several(ids)


def _full_name(profile: Profile) -> tuple[str, str] | None:
    names = plain(profile.given_name or ""), plain(profile.surname or "")
    return names if all(names) else None


def _same_name(given: Profile, other: Profile) -> bool:
    return _full_name(given) == _full_name(other)


def _several(ids: Iterable[UUID]) -> Outcome:
    candidates = list(ids)[:MOST_FOUND]
    return Outcome("ambiguous", None, candidates) if candidates else NOBODY


# ------------------------------------------------------------------------------- by name and address


def _by_name(client_id: UUID, people: Sequence[Profile]) -> list[Outcome]:
    indexer, kind = vault.indexer(client_id), int(BlindIndex.Kind.MATCH_CODE)
    asked = [
        [(kind, indexer.digest(MATCH, code)) for code in matching.codes(given)] for given in people
    ]
    found = holders(client_id, {one for all_ in asked for one in all_}, most=MOST_CANDIDATES)
    likely = [_most_shared([found[one] for one in all_ if one in found]) for all_ in asked]
    profiles = profiles_of(client_id, {pk for ids in likely for pk in ids}) if found else {}
    return [
        _ranked(given, [(pk, profiles[pk]) for pk in ids if pk in profiles])
        for given, ids in zip(people, likely, strict=True)
    ]


def _most_shared(found: list[list[UUID]]) -> list[UUID]:
    """Those who share most match codes first."""
    shared = Counter(pk for ids in found for pk in ids)
    return [pk for pk, _ in shared.most_common(MOST_CANDIDATES)]


def _ranked(given: Profile, candidates: list[tuple[UUID, Profile]]) -> Outcome:
    alike = matching.rank(given, candidates, least=LIKELY)[:MOST_FOUND]
    level, profiles = matching.Level.INDIVIDUAL, dict(candidates)
    exact = matching.level_keys(given).get(level)
    surely = [
        one.key
        for one in alike
        if exact
        and one.score == 100.0
        and exact == matching.level_keys(profiles[one.key]).get(level)
    ]
    if len(surely) == 1:
        return Outcome("one", surely[0])
    return _several(surely or [one.key for one in alike])
