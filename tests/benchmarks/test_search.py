"""How fast a person is found among a hundred thousand, sealed, against plain columns and Django's own search.

The naive way: the same people in a table of plain columns. An identifier, or a whole name and address, is looked
for by the admin's `search_fields` (`icontains`, each word in any column). That finds no misspelt name; for one, the
rows whose postcode contains the given one are ranked by the standard library's `difflib`.
"""

import os
from collections.abc import Callable
from difflib import SequenceMatcher
from random import Random
from statistics import median

import pytest
from django.apps.registry import Apps
from django.contrib import admin
from django.db import connection, models
from django.test import RequestFactory
from django.utils import timezone

from clients.models import Client
from consumers import normalise, search
from consumers.models import Consumer
from consumers.profile import Profile
from portal.models import User
from tests.benchmarks.crowd import Member, as_csv, crowd
from tests.benchmarks.measuring import Measured, by_turns, execute, plans_of
from tests.imports import engine

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]
PEOPLE = int(os.environ.get("BENCH_CROWD", "100000"))
ASKED = 5


class Person(models.Model):
    """A consumer as a Django project would store one. No part of the portal: its registry is its own."""

    customer_id = models.CharField(max_length=20)
    email = models.CharField(max_length=254)
    telephone = models.CharField(max_length=20)
    given_name = models.CharField(max_length=100)
    surname = models.CharField(max_length=100)
    street_number = models.CharField(max_length=10)
    address_1 = models.CharField(max_length=200)
    suburb = models.CharField(max_length=100)
    postcode = models.CharField(max_length=10)
    state = models.CharField(max_length=10)
    date_of_birth = models.CharField(max_length=10)

    class Meta:
        app_label = "scratch"
        apps = Apps()

    def __str__(self) -> str:
        return f"person {self.pk}"


class PersonAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not made generic for what is not ours
    search_fields = Member._fields


PLAIN = PersonAdmin(Person, admin.AdminSite())


def plain_search(words: str) -> list[Person]:
    """What the stock admin finds."""
    request = RequestFactory().get("/")
    found, _ = PLAIN.get_search_results(request, Person._default_manager.all(), words)
    return list(found[:100])


def plain_misspelt(asked: Member) -> list[Person]:
    """Everybody whose postcode contains this one, the most similar first."""

    def likeness(person: Person) -> float:
        written = " ".join(
            (person.given_name, person.surname, person.street_number, person.address_1)
        )
        return SequenceMatcher(None, written, _written(asked)).ratio()

    near = Person._default_manager.filter(postcode__icontains=asked.postcode)
    return sorted(near, key=likeness, reverse=True)


def _written(asked: Member) -> str:
    return " ".join((asked.given_name, asked.surname, asked.street_number, asked.address_1))


def misspelt(person: Member, drawn: Random) -> Member:
    """Two neighbouring letters of the surname changed places, and one of the given name is missing."""
    given, surname = person.given_name, person.surname
    at, gone = drawn.randrange(1, len(surname) - 1), drawn.randrange(1, len(given))
    swapped = surname[:at] + surname[at + 1] + surname[at] + surname[at + 2 :]
    return person._replace(given_name=given[:gone] + given[gone + 1 :], surname=swapped)


def name_and_address(asked: Member) -> Profile:
    return Profile(
        given_name=asked.given_name,
        surname=asked.surname,
        street=f"{asked.street_number} {asked.address_1}",
        locality=asked.suburb,
        postcode=asked.postcode,
        country="AU",
    )


@pytest.fixture
def people() -> list[Member]:
    return list(crowd(PEOPLE))


@pytest.fixture
def client_(people: list[Member]) -> Client:
    """The crowd twice: sealed, by the portal's own import; and in plain columns."""
    client = engine.ready_client(default_country="AU")
    job = engine.bring_in(client, as_csv(people))
    assert (job.accepted, Consumer.objects.count()) == (PEOPLE, PEOPLE)
    with connection.schema_editor() as editor:
        editor.create_model(Person)
    columns = ", ".join(Member._fields)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY scratch_person ({columns}) FROM STDIN") as stream,
    ):
        for person in people:
            stream.write_row(person)
    execute("VACUUM ANALYZE")
    return client


@pytest.fixture(autouse=True)
def no_scratch_table_is_left() -> object:
    yield
    execute("DROP TABLE IF EXISTS scratch_person")


def test_search_of_a_person(people: list[Member], client_: Client) -> None:
    by, drawn = engine.manager_of(client_), Random(7)
    asked = [
        p for p in drawn.sample(people, 20 * ASKED) if min(len(p.given_name), len(p.surname)) > 4
    ]
    slips = [(misspelt(person, drawn), person) for person in asked]
    lines = {
        "e-mail": _measured(
            asked[:ASKED], client_, by, lambda p: p.email, lambda p: Profile(email=p.email)
        ),
        "telephone": _measured(asked[:ASKED], client_, by, lambda p: p.telephone, _by_telephone),
        "external id": _measured(
            asked[:ASKED],
            client_,
            by,
            lambda p: p.customer_id,
            lambda p: Profile(external_id=p.customer_id),
        ),
        "name, address": _measured(asked[:ASKED], client_, by, _written, name_and_address),
        "misspelt": by_turns(
            lambda pair: plain_misspelt(pair[0]),
            lambda pair: _ours(client_, by, name_and_address(pair[0])),
            slips[:ASKED],
        ),
    }
    print(f"\n  one person among {PEOPLE:,}:")
    for what, measured in lines.items():
        print(f"  {what:<14} {measured}")
    _tell_who_is_found(client_, by, slips)
    for question in (Profile(email=asked[0].email), name_and_address(asked[0])):
        digests, profiles = plans_of(lambda: search.find(client_.pk, question))  # noqa: B023
        assert "consumers_blindindex_pkey" in digests
        assert "Seq Scan" not in digests + profiles
    assert all(median(measured.ratios) > 1 for measured in lines.values())


def _measured(
    asked: list[Member],
    client: Client,
    by: User,
    words: Callable[[Member], str],
    question: Callable[[Member], Profile],
) -> Measured:
    """Both ways find the person; ours first of all, with its check of reach and its line in the ledger."""

    def naive(person: Member) -> None:
        assert person.customer_id in {found.customer_id for found in plain_search(words(person))}

    def ours(person: Member) -> None:
        assert _ours(client, by, question(person)) == person.customer_id

    return by_turns(naive, ours, asked)


def _by_telephone(person: Member) -> Profile:
    return Profile(telephone=normalise.telephone(person.telephone, "AU"))


def _ours(client: Client, by: User, question: Profile) -> str | None:
    found = search.search_client(client, question, reason="client_asked", by=by, now=timezone.now())
    return found[0].profile.external_id if found else None


def _tell_who_is_found(client: Client, by: User, slips: list[tuple[Member, Member]]) -> None:
    """How many of the misspelt are found, first of all: by the admin's search, by difflib, and by ours."""
    stock = sum(bool(plain_search(_written(asked))) for asked, _ in slips[:ASKED])
    difflib = [plain_misspelt(asked)[:1] for asked, _ in slips[: 4 * ASKED]]
    near = sum(
        bool(found) and found[0].customer_id == person.customer_id
        for found, (_, person) in zip(difflib, slips, strict=False)
    )
    ours = sum(_ours(client, by, name_and_address(asked)) == p.customer_id for asked, p in slips)
    print(
        f"  found though two letters are wrong: {ours} of {len(slips)} by ours, "
        f"{near} of {len(difflib)} by difflib, {stock} of {ASKED} by the admin's own search"
    )
    assert ours >= 0.95 * len(slips)
    assert stock == 0
