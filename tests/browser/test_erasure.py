"""An erasure as its people see it: the account manager logs it, the Security Officer approves it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from clients.models import Instruction
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.erasures import execution
from requests.erasures.models import Erasure
from tests.browser.conftest import LogIn, Picture
from tests.erasures.people import ALICE, BOB, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]


def test_an_erasure_is_logged_approved_carried_out_and_certified(
    log_in: LogIn, picture: Picture
) -> None:
    now = timezone.now()
    adam = make_user(ACCOUNT_MANAGER, username="adam", first_name="Adam", last_name="Alvarez")
    olivia = make_user(SECURITY_OFFICER, username="olivia", first_name="Olivia", last_name="Okafor")
    client = make_client("Harbor Outfitters", managers=[adam], now=now)
    load(client, [ALICE, BOB], now=now)
    make_instruction(client, Instruction.Kind.ERASURE, now=now)

    page = log_in(adam)
    page.get_by_role("navigation", name="Work").get_by_role("link", name="Find a person").click()
    page.get_by_label("Client").select_option(label="Harbor Outfitters")
    page.get_by_label("Reason").select_option(label="The client asked")
    page.get_by_label("Given name").fill("Alise")
    page.get_by_label("Surname").fill("Archer")
    page.get_by_label("Street").fill("12 Harbor Street")
    page.get_by_label("Postcode").fill("02210")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="Who was found").wait_for()
    assert "alice@example.com" not in page.content()
    picture(page, "find-a-person")

    page.get_by_role("navigation", name="Work").get_by_role(
        "link", name="Log an erasure", exact=True
    ).click()
    page.get_by_label("Instruction").select_option(index=1)
    page.get_by_label("E-mail:", exact=True).fill("alice@example.com")
    page.get_by_role("button", name="Log the erasure").click()
    page.get_by_text("Matched, awaiting approval").first.wait_for()
    assert page.get_by_role("link", name="Approve").count() == 0
    erasure = Erasure.objects.get()

    page = log_in(olivia)
    picture(page, "start")
    page.get_by_role("link", name="Erasures to approve").click()
    page.get_by_role("link", name=erasure.reference).click()
    page.get_by_role("heading", name="What will be erased").wait_for()
    picture(page, "erasure-preview")
    page.get_by_role("link", name="Approve…").click()
    page.get_by_label("Type the reference").fill(erasure.reference)
    picture(page, "erasure-approve")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved, can be recalled").first.wait_for()

    execution.run_due(lambda: now + timedelta(days=2))
    # The page asks how far the case is, and loads itself anew.
    page.get_by_role("heading", name="Certificate").wait_for()
    picture(page, "erasure-certified")
    with page.expect_download() as download:
        page.get_by_role("link", name="Certificate (PDF)").click()
    assert download.value.suggested_filename == f"{erasure.reference}.pdf"


def test_an_account_manager_does_not_see_another_client(log_in: LogIn) -> None:
    now = timezone.now()
    adam, amira = make_user(ACCOUNT_MANAGER, username="adam"), make_user(ACCOUNT_MANAGER)
    make_client("Harbor Outfitters", managers=[adam], now=now)
    other = make_client("Alpine and Sons", managers=[amira], now=now)
    load(other, [ALICE], now=now)

    page = log_in(adam)
    page.goto(page.url + "clients/client/")
    assert page.get_by_role("link", name="Harbor Outfitters").count() == 1
    assert page.get_by_text("Alpine and Sons").count() == 0
    page.get_by_role("navigation", name="Work").get_by_role("link", name="Find a person").click()
    assert page.get_by_role("option", name="Alpine and Sons").count() == 0
