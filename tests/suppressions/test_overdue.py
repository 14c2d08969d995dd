"""A mailing that is late: its list holds people whose six months are over before it is moved."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse

from clients.drops import lock_due, move_drop
from clients.models import Client, MailDrop
from portal.ledger.models import Leaf
from portal.roles import SECURITY_OFFICER
from requests.suppressions.models import CatalogSuppression
from requests.suppressions.schedule import advance
from tests.factories import make_client, make_user, staff_in
from tests.optouts.helpers import do_lift
from tests.suppressions.helpers import classes, make_drop, make_suppression

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def client_() -> Client:
    return make_client()


@pytest.fixture
def late(client_: Client, now: datetime) -> MailDrop:
    """A drop whose list was closed before the opt-out and which is mailed on no day yet."""
    drop = make_drop(client_, "late", (now + timedelta(days=10)).date())
    lock_due(now)
    drop.refresh_from_db()
    return drop


def move(drop: MailDrop, days: int, *, now: datetime) -> None:
    move_drop(
        drop,
        mail_date=(now + timedelta(days=days)).date(),
        lead_days=drop.lead_days,
        by=staff_in(SECURITY_OFFICER),
        now=now,
    )


def complete(suppression: CatalogSuppression) -> datetime:
    """The day after the last of the six months, when the schedule has completed it."""
    over = datetime.combine(suppression.tail_ends_on, datetime.min.time(), UTC) + timedelta(days=2)
    advance(over)
    suppression.refresh_from_db()
    assert suppression.state == "complete"
    return over


def test_a_list_that_is_mailed_after_the_case_was_complete_is_a_violation(
    client_: Client, late: MailDrop
) -> None:
    suppression = make_suppression(client_)
    over = complete(suppression)
    move(late, 5, now=over)
    assert classes(suppression) == {"late": "violation"}
    suppression.refresh_from_db()
    assert (suppression.state, suppression.has_violation) == ("complete", True)
    assert Leaf.objects.filter(verb="suppression.note_violation").count() == 1
    browser = Browser()
    browser.force_login(make_user(SECURITY_OFFICER))
    page = browser.get(reverse("admin:index")).content.decode()
    assert "Mailings that would reach people after their six months" in page


def test_a_move_within_the_six_months_is_noted_on_no_complete_case(
    client_: Client, late: MailDrop, now: datetime
) -> None:
    suppression = make_suppression(client_)
    move(late, 30, now=now)
    assert classes(suppression) == {"late": "tail"}
    complete(suppression)
    assert not suppression.has_violation


def test_a_lifted_suppression_hears_of_nothing_any_more(
    client_: Client, late: MailDrop, now: datetime
) -> None:
    suppression = make_suppression(client_)
    do_lift(suppression.opt_out, now=now + timedelta(days=3))
    move(late, 250, now=now + timedelta(days=4))
    assert classes(suppression) == {"late": "tail"}
    suppression.refresh_from_db()
    assert not suppression.has_violation
