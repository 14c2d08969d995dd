"""Whom an instruction to erase is about: none, one, or several people of the client.

Only an identifier, or exactly the same name at exactly the same address, settles who is meant. Whoever merely
looks alike is a candidate, and a person decides.
"""

from dataclasses import dataclass
from uuid import UUID

from consumers import matching
from consumers.models import Consumer
from consumers.profile import Profile
from consumers.search import Found, find

LIKELY = 80.0


@dataclass(frozen=True)
class Outcome:
    """What matching one given person found. `consumer_id` is set only where exactly one was."""

    match: str
    consumer_id: UUID | None
    candidates: list[UUID]


def match_person(client_id: UUID, given: Profile) -> Outcome:
    """Match a normalised description against the client's people."""
    found = [one for one in find(client_id, given) if not one.consumer.is_seed]
    surely = [one for one in found if one.score == 100.0 and _agrees(given, one)]
    if len(surely) == 1:
        return Outcome("one", surely[0].consumer.pk, [])
    candidates = [one.consumer.pk for one in surely or found if one.score >= LIKELY]
    return Outcome("ambiguous" if candidates else "none", None, candidates)


def _agrees(given: Profile, one: Found) -> bool:
    """Whether an identifier is the same, or the exact name and address are."""
    if any(
        getattr(given, name) and getattr(given, name) == getattr(one.profile, name)
        for name in ("email", "telephone", "external_id")
    ):
        return True
    level = matching.Level.INDIVIDUAL
    exact = matching.level_keys(given).get(level)
    return exact is not None and exact == matching.level_keys(one.profile).get(level)


def is_erasable(consumer: Consumer) -> bool:
    """A seed is never erased (R34), and nobody twice."""
    return consumer.state == Consumer.State.ACTIVE and not consumer.is_seed
