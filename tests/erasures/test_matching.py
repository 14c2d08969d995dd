"""Whom a description means, matched in sets: the same answer for one person and for many."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.models import Client
from consumers.models import Consumer
from consumers.profile import Profile
from requests.erasures import matching
from requests.erasures.matching import Outcome, match_people, match_person
from tests.erasures.people import ALICE, BOB, CHARLIE, load, person
from tests.factories import make_client

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

HOUSEHOLD = "+16175550100"


@pytest.fixture
def client_(now: datetime) -> Client:
    return make_client(now=now)


def by_name(**given: Any) -> Profile:
    return Profile(given_name="Alice", surname="Archer", country="US")._replace(**given)


AT_HOME = {"street": "12 Harbor Street", "postcode": "02210"}


@pytest.mark.parametrize(
    "given",
    [
        Profile(email="alice@example.com"),
        Profile(telephone="+16175550101"),
        Profile(external_id="cust-000001"),
        Profile(email="alice@example.com", telephone="+16175550101", external_id="cust-000001"),
        Profile(email="alice@example.com", external_id="unheard-of"),
        by_name(**AT_HOME),
    ],
)
def test_an_identifier_or_the_exact_name_and_address_settles_who_is_meant(
    given: Profile, client_: Client, now: datetime
) -> None:
    alice, *_ = load(client_, [ALICE, BOB, CHARLIE], now=now)
    assert match_person(client_.pk, given) == Outcome("one", alice.pk)


@pytest.mark.parametrize(
    "given",
    [
        by_name(given_name="Alise", **AT_HOME),
        by_name(street="12 Harbor Street", locality="Boston"),
        by_name(postcode="02210", street="21 Harbor Street"),
    ],
)
def test_whoever_merely_looks_alike_is_a_candidate(
    given: Profile, client_: Client, now: datetime
) -> None:
    alice, *_ = load(client_, [ALICE, CHARLIE], now=now)
    assert match_person(client_.pk, given) == Outcome("ambiguous", None, [alice.pk])


def test_identifiers_of_different_people_contradict_each_other(
    client_: Client, now: datetime
) -> None:
    people = load(client_, [ALICE, BOB], now=now)
    given = ALICE._replace(email=BOB.email)
    outcome = match_person(client_.pk, given)
    assert (outcome.match, set(outcome.candidates)) == ("ambiguous", {p.pk for p in people})


def sharing(*profiles: Profile) -> list[Profile]:
    return [profile._replace(telephone=HOUSEHOLD) for profile in profiles]


@pytest.mark.parametrize(
    "more",
    [{"external_id": "cust-000002"}, {"given_name": "BOB", "surname": "Archer"}],
)
def test_a_household_that_shares_a_telephone_is_told_apart_by_what_else_was_given(
    more: dict[str, Any], client_: Client, now: datetime
) -> None:
    _, bob = load(client_, sharing(ALICE, BOB), now=now)
    given = Profile(telephone=HOUSEHOLD, **more)
    assert match_person(client_.pk, given) == Outcome("one", bob.pk)


@pytest.mark.parametrize("more", [{}, {"given_name": "Dora", "surname": "Archer"}])
def test_a_shared_telephone_alone_settles_nothing(
    more: dict[str, Any], client_: Client, now: datetime
) -> None:
    people = load(client_, sharing(ALICE, BOB), now=now)
    outcome = match_person(client_.pk, Profile(telephone=HOUSEHOLD, **more))
    assert (outcome.match, set(outcome.candidates)) == ("ambiguous", {p.pk for p in people})


def test_father_and_son_of_one_name_and_telephone_are_not_told_apart(
    client_: Client, now: datetime
) -> None:
    son = BOB._replace(external_id="cust-000009", email="junior@example.com")
    people = load(client_, sharing(BOB, son), now=now)
    outcome = match_person(client_.pk, Profile(None, "Bob", "Archer", telephone=HOUSEHOLD))
    assert set(outcome.candidates) == {p.pk for p in people}


def test_a_telephone_that_very_many_share_tells_nobody_apart(
    client_: Client, now: datetime
) -> None:
    crowd = sharing(*(person(number) for number in range(1, 40)))
    people = load(client_, crowd, now=now)
    alone = match_person(client_.pk, Profile(telephone=HOUSEHOLD, given_name="Given7"))
    assert (alone.match, len(alone.candidates)) == ("ambiguous", matching.MOST_FOUND)
    last = crowd[-1]
    given = Profile(telephone=HOUSEHOLD, email=last.email)
    assert match_person(client_.pk, given) == Outcome("one", people[-1].pk)


@pytest.mark.parametrize("gone", ["seed", "erased", "other client's"])
def test_who_must_not_be_erased_is_not_found(gone: str, client_: Client, now: datetime) -> None:
    owner = make_client(now=now) if gone == "other client's" else client_
    (alice,) = load(owner, [ALICE], now=now)
    if gone == "seed":
        Consumer.objects.filter(pk=alice.pk).update(is_seed=True)
    if gone == "erased":
        Consumer.objects.filter(pk=alice.pk).update(
            state="erased", erased_at=now, sealed=None, content_digest=None, key_page=None, key_slot=None
        )  # fmt: skip
    for given in (Profile(email=ALICE.email), by_name(**AT_HOME)):
        assert match_person(client_.pk, given) == Outcome("none")


def crowd(number: int) -> list[Profile]:
    """Descriptions of every kind: known by each identifier, by name, misspelt, unknown."""
    kinds: list[Callable[[Profile], Profile]] = [
        lambda p: Profile(email=p.email),
        lambda p: Profile(telephone=p.telephone),
        lambda p: Profile(external_id=p.external_id),
        lambda p: p._replace(email=None, telephone=None, external_id=None),
        lambda p: p._replace(email=None, telephone=None, external_id=None, surname="Sirname"),
        lambda p: Profile(email=f"not-{p.email}"),
    ]
    return [kinds[at % len(kinds)](person(at + 1)) for at in range(number)]


def test_many_are_matched_as_each_alone(client_: Client, now: datetime) -> None:
    load(client_, [person(number) for number in range(1, 61)], now=now)
    people = crowd(60)
    together = match_people(client_.pk, people)
    assert together == [match_person(client_.pk, given) for given in people]
    assert {outcome.match for outcome in together} == {"one", "ambiguous", "none"}


def test_the_number_of_statements_does_not_grow_with_the_people(
    client_: Client, now: datetime
) -> None:
    load(client_, [person(number) for number in range(1, 121)], now=now)
    asked = []
    for number in (12, 120):
        with CaptureQueriesContext(
            connection,
        ) as told:
            match_people(client_.pk, crowd(number))
        asked.append(len(told))
    assert asked[0] == asked[1] <= 4
