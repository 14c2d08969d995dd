"""What the second person approves is what that person has read, and it is still what the client meant."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import orjson
import pytest
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.urls import reverse

from clients.instructions import verbs as instructions
from clients.models import Client, Instruction
from consumers.models import Consumer, LegalHold
from consumers.profile import Profile
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure, ErasureSubject
from tests.erasures.people import ALICE, BOB, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

EMAIL = Profile(email="alice@example.com")


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    return make_client("Harbor Outfitters", managers=[manager], now=now)


@pytest.fixture
def alice(client_: Client, now: datetime) -> Consumer:
    (consumer,) = load(client_, [ALICE], now=now)
    return consumer


def logged(
    client: Client, by: User, now: datetime, *given: Profile, instruction: Instruction | None = None
) -> Erasure:
    return verbs.log_erasure(
        client=client,
        instruction=instruction or make_instruction(client, Instruction.Kind.ERASURE),
        people=given or [EMAIL],
        channel="email",
        received_at=now,
        by=by,
        now=now,
    )


def approve(case: Erasure, by: User, now: datetime, *, read: str = "") -> None:
    mark = read or mark_of(case)
    verbs.approve(case, confirmation=case.reference, read=mark, by=by, now=now)


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


@contextmanager
def refusal(code: str) -> Iterator[None]:
    """Expects a refusal with this code."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code, caught.value.sentence


# ------------------------------------------------------------------------------- what was read


def test_people_who_come_in_between_reading_and_approving_are_not_approved_unread(
    client_: Client, alice: Consumer, manager: User, officer: User, now: datetime
) -> None:
    case = logged(client_, manager, now, EMAIL, Profile(email="bob@example.com"))
    browser = browser_of(officer)
    page = reverse("admin:requests_erasure_verb", args=[case.pk, "approve"])
    read = mark_of(case)
    assert f'value="{read}"' in browser.get(page).content.decode()
    load(client_, [BOB], now=now)
    verbs.match_again(case, by=manager, now=now)
    posted = {"confirmation": case.reference, "read": read}
    answer = browser.post(page, posted)
    assert answer.status_code == 200
    assert "have changed since you opened the page" in answer.content.decode()
    case.refresh_from_db()
    assert case.state == "matched"
    # The page that came back shows both of them, and what it shows can be approved.
    assert f'value="{mark_of(case)}"' in answer.content.decode()
    assert browser.post(page, posted | {"read": mark_of(case)}).status_code == 302
    case.refresh_from_db()
    assert case.state == "approved"


@pytest.mark.parametrize("read", ["", "0" * 64, "a" * 65])
def test_nothing_is_approved_without_what_was_read(
    client_: Client, alice: Consumer, manager: User, officer: User, now: datetime, read: str
) -> None:
    case = logged(client_, manager, now)
    page = reverse("admin:requests_erasure_verb", args=[case.pk, "approve"])
    answer = browser_of(officer).post(page, {"confirmation": case.reference, "read": read})
    assert answer.status_code == 200
    case.refresh_from_db()
    assert case.state == "matched"


# --------------------------------------------------------------------------- who may be the second


def test_whoever_settled_who_is_meant_is_not_the_second_person(
    client_: Client, manager: User, officer: User, now: datetime
) -> None:
    people = load(client_, [ALICE, ALICE._replace(external_id="cust-000009")], now=now)
    case = logged(client_, manager, now)
    assert case.state == "ambiguous"
    subject = ErasureSubject.objects.get(erasure=case)
    verbs.resolve(case, subject=subject, consumer=people[0], by=officer, now=now)
    with refusal("four_eyes"):
        approve(case, officer, now)
    page = browser_of(officer).get(reverse("admin:requests_erasure_change", args=[case.pk]))
    assert "You decided whom this erasure is about" in page.content.decode()
    approve(case, make_user(SECURITY_OFFICER, username="oscar"), now)
    assert case.state == "approved"


def test_one_person_with_both_roles_is_not_two(
    client_: Client, alice: Consumer, now: datetime
) -> None:
    both = make_user(ACCOUNT_MANAGER, SECURITY_OFFICER)
    case = logged(client_, both, now)
    both.groups.set([Group.objects.get(name=SECURITY_OFFICER)])
    with refusal("four_eyes"):
        approve(case, User.objects.get(pk=both.pk), now)


def test_the_certificate_says_in_which_roles_it_was_signed_not_which_they_have_by_now(
    client_: Client, alice: Consumer, manager: User, officer: User, now: datetime
) -> None:
    case = logged(client_, manager, now)
    approve(case, officer, now)
    officer.groups.set([Group.objects.get_or_create(name=AUDITOR)[0]])
    manager.is_active = False
    manager.save()
    execution.run_due(lambda: now + timedelta(days=2))
    case.refresh_from_db()
    assert [one["role"] for one in orjson.loads(case.certificate)["signatories"]] == [
        ACCOUNT_MANAGER,
        SECURITY_OFFICER,
    ]


# ------------------------------------------------------------------------------------ legal holds


def test_a_hold_of_one_case_is_not_released_by_another(
    client_: Client, alice: Consumer, manager: User, officer: User, now: datetime
) -> None:
    standing = make_instruction(client_, Instruction.Kind.ERASURE, is_standing=True)
    first = logged(client_, manager, now, instruction=standing)
    second = logged(client_, manager, now, instruction=standing)
    verbs.hold(first, ground="litigation", by=officer, now=now)
    verbs.hold(second, ground="authority", by=officer, now=now)
    verbs.release_hold(second, by=officer, now=now)
    with refusal("legal_hold"):
        approve(second, officer, now)
    verbs.release_hold(first, by=officer, now=now)
    assert not LegalHold.objects.filter(released_at__isnull=True).exists()
    approve(second, officer, now)


def test_a_hold_that_could_keep_nothing_any_more_is_refused(
    client_: Client, alice: Consumer, manager: User, officer: User, now: datetime
) -> None:
    standing = make_instruction(client_, Instruction.Kind.ERASURE, is_standing=True)
    first = logged(client_, manager, now, instruction=standing)
    second = logged(client_, manager, now, instruction=standing)
    approve(first, officer, now)
    Erasure.objects.filter(pk=first.pk).update(state="journalled")
    with refusal("being_erased"):
        verbs.hold(second, ground="litigation", by=officer, now=now)
    assert not LegalHold.objects.exists()


# ------------------------------------------------------------------------------------ instruction


def test_an_instruction_that_was_suspended_and_taken_up_again_is_still_the_cases_own(
    client_: Client, alice: Consumer, manager: User, officer: User, now: datetime
) -> None:
    instruction = make_instruction(client_, Instruction.Kind.ERASURE)
    case = logged(client_, manager, now, instruction=instruction)
    instructions.suspend(instruction, finding="It seems unlawful.", by=officer, now=now)
    with refusal("not_in_effect"):
        approve(case, officer, now)
    page = browser_of(officer).get(reverse("admin:requests_erasure_change", args=[case.pk]))
    assert "is not in effect" in page.content.decode()
    instructions.resume(instruction, finding="The client explained it.", by=officer, now=now)
    instructions.review_legality(
        instruction, lawful=True, finding="It is lawful.", by=officer, now=now
    )
    instructions.approve(instruction, by=officer, now=now)
    approve(case, officer, now)
    execution.run_due(lambda: now + timedelta(days=2))
    instruction.refresh_from_db()
    assert instruction.state == "executed"


def test_a_case_that_is_rejected_while_its_instruction_is_suspended_gives_it_back(
    client_: Client, alice: Consumer, manager: User, officer: User, now: datetime
) -> None:
    instruction = make_instruction(client_, Instruction.Kind.ERASURE)
    case = logged(client_, manager, now, instruction=instruction)
    instructions.suspend(instruction, finding="It seems unlawful.", by=officer, now=now)
    verbs.reject(case, by=officer, now=now)
    instruction.refresh_from_db()
    assert (instruction.state, instruction.used_by_case) == ("suspended", None)
    assert Leaf.objects.filter(object_id=instruction.pk, verb="instruction.release").exists()
