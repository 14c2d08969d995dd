"""Two days of dispute staff in a browser: a complaint that reaches the dispute body at day 46 and ends with a verified
remedy, and a notice of arbitration that comes too early."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from portal.roles import DISPUTE_STAFF, SECURITY_OFFICER
from requests.disputes import body, sweep, verbs
from requests.disputes.models import Dispute
from tests.browser.conftest import LogIn, Picture
from tests.disputes.helpers import make_dispute
from tests.factories import make_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]


def press(page: Page, verb: str) -> None:
    """Follow a verb's button, and do the deed of its page."""
    page.get_by_role("link", name=f"{verb}…").click()
    page.get_by_role("button", name=verb).click()
    page.get_by_text("Done for DC-").wait_for()


def test_a_complaint_reaches_the_dispute_body_at_day_46_and_ends_with_a_verified_remedy(
    log_in: LogIn, picture: Picture
) -> None:
    now = timezone.now()
    dana = make_user(DISPUTE_STAFF, username="dana", first_name="Dana", last_name="Diaz")
    olivia = make_user(SECURITY_OFFICER, username="olivia", first_name="Olivia", last_name="Okafor")
    case = make_dispute(now=now - timedelta(days=47), by=dana)
    sweep.lapse_due(now)
    page = log_in(dana)
    page.get_by_role("link", name="Dispute cases").first.click()
    page.get_by_role("link", name=case.reference).click()
    page.get_by_text("Not answered in time").first.wait_for()
    picture(page, "dispute-lapsed")

    page.get_by_role("link", name="Notice of the dispute body…").click()
    page.get_by_label("Received (UTC)").fill(f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}")
    page.get_by_label("Its reference").fill("ANA-2301")
    page.get_by_role("button", name="Notice of the dispute body").click()
    page.get_by_role("link", name="Assess the merits…").click()
    page.get_by_label("Merits").fill("Two catalogs were mailed after the opt-out.")
    page.get_by_label("Resolution").fill("The address is out of every list.")
    page.get_by_role("button", name="Assess the merits").click()
    page.get_by_role("link", name="Reply to the dispute body…").click()
    page.get_by_text("Two catalogs were mailed after the opt-out.").wait_for()
    picture(page, "dispute-reply")
    page.get_by_role("button", name="Reply to the dispute body").click()
    press(page, "Found eligible")
    page.get_by_role("link", name="Determined…").click()
    page.get_by_label("Delete the data").check()
    page.get_by_label("Due on").fill(f"{now + timedelta(days=10):%Y-%m-%d}")
    page.get_by_role("button", name="Determined").click()
    press(page, "Remedy performed")
    page.get_by_text("Performed, to be verified").wait_for()

    other = log_in(olivia)
    other.get_by_role("link", name="Remedies to perform or verify").click()
    other.get_by_role("link", name=case.reference).click()
    press(other, "Verify a remedy")
    press(other, "Close")
    picture(other, "dispute-closed")
    case.refresh_from_db()
    assert (case.state, case.remedies.get().verified_by) == ("closed", olivia)


def test_a_notice_of_arbitration_that_comes_too_early_is_objected_to_by_name(
    log_in: LogIn, picture: Picture
) -> None:
    now = timezone.now()
    dana = make_user(DISPUTE_STAFF, username="dana", first_name="Dana", last_name="Diaz")
    case = make_dispute(now=now - timedelta(days=80), by=dana)
    begun = now - timedelta(days=30)
    given: dict[str, Any] = {"by": dana, "now": begun}
    verbs.assess(case, merits="True.", resolution="Stopped.", **given)
    verbs.answer_late(case, way="email", **given)
    body.receive_ana_notice(case, noticed_at=begun, **given)
    body.find_eligible(case, **given)
    body.leave_unresolved(case, **given)
    page = log_in(dana)
    page.goto(f"{page.url.rstrip('/')}/requests/dispute/{case.pk}/change/")
    page.get_by_role("link", name="Notice of arbitration…").click()
    page.get_by_label("Received (UTC)").fill(f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Notice of arbitration").click()
    page.get_by_text("Notice of arbitration objected to").first.wait_for()
    picture(page, "dispute-objected")
    page.get_by_role("link", name="Send the objection…").click()
    page.get_by_text("- Referral to the Department of Commerce closed or 90 days old").wait_for()
    picture(page, "dispute-objection")
    page.get_by_role("button", name="Send the objection").click()
    page.get_by_text("Done for DC-").wait_for()
    found = Dispute.objects.get(pk=case.pk)
    assert (found.state, found.unmet) == ("objected", ["commerce"])
    assert found.objection_sent_at is not None
