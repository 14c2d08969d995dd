"""Finding a person on sealed data: exactly by an identifier, or ranked by name and address.

Invariants:
- A search opens only the profiles that share a digest with the question, never a table.
- Everything is per client; a search across clients is a loop over them, permitted to the Security Officer
  alone, and is written to the ledger with its reason.
- The question and the answers live in memory and in a POST; no address, log or cache ever holds them.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clients.access import check_reach
from clients.models import Client
from consumers import matching
from consumers.models import BlindIndex, Consumer
from consumers.profile import Profile
from consumers.vaulting import IDENTIFIERS, MATCH, open_profiles
from portal import ledger, vault
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER, check_role

MOST_CANDIDATES = 200
MOST_FOUND = 25
LEAST_SCORE = 60.0


@dataclass(frozen=True)
class Found:
    """A person who may be the one that was asked for. `score` is 0 to 100; `why` names parts, no values."""

    consumer: Consumer
    profile: Profile
    score: float
    why: str

    def __repr__(self) -> str:
        return f"Found({self.consumer.reference}, {self.score:.0f})"


def find(client_id: UUID, query: Profile) -> list[Found]:
    """The people of one client who fit `query`, whose values are normalised; best first.

    Whoever has the e-mail, telephone or external id that was asked for scores 100 and comes first.
    """
    exact = _exact(client_id, query)
    found = [Found(c, p, 100.0, f"{w} the same") for c, p, w in exact]
    known = {consumer.pk for consumer, _, _ in exact}
    return [*found, *_by_name(client_id, query, known)][:MOST_FOUND]


def _exact(client_id: UUID, query: Profile) -> list[tuple[Consumer, Profile, str]]:
    indexer = vault.indexer(client_id)
    why: dict[UUID, str] = {}
    for kind, number in IDENTIFIERS:
        value = getattr(query, kind)
        if value:
            digest = indexer.digest(kind, value)
            rows = BlindIndex.objects.filter(client_id=client_id, kind=number, digest=digest)
            for consumer_id in rows.values_list("consumer_id", flat=True)[:MOST_FOUND]:
                why.setdefault(consumer_id, kind.replace("_", " "))
    opened = _open(client_id, list(why))
    return [(consumer, profile, why[consumer.pk]) for consumer, profile in opened]


def _by_name(client_id: UUID, query: Profile, known: set[UUID]) -> list[Found]:
    candidates = [pk for pk in candidate_ids(client_id, query) if pk not in known]
    opened = {
        consumer.pk: (consumer, profile) for consumer, profile in _open(client_id, candidates)
    }
    ranked = matching.rank(
        query, ((pk, profile) for pk, (_, profile) in opened.items()), least=LEAST_SCORE
    )
    return [Found(*opened[one.key], one.score, one.explanation) for one in ranked]


def candidate_ids(client_id: UUID, query: Profile) -> list[UUID]:
    """Who shares a match code with `query`, those who share most of them first."""
    indexer = vault.indexer(client_id)
    digests = [indexer.digest(MATCH, code) for code in matching.codes(query)]
    if not digests:
        return []
    rows = BlindIndex.objects.filter(
        client_id=client_id, kind=BlindIndex.Kind.MATCH_CODE, digest__in=digests
    ).values_list("consumer_id", flat=True)
    shared = Counter(rows[: MOST_CANDIDATES * len(digests)])
    return [pk for pk, _ in shared.most_common(MOST_CANDIDATES)]


def _open(client_id: UUID, ids: list[UUID]) -> list[tuple[Consumer, Profile]]:
    """The active consumers of `ids` with their profiles, in the order of `ids`."""
    rows = Consumer.objects.filter(client_id=client_id, pk__in=ids, state=Consumer.State.ACTIVE)
    consumers = {consumer.pk: consumer for consumer in rows}
    profiles = open_profiles(list(consumers.values()))
    return [(consumers[pk], profiles[pk]) for pk in ids if pk in profiles]


REASONS = {
    "consumer_asked": "A consumer wrote or called",
    "client_asked": "The client asked",
    "authority": "An authority or court asked",
    "incident": "An incident is being looked into",
}


def search_client(
    client: Client, query: Profile, *, reason: str, by: User, now: datetime
) -> list[Found]:
    """Search one client's people, and write that it was done (never what for) to the ledger."""
    check_role(by, SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    check_reach(by, client.pk)
    _check_question(query, reason)
    found = find(client.pk, query)
    _record("consumer.search", client.pk, len(found), reason, by, now)
    return found


def search_all(
    query: Profile, *, reason: str, by: User, now: datetime
) -> list[tuple[Client, list[Found]]]:
    """Search every client's people; the Security Officer alone may, and gives the reason."""
    check_role(by, SECURITY_OFFICER)
    _check_question(query, reason)
    answers = []
    for client in Client.objects.filter(ended_at__isnull=True):
        found = find(client.pk, query)
        _record("consumer.search_all", client.pk, len(found), reason, by, now)
        if found:
            answers.append((client, found))
    return answers


def _check_question(query: Profile, reason: str) -> None:
    if reason not in REASONS:
        raise Refused(
            "Say why you are searching; the reason goes into the ledger.", code="no_reason"
        )
    if not any((query.email, query.telephone, query.external_id)) and not matching.codes(query):
        raise Refused(
            "Give an e-mail address, a telephone number or an external id, or a surname and given name "
            "with a postcode or town; a street with its number and a postcode or town will do too.",
            code="too_little",
        )


def _record(verb: str, client_id: UUID, found: int, reason: str, by: User, now: datetime) -> None:
    ledger.record(
        verb=verb, by=by, client_id=client_id, reason=reason, counts={"found": found}, now=now
    )
