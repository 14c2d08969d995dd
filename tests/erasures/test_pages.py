"""The pages of an erasure as their users see them."""

from datetime import datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.models import Client, Instruction
from consumers.profile import Profile
from portal import retire
from portal.cases import thread
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from tests.erasures.people import ALICE, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    client = make_client("Harbor Outfitters", managers=[manager], now=now)
    load(client, [ALICE], now=now)
    return client


@pytest.fixture
def erasure(client_: Client, manager: User, now: datetime) -> Erasure:
    return verbs.log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com")],
        channel="email",
        received_at=now,
        by=manager,
        now=now,
    )


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def pages_of(erasure: Erasure) -> list[str]:
    case = reverse("admin:requests_erasure_change", args=[erasure.pk])
    verb_page = "admin:requests_erasure_verb"
    return [
        case,
        *(reverse(verb_page, args=[erasure.pk, name]) for name in ("approve", "recall", "hold")),
        reverse("erasures:progress", args=[erasure.pk]),
        reverse("erasures:certificate_json", args=[erasure.pk]),
        reverse("erasures:certificate_pdf", args=[erasure.pk]),
        reverse("erasures:log_for", args=[erasure.client_id]),
    ]


def test_an_account_manager_of_another_client_finds_nothing_at_any_address(
    erasure: Erasure,
) -> None:
    stranger = make_user(ACCOUNT_MANAGER)
    make_client(managers=[stranger])
    browser = browser_of(stranger)
    for url in pages_of(erasure):
        assert browser.get(url).status_code == 404, url
        assert browser.post(url).status_code == 404, url
    page = browser.get(reverse("admin:requests_erasure_changelist"))
    assert erasure.reference not in page.content.decode()


def test_dispute_staff_see_no_erasure_and_an_auditor_only_reads(erasure: Erasure) -> None:
    outsider, auditor = browser_of(make_user(DISPUTE_STAFF)), browser_of(make_user(AUDITOR))
    case = reverse("admin:requests_erasure_change", args=[erasure.pk])
    assert outsider.get(case).status_code in (403, 404)
    assert "Approve" not in auditor.get(case).content.decode()
    approve = reverse("admin:requests_erasure_verb", args=[erasure.pk, "approve"])
    auditor.post(approve, {"confirmation": erasure.reference})
    erasure.refresh_from_db()
    assert erasure.state == "matched"


def test_the_officer_previews_approves_and_reads_the_certificate(
    erasure: Erasure, now: datetime
) -> None:
    browser = browser_of(make_user(SECURITY_OFFICER))
    approve = reverse("admin:requests_erasure_verb", args=[erasure.pk, "approve"])
    page = browser.get(approve).content.decode()
    assert "purchase history" in page
    assert "alice" not in page.lower()
    assert "Type ER-" in browser.post(approve, {"confirmation": "no"}).content.decode()
    read = mark_of(erasure)
    assert f'value="{read}"' in page
    posted = browser.post(approve, {"confirmation": erasure.reference, "read": read})
    assert posted.status_code == 302
    execution.run_due(lambda: timezone.now() + timedelta(days=365))
    told = browser.get(reverse("erasures:certificate_json", args=[erasure.pk]))
    assert told.status_code == 200
    assert told["X-Certificate-Signature"]
    document = browser.get(reverse("erasures:certificate_pdf", args=[erasure.pk]))
    assert document.content.startswith(b"%PDF")


def test_an_erasure_is_logged_on_the_page_and_the_person_is_in_no_address(
    client_: Client, manager: User, now: datetime
) -> None:
    instruction = make_instruction(client_, Instruction.Kind.ERASURE)
    answer = browser_of(manager).post(
        reverse("erasures:log_for", args=[client_.pk]),
        {
            "instruction": instruction.pk,
            "channel": "email",
            "received_at": "2026-11-20T10:00",
            "email": "Alice@Example.com",
        },
    )
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    (logged,) = Erasure.objects.all()
    assert answer["Location"] == reverse("admin:requests_erasure_change", args=[logged.pk])
    assert logged.state == "matched"


def test_the_page_of_a_rejected_case_says_that_what_was_given_was_destroyed(
    erasure: Erasure, manager: User, now: datetime
) -> None:
    officer = make_user(SECURITY_OFFICER)
    thread.add(erasure, direction="in", channel="email", text="Erase Alice.", by=manager, now=now)
    verbs.reject(erasure, by=officer, now=now)
    url = reverse("admin:requests_erasure_change", args=[erasure.pk])
    for user in (manager, officer, make_user(AUDITOR)):
        page = browser_of(user).get(url).content.decode()
        assert "What the client gave was destroyed when the case closed." in page
        assert "Its key is being shredded." in page
        assert "Destroyed when the case closed." in page
        assert "Erase Alice." not in page
    retire.shred_retired(now)
    assert "Its key was shredded" in browser_of(manager).get(url).content.decode()


def test_an_erasure_of_nobody_is_not_logged(client_: Client, manager: User) -> None:
    instruction = make_instruction(client_, Instruction.Kind.ERASURE)
    page = browser_of(manager).post(
        reverse("erasures:log_for", args=[client_.pk]),
        {"instruction": instruction.pk, "channel": "email", "received_at": "2026-11-20T10:00"},
    )
    assert "Give an e-mail address" in page.content.decode()
    assert not Erasure.objects.exists()


def test_who_is_meant_must_be_chosen_and_none_of_them_is_a_choice(
    client_: Client, manager: User, now: datetime
) -> None:
    load(client_, [ALICE._replace(external_id="A-2", email=None, telephone=None)], now=now)
    named = Profile(
        given_name=ALICE.given_name,
        surname=ALICE.surname,
        street=ALICE.street,
        postcode=ALICE.postcode,
        country="US",
    )
    erasure = verbs.log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE),
        people=[named],
        channel="email",
        received_at=now,
        by=manager,
        now=now,
    )
    assert erasure.state == "ambiguous"
    url = reverse("admin:requests_erasure_verb", args=[erasure.pk, "resolve"])
    browser, row = browser_of(manager), erasure.subjects.get()
    page = browser.get(url).content.decode()
    assert "None of them: leave this row out" in page
    assert "Row 1 says: A******, A******" in page or "Row 1 says: a******, a******" in page
    assert "This field is required" in browser.post(url, {"subject": row.pk}).content.decode()
    row.refresh_from_db()
    assert row.match == "ambiguous"
    assert browser.post(url, {"subject": row.pk, "consumer": "none"}).status_code == 302
    row.refresh_from_db()
    assert row.match == "left_out"


@pytest.mark.parametrize(
    ("hours", "said"), [(0, "has agreed no time to recall it"), (24, "for 24 hours")]
)
def test_the_officer_is_told_how_long_an_erasure_can_be_recalled(
    erasure: Erasure, hours: int, said: str
) -> None:
    Client.objects.filter(pk=erasure.client_id).update(recall_hours=hours)
    url = reverse("admin:requests_erasure_verb", args=[erasure.pk, "approve"])
    assert said in browser_of(make_user(SECURITY_OFFICER)).get(url).content.decode()
