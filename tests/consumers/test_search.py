"""Finding a person on sealed data: exactly, misspelt, among many alike, across clients; and what is recorded of it."""

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients.models import Client
from consumers import search
from consumers.models import Consumer
from consumers.profile import Profile
from consumers.search import Found, find, search_all, search_client
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from tests.erasures.people import ALICE, BOB, CHARLIE, load
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
TREES = ("Oak", "Elm", "Ash", "Fir", "Bay")
MISSPELT = Profile(
    given_name="Alise",
    surname="Archre",
    street="12 Harbour St",
    postcode="02210",
    locality="Boston",
    country="US",
)


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER)


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    client = make_client(managers=[manager], now=now)
    load(client, [ALICE, BOB, CHARLIE], now=now)
    return client


def names(found: list[Found]) -> list[str | None]:
    return [one.profile.given_name for one in found]


@pytest.mark.parametrize("field", ["email", "telephone", "external_id"])
def test_an_identifier_finds_its_person_alone(client_: Client, field: str) -> None:
    (found,) = find(client_.pk, Profile(**{field: getattr(ALICE, field)}))
    assert (found.profile, found.score) == (ALICE, 100.0)
    assert found.why == f"{field.replace('_', ' ')} the same"
    assert find(client_.pk, Profile(email="nobody@example.com")) == []


def test_a_misspelt_name_at_a_misspelt_address_finds_its_person_first(client_: Client) -> None:
    found = find(client_.pk, MISSPELT)
    assert names(found)[0] == "Alice"
    assert "surname" in found[0].why
    assert "Archer" not in f"{found} {found[0].why}"


def test_whoever_has_the_identifier_comes_before_whoever_has_the_name(client_: Client) -> None:
    found = find(client_.pk, ALICE._replace(external_id=None, email=BOB.email, telephone=None))
    assert names(found) == ["Bob", "Alice"]
    assert [one.score for one in found] == [100.0, 100.0]


def test_nobody_is_hidden_by_many_who_share_a_name_in_a_town(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_CANDIDATES", 4)
    client = make_client(now=now)
    people = [
        Profile(
            external_id=f"{town}-{number}",
            given_name="John",
            surname="Smith",
            street=f"{number} {TREES[number % 5]} Street",
            locality=town,
            postcode=f"{number:05d}",
            country="US",
        )
        for town in ("Boston", "Salem", "Lynn")
        for number in range(100, 130)
    ]
    load(client, people, now=now)
    for person in people:
        asked = person._replace(external_id=None, surname="Smyth")
        assert find(client.pk, asked)[0].profile.external_id == person.external_id


def test_a_seed_is_found_and_an_erased_person_is_not(client_: Client, now: datetime) -> None:
    Consumer.objects.filter(client=client_).update(is_seed=True)
    assert names(find(client_.pk, Profile(email=ALICE.email))) == ["Alice"]
    Consumer.objects.filter(client=client_).update(
        state="erased",
        sealed=None,
        content_digest=None,
        key_page=None,
        key_slot=None,
        erased_at=now,
    )
    assert find(client_.pk, Profile(email=ALICE.email)) == []


def test_a_search_of_one_client_stays_within_it(client_: Client, now: datetime) -> None:
    other = make_client(now=now)
    assert find(other.pk, MISSPELT._replace(email=ALICE.email)) == []


# ------------------------------------------------------------------------------------ across clients


def test_a_search_of_all_clients_takes_no_more_statements_for_more_of_them(
    client_: Client, now: datetime
) -> None:
    asked = MISSPELT._replace(email=ALICE.email)
    counts = []
    for _ in range(2):
        clients = list(Client.objects.values_list("pk", flat=True))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = search.find_among(dict.fromkeys(clients, asked))
        assert {pk: names(of_client)[0] for pk, of_client in found.items()} == dict.fromkeys(
            clients, "Alice"
        )
        counts.append(len(queries))
        for _ in range(4):
            load(make_client(now=now), [ALICE, CHARLIE], now=now)
    assert counts == [2, 2]


def test_every_client_that_was_looked_through_has_it_in_its_ledger(
    client_: Client, now: datetime
) -> None:
    other, ended = make_client(now=now), make_client(now=now)
    Client.objects.filter(pk=ended.pk).update(ended_at=now)
    officer = make_user(SECURITY_OFFICER)
    answers = search_all(
        {"US": Profile(email=ALICE.email)}, reason="authority", by=officer, now=now
    )
    assert [(client, names(found)) for client, found in answers] == [(client_, ["Alice"])]
    leaves = Leaf.objects.filter(verb="consumer.search_all", actor=officer, reason="authority")
    assert {leaf.client_id: leaf.counts for leaf in leaves} == {
        client_.pk: {"found": 1},
        other.pk: {"found": 0},
    }


SYDNEY = ALICE._replace(
    email=None, telephone="+61491570156", street="4/12 George Street", postcode="2000", country="AU"
)


def posted(now: datetime, **values: str) -> str:
    """The page that answers a search of all clients."""
    browser = Browser()
    browser.force_login(make_user(SECURITY_OFFICER))
    answer = browser.post(reverse("consumers:search"), {"reason": "authority", **values})
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_client_is_searched_by_the_rules_of_its_own_country(
    client_: Client, now: datetime
) -> None:
    sydney = make_client("Southern Cross", default_country="AU", now=now)
    load(sydney, [SYDNEY], now=now)
    name = {"given_name": "Alice", "surname": "Archer"}
    for asked in (
        {"telephone": "0491 570 156"},
        {**name, "street": "Unit 4, 12 George St", "postcode": "2000"},
    ):
        page = posted(now, **asked)
        assert "Southern Cross" in page
        assert client_.name not in page.split("Who was found")[1]
    page = posted(now, **name, street="12 Harbor Street", postcode="02210")
    assert client_.name in page.split("Who was found")[1]


def test_what_no_client_s_country_can_read_is_said_beside_the_field(
    client_: Client, now: datetime
) -> None:
    make_client(default_country="AU", now=now)
    assert "This is no telephone number" in posted(now, telephone="12")
    assert "Give an e-mail address" in posted(now, surname="Archer")


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF])
def test_nobody_but_the_security_officer_searches_all_clients(role: str, now: datetime) -> None:
    with pytest.raises(Refused):
        search_all(
            {"US": Profile(email=ALICE.email)}, reason="authority", by=make_user(role), now=now
        )


# --------------------------------------------------------------------------------- who may, and why


def test_a_search_is_in_the_ledger_without_what_was_searched_for(
    client_: Client, manager: User, now: datetime
) -> None:
    search_client(client_, Profile(email=ALICE.email), reason="consumer_asked", by=manager, now=now)
    (leaf,) = Leaf.objects.filter(verb="consumer.search").values()
    assert (leaf["client_id"], leaf["counts"]) == (client_.pk, {"found": 1})
    assert "alice" not in repr(leaf).lower()


def test_a_search_needs_a_reason_reach_and_enough_to_go_by(
    client_: Client, manager: User, now: datetime
) -> None:
    asked, little = Profile(email=ALICE.email), Profile(surname="Archer", country="US")
    stranger = make_user(ACCOUNT_MANAGER)
    with pytest.raises(Refused, match="Say why"):
        search_client(client_, asked, reason="curious", by=manager, now=now)
    with pytest.raises(Refused, match="no such client"):
        search_client(client_, asked, reason="client_asked", by=stranger, now=now)
    with pytest.raises(Refused, match="Give an e-mail address"):
        search_client(client_, little, reason="client_asked", by=manager, now=now)
    assert not Leaf.objects.filter(verb="consumer.search", outcome="done").exists()
