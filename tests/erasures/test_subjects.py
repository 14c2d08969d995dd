"""The rows of an erasure: each ends as one thing, nobody is named twice, what is settled keeps nothing."""

from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from clients.models import Client, Instruction
from consumers.models import Consumer
from consumers.profile import Profile
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER
from requests.erasures import subjects, verbs
from requests.erasures.models import Erasure, ErasureSubject
from requests.erasures.subjects import Described
from tests.erasures.people import ALICE, BOB, CHARLIE, load, person
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

NOBODY = Profile(email="nobody@example.com")
ALISE = Profile(given_name="Alise", surname="Archer", street="12 Harbor Street", postcode="02210")


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER)


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    return make_client(managers=[manager], now=now)


@pytest.fixture
def alice(client_: Client, now: datetime) -> Consumer:
    return load(client_, [ALICE, CHARLIE], now=now)[0]


def logged(client: Client, manager: User, now: datetime, *people: Profile) -> Erasure:
    return verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=people,
        channel="file",
        received_at=now,
        by=manager,
        now=now,
    )


def ends(erasure: Erasure) -> list[str]:
    return list(erasure.subjects.order_by("row_number").values_list("match", flat=True))


def test_whoever_is_named_twice_is_erased_once(
    client_: Client, manager: User, alice: Consumer, now: datetime
) -> None:
    named = (Profile(email=ALICE.email), NOBODY, Profile(external_id=ALICE.external_id), ALISE)
    erasure = logged(client_, manager, now, *named)
    assert ends(erasure) == ["one", "none", "repeated", "ambiguous"]
    assert subjects.matched_ids(erasure) == [alice.pk]
    ambiguous = erasure.subjects.get(match="ambiguous")
    verbs.resolve(erasure, subject=ambiguous, consumer=alice, by=manager, now=now)
    assert ends(erasure) == ["one", "none", "repeated", "repeated"]
    assert erasure.state == "matched"
    assert sum(subjects.tally(erasure).values()) == 4


def test_what_was_given_is_kept_sealed_until_its_row_is_settled(
    client_: Client, manager: User, alice: Consumer, now: datetime
) -> None:
    erasure = logged(client_, manager, now, ALISE, Profile(email=ALICE.email), ALICE)
    first = erasure.subjects.get(row_number=1)
    assert subjects.given_of(erasure, first) == ALISE
    assert b"Alise" not in bytes(first.given or b"")
    assert erasure.subjects.get(match="repeated").given is None
    verbs.resolve(erasure, subject=first, consumer=None, by=manager, now=now)
    first.refresh_from_db()
    assert (first.match, first.given, subjects.given_of(erasure, first)) == ("left_out", None, None)


def test_nobody_is_a_subject_of_one_case_twice_whoever_writes_it(
    client_: Client, manager: User, alice: Consumer, now: datetime
) -> None:
    erasure = logged(client_, manager, now, Profile(email=ALICE.email), NOBODY)
    with pytest.raises(IntegrityError), transaction.atomic():
        erasure.subjects.filter(match="none").update(match="one", consumer_id=alice.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        erasure.subjects.filter(match="none").update(match="refused", fault="row.syntax")


def test_a_refused_row_keeps_its_number_and_its_reason_alone(
    client_: Client, manager: User, now: datetime
) -> None:
    erasure = logged(client_, manager, now, NOBODY)
    with transaction.atomic():
        rows = subjects.match(erasure, [Described(2, None, "row.too_few_cells")])
        assert subjects.store(erasure, rows) == {"refused": 1}
    row = erasure.subjects.get(row_number=2)
    assert (row.match, row.fault, row.given, row.candidates) == (
        "refused", "row.too_few_cells", None, []
    )  # fmt: skip


def test_who_came_in_meanwhile_is_matched_anew_and_the_settled_stay(
    client_: Client, manager: User, alice: Consumer, now: datetime
) -> None:
    named = (
        NOBODY,
        Profile(email=ALICE.email),
        Profile(email=BOB.email),
        Profile(external_id=BOB.external_id),
    )
    erasure = logged(client_, manager, now, *named)
    assert ends(erasure) == ["none", "one", "none", "none"]
    (bob,) = load(client_, [BOB], now=now)
    verbs.match_again(erasure, by=manager, now=now)
    assert ends(erasure) == ["none", "one", "one", "repeated"]
    assert set(subjects.matched_ids(erasure)) == {alice.pk, bob.pk}
    assert erasure.subjects.get(match="repeated").given is None


def test_to_match_many_anew_takes_as_many_statements_as_to_match_one(
    client_: Client, manager: User, now: datetime
) -> None:
    asked = []
    for many in (2, 40):
        people = [person(number) for number in range(many * 100, many * 101)]
        erasure = logged(client_, manager, now, *people)
        load(client_, people, now=now)
        with CaptureQueriesContext(connection) as told:
            verbs.match_again(erasure, by=manager, now=now)
        assert set(ends(erasure)) == {"one"}
        asked.append(len(told))
    assert asked[0] == asked[1]


def test_a_settled_row_is_not_settled_again(
    client_: Client, manager: User, alice: Consumer, now: datetime
) -> None:
    erasure = logged(client_, manager, now, ALISE, ALISE)
    first, second = ErasureSubject.objects.order_by("row_number")
    verbs.resolve(erasure, subject=first, consumer=None, by=manager, now=now)
    with pytest.raises(Refused, match="settled already"):
        verbs.resolve(erasure, subject=first, consumer=alice, by=manager, now=now)
    verbs.resolve(erasure, subject=second, consumer=alice, by=manager, now=now)
    assert ends(erasure) == ["left_out", "one"]
