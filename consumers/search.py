"""Finding a person on sealed data: exactly by an identifier, or ranked by name and address.

Invariants:
- A search opens only the profiles that share a digest with the question, never a table.
- Everything is per client, under the client's own keys; a search across clients asks all of them at once, is
  permitted to the Security Officer alone, and is written to each client's ledger with its reason.
- The question and the answers live in memory and in a POST; no address, log or cache ever holds them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

from django.db import transaction

from clients.access import check_reach
from clients.models import Client
from consumers import matching
from consumers.models import BlindIndex, Consumer
from consumers.profile import Profile
from consumers.setsearch import Held, holders, holders_among
from consumers.vaulting import IDENTIFIERS, MATCH, Digest, blind_digests, open_profiles
from portal import ledger, vault
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER, check_role

MOST_CANDIDATES = 200
MOST_FOUND = 25
LEAST_SCORE = 60.0
Opened = tuple[Consumer, Profile]
_NAMES = {int(kind): name.replace("_", " ") for name, kind in IDENTIFIERS}


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
    return find_among({client_id: query}).get(client_id, [])


def find_among(queries: Mapping[UUID, Profile]) -> dict[UUID, list[Found]]:
    """The same of many clients, each with its query; one of whom nobody fits is absent.

    The number of statements does not grow with the clients.
    """
    asked = {pk: blind_digests(vault.indexer(pk), query) for pk, query in queries.items()}
    held = holders_among(asked, most=MOST_CANDIDATES, seeds=True)
    likely = {pk: _likely(asked[pk], of_client) for pk, of_client in held.items()}
    people = _open(likely)
    found = {pk: _found(queries[pk], ids, people) for pk, ids in likely.items()}
    return {pk: of_client for pk, of_client in found.items() if of_client}


def _likely(asked: list[Digest], held: Held) -> dict[UUID, str]:
    """Whom to open, each with what finds them: an identifier's name, or "" for who shares match codes."""
    why: dict[UUID, str] = {}
    for kind, digest in asked:
        for pk in held.get((kind, digest), [])[:MOST_FOUND] if kind in _NAMES else ():
            why.setdefault(pk, _NAMES[kind])
    shared = Counter(pk for (kind, _), ids in held.items() if kind not in _NAMES for pk in ids)
    return why | {pk: "" for pk, _ in shared.most_common(MOST_CANDIDATES) if pk not in why}


def _found(query: Profile, likely: dict[UUID, str], people: dict[UUID, Opened]) -> list[Found]:
    exact = [
        Found(*people[pk], 100.0, f"{why} the same")
        for pk, why in likely.items()
        if why and pk in people
    ]
    others = ((pk, people[pk][1]) for pk, why in likely.items() if not why and pk in people)
    ranked = matching.rank(query, others, least=LEAST_SCORE)
    return [*exact, *(Found(*people[r.key], r.score, r.explanation) for r in ranked)][:MOST_FOUND]


def candidate_ids(client_id: UUID, query: Profile) -> list[UUID]:
    """Who shares a match code with `query`, those who share most of them first."""
    indexer = vault.indexer(client_id)
    digests = [
        (int(BlindIndex.Kind.MATCH_CODE), indexer.digest(MATCH, code))
        for code in matching.codes(query)
    ]
    return list(_likely(digests, holders(client_id, digests, most=MOST_CANDIDATES, seeds=True)))


def _open(ids: Mapping[UUID, Iterable[UUID]]) -> dict[UUID, Opened]:
    """The active consumers of `ids`, which are given by client, with their profiles."""
    rows = Consumer.objects.filter(
        client_id__in=ids, pk__in=chain(*ids.values()), state=Consumer.State.ACTIVE
    )
    consumers = {consumer.pk: consumer for consumer in rows}
    return {pk: (consumers[pk], opened) for pk, opened in open_profiles(consumers.values()).items()}


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
    _check_question(reason, query)
    found = find(client.pk, query)
    _record("consumer.search", client.pk, len(found), reason, by, now)
    return found


def search_all(
    queries: Mapping[str, Profile], *, reason: str, by: User, now: datetime
) -> list[tuple[Client, list[Found]]]:
    """Search every client's people; the Security Officer alone may, and gives the reason.

    `queries` hold the same person by country code, normalised as that country writes telephone numbers and
    addresses; a client is searched with that of its own country.
    """
    check_role(by, SECURITY_OFFICER)
    _check_question(reason, *queries.values())
    clients = Client.objects.filter(ended_at__isnull=True, default_country__in=queries)
    found = find_among({client.pk: queries[client.default_country] for client in clients})
    with transaction.atomic():
        for client in clients:
            number = len(found.get(client.pk, []))
            _record("consumer.search_all", client.pk, number, reason, by, now)
    return [(client, found[client.pk]) for client in clients if client.pk in found]


def _check_question(reason: str, *queries: Profile) -> None:
    if reason not in REASONS:
        raise Refused(
            "Say why you are searching; the reason goes into the ledger.", code="no_reason"
        )
    check_is_enough(*queries)


def check_is_enough(*queries: Profile) -> None:
    """Raise Refused where nobody could be found by what any of `queries` says."""
    if not any(
        query.email or query.telephone or query.external_id or matching.codes(query)
        for query in queries
    ):
        raise Refused(
            "Give an e-mail address, a telephone number or an external id, or a surname and given name "
            "with a postcode or town; a street with its number and a postcode or town will do too.",
            code="too_little",
        )


def _record(verb: str, client_id: UUID, found: int, reason: str, by: User, now: datetime) -> None:
    ledger.record(
        verb=verb, by=by, client_id=client_id, reason=reason, counts={"found": found}, now=now
    )
