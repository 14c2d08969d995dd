"""What the admin's lists and pages answer to somebody who asks for more than they offer."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Client
from consumers.models import Consumer
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, DISPUTE_STAFF, SECURITY_OFFICER
from tests.erasures.people import ALICE, load
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

LISTS = (
    "clients_client",
    "clients_instruction",
    "clients_maildrop",
    "consumers_consumer",
    "consumers_importjob",
    "consumers_sensitiveincident",
    "consumers_suppressiontoken",
    "ledger_leaf",
    "portal_outboxmessage",
    "requests_catalogsuppression",
    "requests_erasure",
    "requests_optout",
)


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    return make_client("Harbor Outfitters", managers=[manager], now=now)


@pytest.fixture
def alice(client_: Client, now: datetime) -> Consumer:
    (consumer,) = load(client_, [ALICE], now=now)
    return consumer


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def test_a_person_is_shown_to_the_roles_that_work_with_people_alone(
    alice: Consumer, manager: User
) -> None:
    page = reverse("admin:consumers_consumer_change", args=[alice.pk])
    assert browser_of(make_user(SECURITY_OFFICER)).get(page).status_code == 200
    for role in (ADMINISTRATOR, DISPUTE_STAFF):
        browser = browser_of(make_user(role))
        assert browser.get(page).status_code == 404, role
        assert browser.post(page, {"reason": "client_asked"}).status_code == 404, role
    browser = browser_of(manager)
    assert browser.get(page).status_code == 200
    # The assignment is still there, but the role that it was for is gone in the middle of the session.
    manager.groups.set([Group.objects.get(name=DISPUTE_STAFF)])
    assert browser.get(page).status_code == 404


@pytest.mark.parametrize("name", LISTS)
def test_a_list_answers_no_filter_that_it_does_not_offer(name: str) -> None:
    browser = browser_of(make_user(SECURITY_OFFICER))
    page = reverse(f"admin:{name}_changelist")
    assert browser.get(page).status_code == 200
    for asked in (
        "client__name__startswith=A",
        "client__assignments__user__password__startswith=a",
        "logged_by__password__startswith=a",
        "content_digest=a",
        "sealed__startswith=a",
        "token=a",
        "id__gt=a",
        "_popup=1&_to_field=name",
        "state=%00",
    ):
        assert browser.get(f"{page}?{asked}").status_code == 400, asked


def test_staff_are_not_found_by_their_password(client_: Client) -> None:
    browser = browser_of(make_user(ADMINISTRATOR))
    page = reverse("admin:portal_user_changelist")
    for asked in ("password__startswith=p", "groups__user__password__startswith=p", "email=a"):
        assert browser.get(f"{page}?{asked}").status_code == 400, asked
    assert browser.get(f"{page}?is_active__exact=1").status_code == 200


def test_no_page_looks_for_any_row_by_its_kind_and_id(alice: Consumer) -> None:
    browser = browser_of(make_user(SECURITY_OFFICER))
    for asked in (f"/r/1/{alice.pk}/", "/r/1/alice/", "/r/x/y/"):
        assert browser.get(asked).status_code == 404


def test_the_filters_that_the_start_page_links_to_are_offered(manager: User) -> None:
    browser = browser_of(manager)
    for name, asked in (
        ("clients_instruction", "state=received"),
        ("requests_erasure", "state=matched"),
        ("requests_optout", "clock=late"),
        ("requests_catalogsuppression", "has_violation__exact=1"),
        ("consumers_importjob", "state=failed"),
        ("consumers_sensitiveincident", "informed=no"),
    ):
        url = reverse(f"admin:{name}_changelist")
        assert browser.get(f"{url}?{asked}").status_code == 200, name
