"""The pages: log, triage, find, the case with its verbs, the log of requests; and who may open them."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from consumers.models import Consumer
from portal.cases import files
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF
from requests.inquiries import endings, verbs
from requests.inquiries.branches import branches_of
from requests.inquiries.models import Inquiry
from tests.erasures.people import ALICE as ALICE_ON_FILE
from tests.erasures.people import load
from tests.factories import make_client, make_user, staff_in
from tests.inquiries.helpers import (
    WORDS,
    answered,
    make_inquiry,
    officer,
    responded,
    routed,
    triaged,
)

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def page(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def fresh(**fields: Any) -> Inquiry:
    return make_inquiry(now=timezone.now(), **fields)


def case_url(case: Any) -> str:
    return reverse(f"admin:requests_{case._meta.model_name}_change", args=[case.pk])


def test_an_account_manager_logs_a_letter_with_its_scan_and_sees_no_inquiry_of_the_house() -> None:
    browser = page(staff_in(ACCOUNT_MANAGER))
    response = browser.post(
        reverse("inquiries:log"),
        {
            "channel": "letter",
            "received_at": "2026-11-20T10:00",
            "name": "Alice Archer",
            "email": "",
            "address": "12 Main Street\nBoston MA 02210",
            "subject": "",
            "text": WORDS,
            "original": SimpleUploadedFile("scan.pdf", b"%PDF scan", "application/pdf"),
        },
    )
    assert response.status_code == 302, response.context["form"].errors
    case = Inquiry.objects.get()
    assert verbs.sender_of(case).address_lines == ("12 Main Street", "Boston MA 02210")
    assert case.received_at.day == 20
    (kept,) = files.of_case(case)
    with files.open_content(kept) as opened:
        assert opened.read() == b"%PDF scan"
    assert browser.get(case_url(case)).status_code in (302, 403, 404)


def test_triage_shows_the_message_and_goes_on_to_the_next_one() -> None:
    client = make_client("Harbor")
    first, second = fresh(text="First of all"), fresh(text="Second")
    browser = page(officer())
    response = browser.get(reverse("inquiries:triage_first"), follow=True)
    assert "First of all" in response.content.decode()
    assert "1 of 2 to be triaged" in response.content.decode()
    decision = {
        "kind": "erasure",
        "regime": "gdpr_request",
        "clients": [str(client.pk)],
        "urgency": "urgent",
        "assignee": str(officer().pk),
    }
    response = browser.post(reverse("inquiries:triage", args=[first.pk]), decision)
    assert response["Location"] == reverse("inquiries:triage", args=[second.pk])
    first.refresh_from_db()
    assert (first.state, first.kind, first.urgency) == ("triaged", "erasure", "urgent")
    response = browser.post(
        reverse("inquiries:triage", args=[second.pk]), {**decision, "people": 1}
    )
    assert response["Location"] == reverse("inquiries:find", args=[second.pk])
    wrong = browser.post(reverse("inquiries:triage", args=[second.pk]), {**decision, "kind": "x"})
    assert wrong.status_code == 422


def test_the_person_is_found_across_clients_and_chosen() -> None:
    client = make_client("Harbor")
    load(client, [ALICE_ON_FILE], now=timezone.now())
    case = triaged(fresh(), now=timezone.now())
    browser, url = page(officer()), reverse("inquiries:find", args=[case.pk])
    assert 'value="alice@example.com"' in browser.get(url).content.decode()
    shown = browser.post(url, {"email": "alice@example.com"}).content.decode()
    person = Consumer.objects.get()
    assert str(person.pk) in shown
    assert "a***@e***.com" in shown
    assert Leaf.objects.filter(verb="consumer.search_all", client_id=client.pk).exists()
    assert browser.post(url, {"choose": 1}, follow=True).status_code == 200
    assert branches_of(case) == []
    browser.post(url, {"choose": 1, "person": [str(person.pk), "nonsense"]})
    assert [one.consumer_id for one in branches_of(case)] == [person.pk]
    related = browser.get(reverse("admin:consumers_consumer_change", args=[person.pk]))
    assert branches_of(case)[0].reference in related.content.decode()


def test_every_verb_has_a_page_in_every_state() -> None:
    now = timezone.now()
    client = make_client("Harbor")
    made = [
        fresh(),
        triaged(fresh(), client, now=now),
        routed(fresh(), client, now=now),
        answered(routed(fresh(), client, now=now), now=now),
        responded(answered(routed(fresh(), client, now=now), now=now), now=now),
        fresh(channel="telephone"),
    ]
    endings.withdraw(made[-1], by=officer(), now=now)
    browser = page(officer())
    for case in made:
        for one in (case, *branches_of(case)):
            response = browser.get(case_url(one))
            assert response.status_code == 200
            for button in response.context["buttons"]:
                shown = browser.get(button.url)
                assert shown.status_code == 200, button.verb.name
    leaf = Leaf.objects.filter(verb="inquiry.read", object_id=made[0].pk).first()
    assert leaf is not None


def test_a_letter_is_read_changed_and_sent_from_the_verb_s_page() -> None:
    case = fresh()
    browser = page(officer())
    url = reverse("admin:requests_inquiry_verb", args=[case.pk, "acknowledge"])
    form = browser.get(url).context["form"]
    given = {
        name: form.initial[name] for name in ("way", "name", "email", "address", "subject", "body")
    }
    without = browser.post(url, {**given, "email": ""})
    assert "An e-mail needs an address." in without.content.decode()
    browser.post(url, {**given, "body": f"{given['body']}\n\nBest regards"})
    case.refresh_from_db()
    assert case.state == "acknowledged"
    shown = browser.get(case_url(case)).content.decode()
    assert "Best regards" in shown


def test_advertising_is_rejected_on_the_page_without_a_letter() -> None:
    case = fresh()
    url = reverse("admin:requests_inquiry_verb", args=[case.pk, "reject"])
    assert page(officer()).post(url, {"denial": "no_request"}).status_code == 302
    case.refresh_from_db()
    assert case.state == "rejected"


def test_settling_on_the_page_compares_and_keeps_nothing() -> None:
    now, client = timezone.now(), make_client("Harbor")
    load(client, [ALICE_ON_FILE], now=now)
    case = triaged(fresh(), client, now=now)
    person = Consumer.objects.select_related("client").get()
    verbs.choose_people(case, people=[person], by=officer(), now=now)
    browser = page(officer())
    name = "admin:requests_inquiry_verb"
    asking = reverse(name, args=[case.pk, "ask_identity"])
    form = browser.get(asking).context["form"]
    given = {
        name: form.initial[name] for name in ("way", "name", "email", "address", "subject", "body")
    }
    assert browser.post(asking, {**given, "fields_asked": ["email"]}).status_code == 302
    settling = reverse(name, args=[case.pk, "settle_identity"])
    refused = browser.post(settling, {"email": "eve@example.com", "verified": "yes"})
    assert "proves nothing" in refused.content.decode()
    assert (
        browser.post(settling, {"email": "Alice@Example.com", "verified": "yes"}).status_code == 302
    )
    case.refresh_from_db()
    assert case.identity == "verified"


@pytest.mark.parametrize("role", [AUDITOR, ACCOUNT_MANAGER, DISPUTE_STAFF])
def test_only_the_officer_triages_and_only_those_concerned_see_an_inquiry(role: str) -> None:
    case = fresh()
    browser = page(staff_in(role))
    assert browser.get(reverse("inquiries:triage", args=[case.pk])).status_code == 403
    assert browser.get(reverse("inquiries:find", args=[case.pk])).status_code == 403
    seen = browser.get(case_url(case)).status_code
    assert (seen == 200) is (role == AUDITOR)
    if role == DISPUTE_STAFF:
        endings.link_dispute(case, dispute_id=case.pk, by=officer(), now=timezone.now())
        assert browser.get(case_url(case)).status_code == 200


def test_an_account_manager_sees_own_parts_with_the_words_and_nobody_else_s() -> None:
    manager = make_user(ACCOUNT_MANAGER)
    own = make_client("Harbor", managers=[manager])
    case = routed(fresh(), own, make_client("Alpine"), now=timezone.now())
    mine, other = branches_of(case)
    browser = page(manager)
    assert WORDS in browser.get(case_url(mine)).content.decode()
    assert browser.get(case_url(other)).status_code in (302, 404)
    assert (
        other.reference
        not in browser.get(reverse("admin:requests_inquirybranch_changelist")).content.decode()
    )
    assert "await a client" in browser.get("/").content.decode()


def test_the_log_of_requests_names_nobody_and_its_figures_are_right() -> None:
    now = timezone.now()
    client = make_client("Harbor")
    answered(routed(fresh(received_at=now), client, now=now), now=now + timedelta(days=4))
    answered(
        routed(fresh(received_at=now), client, now=now),
        outcome="no_data",
        now=now + timedelta(days=2),
    )
    routed(fresh(received_at=now), client, now=now)
    spam = fresh(received_at=now)
    endings.reject(spam, denial="no_request", message=None, by=officer(), now=now)
    browser = page(staff_in(AUDITOR))
    response = browser.get(reverse("inquiries:register"))
    (one,) = response.context["figures"]
    assert (one.received, one.complied, one.denied) == (3, 1, 0)
    assert (one.mean_days, one.median_days) == (3.0, 3.0)
    log = browser.get(reverse("inquiries:log_csv")).content.decode()
    rows = list(csv.reader(io.StringIO(log)))
    assert len(rows) == 4
    assert rows[1][2:5] == ["Erasure", "CCPA", "E-mail"]
    assert "alice" not in log.lower()
    assert Leaf.objects.get(verb="inquiry.export_log").counts == {"inquiries": 3}
    assert browser.get(reverse("inquiries:log_csv"), {"start": "x"}).status_code == 422


def test_the_start_page_says_what_waits() -> None:
    fresh(received_at=timezone.now() - timedelta(days=30))
    case = fresh()
    verbs.add_reply(
        case, channel="email", sender=verbs.sender_of(case), subject="", text="And?",
        received_at=timezone.now(), by=User.objects.system(), now=timezone.now(),
    )  # fmt: skip
    Inquiry.objects.filter(pk=case.pk).update(due_at=timezone.now() + timedelta(hours=1))
    browser = page(officer())
    shown = browser.get("/").content.decode()
    for line in ("Inquiries to be triaged", "Inquiries past a deadline", "Replies to be read"):
        assert line in shown
    listed = reverse("admin:requests_inquiry_changelist")
    for clock, number in (("late", 1), ("soon", 1), ("unread", 1)):
        response = browser.get(listed, {"clock": clock})
        assert response.context["cl"].result_count == number, clock
    browser.get(case_url(case))
    assert browser.get(listed, {"clock": "unread"}).context["cl"].result_count == 0
