"""The portal's main job, end to end, as people do it (docs/walk.md is made of its pictures)."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page

from clients.models import Instruction
from consumers.imports import runner
from consumers.models import Consumer, ImportJob, SensitiveIncident
from portal import ledger, outbox, vault
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.erasures import execution
from requests.erasures.models import Erasure
from tests.browser.conftest import LogIn, Picture
from tests.factories import make_client, make_instruction, make_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]
PEOPLE = Path(settings.BASE_DIR) / "tests" / "data" / "febrl4a.csv"


def work(page: Page, name: str) -> None:
    """Open a page of the menu."""
    page.get_by_role("navigation", name="Work").get_by_role("link", name=name, exact=True).click()


def import_people(page: Page, picture: Picture, name: str) -> ImportJob:
    work(page, "Import a file")
    page.get_by_label("What the file holds").select_option("consumers")
    page.locator("input[type=file]").set_input_files(PEOPLE)
    page.get_by_role("button", name="Upload and look at the columns").click()
    page.get_by_role("button", name="Start the import").wait_for()
    picture(page, f"{name}-columns")
    page.get_by_role("button", name="Start the import").click()
    page.get_by_text("Queued").first.wait_for()
    runner.run_due(timezone.now)  # the page asks how far the import is, and loads itself anew
    page.get_by_text("Finished").first.wait_for()
    picture(page, f"{name}-result")
    outbox.send_due(timezone.now())  # The file of an import that has ended goes by the outbox.
    return ImportJob.objects.latest("logged_at")


def find_misspelt(page: Page) -> None:
    """Courtney Painter of 12 Pinkerton Circuit, asked for as Courtny Paynter."""
    work(page, "Find a person")
    page.get_by_label("Client").select_option(label="Harbor Outfitters")
    page.get_by_label("Reason").select_option(label="The client asked")
    page.get_by_label("Given name").fill("Courtny")
    page.get_by_label("Surname").fill("Paynter")
    page.get_by_label("Street").fill("12 Pinkerton Circuit")
    page.get_by_label("Postcode").fill("4560")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="Who was found").wait_for()


def test_from_a_file_to_a_sealed_erasure_and_no_way_back(log_in: LogIn, picture: Picture) -> None:
    now = timezone.now()
    adam = make_user(ACCOUNT_MANAGER, username="adam", first_name="Adam", last_name="Alvarez")
    olivia = make_user(SECURITY_OFFICER, username="olivia", first_name="Olivia", last_name="Okafor")
    client = make_client("Harbor Outfitters", managers=[adam], now=now, default_country="AU")
    make_instruction(client, now=now)
    make_instruction(client, Instruction.Kind.ERASURE, now=now)

    adams = log_in(adam)
    job = import_people(adams, picture, "import")
    assert (job.rows_read, job.accepted, job.refused) == (5000, 5000, 0)
    assert (
        SensitiveIncident.objects.filter(case_id=job.pk, column__contains="soc_sec_id").count() == 1
    )

    find_misspelt(adams)
    adams.get_by_role("link", name=re.compile("^C-")).first.click()
    adams.get_by_role("heading", name="Consumer C-").wait_for()
    consumer = Consumer.objects.get(pk=adams.url.split("/")[-3])

    work(adams, "Log an erasure")
    adams.get_by_label("Instruction").select_option(index=1)
    adams.get_by_label("External id").fill("rec-1016-org")
    adams.get_by_role("button", name="Log the erasure").click()
    adams.get_by_text("Matched, awaiting approval").first.wait_for()
    erasure = Erasure.objects.get()
    assert erasure.subjects.get().consumer_id == consumer.pk

    olivias = log_in(olivia)
    olivias.get_by_role("link", name="Erasures to approve").click()
    olivias.get_by_role("link", name=erasure.reference).click()
    olivias.get_by_role("link", name="Approve…").click()
    olivias.get_by_label("Type the reference").fill(erasure.reference)
    olivias.get_by_role("button", name="Approve").click()
    olivias.get_by_text("Approved, can be recalled").first.wait_for()
    execution.run_due(lambda: now + timedelta(days=2))
    olivias.get_by_role("heading", name="Certificate").wait_for()

    again = import_people(adams, picture, "import-again")
    assert (again.unchanged, again.refused, again.accepted) == (4999, 1, 0)
    assert again.rows.get(outcome="refused").reason == "erased"
    find_misspelt(adams)
    adams.get_by_text("Nobody was found").wait_for()
    assert not vault.check().faults
    assert ledger.verify().ok
