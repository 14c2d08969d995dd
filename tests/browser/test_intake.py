"""An erasure of many as its people see it: from the client's file over a stop and a resume to the certificate."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from clients.models import Instruction
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.erasures import execution, subjects
from requests.erasures.intake import reading
from requests.erasures.models import Erasure
from tests.browser.conftest import LogIn, Picture
from tests.erasures import intake
from tests.erasures.people import ALICE, BOB, CHARLIE, load, person
from tests.factories import make_client, make_instruction, make_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]
CROWD = [person(number) for number in range(1001, 1241)]


def the_file(folder: Path) -> Path:
    """A file of 253 rows, as a client would send it."""
    path = folder / "to-erase.csv"
    rows = [f";{one.email};;;;;;;" for one in CROWD]
    path.write_bytes(intake.content(*intake.ROWS, *rows))
    return path


def do(page: Page, verb: str) -> None:
    """Press a button of the case and confirm it."""
    page.get_by_role("link", name=verb).click()
    page.get_by_role("main").get_by_role("button", name=verb.rstrip("…")).click()


def test_a_file_is_read_while_people_watch_stopped_resumed_settled_and_erased(
    log_in: LogIn, picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    adam = make_user(ACCOUNT_MANAGER, username="adam", first_name="Adam", last_name="Alvarez")
    olivia = make_user(SECURITY_OFFICER, username="olivia", first_name="Olivia", last_name="Okafor")
    client = make_client("Harbor Outfitters", managers=[adam], now=now)
    load(client, [ALICE, BOB, CHARLIE, *CROWD], now=now)
    make_instruction(client, Instruction.Kind.ERASURE, now=now)

    page = log_in(adam)
    menu = page.get_by_role("navigation", name="Work")
    menu.get_by_role("link", name="Log an erasure from a file").click()
    page.get_by_label("Instruction").select_option(index=1)
    page.locator("input[type=file]").set_input_files(the_file(tmp_path))
    page.get_by_role("button", name="Upload and look at the columns").click()
    page.get_by_text("Social security numbers are never accepted.").wait_for()
    picture(page, "intake-columns")
    page.get_by_role("button", name="Read the file").click()
    page.get_by_text("Waiting for a worker").wait_for()
    erasure = Erasure.objects.get()

    monkeypatch.setattr(reading, "SIZE", 100)
    read_until_somebody_stops(page, monkeypatch, picture)
    erasure.refresh_from_db()
    assert (erasure.state, erasure.subjects.count()) == ("reading", 200)

    do(page, "Go on reading…")
    page.get_by_text("200 rows read").wait_for()
    execution.run_due(timezone.now)
    page.get_by_text("253 rows read").wait_for()  # the page has loaded itself anew
    picture(page, "intake-result")

    page.get_by_role("link", name="Look at the rows").click()
    page.get_by_role("navigation", name="Outcomes").get_by_role("link", name="Ambiguous").click()
    page.get_by_role("link", name="Settle among 1").click()
    page.get_by_text("Row 6 says").wait_for()
    page.get_by_label("None of them").check()
    page.get_by_role("button", name="Settle who is meant").click()
    page.get_by_text("Matched, awaiting approval").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Row report as CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 1 + 253

    page = log_in(olivia)
    page.get_by_role("link", name="Erasures to approve").click()
    page.get_by_role("link", name=erasure.reference).click()
    page.get_by_role("link", name="Approve…").click()
    page.get_by_role("cell", name=str(len(CROWD) + 3), exact=True).first.wait_for()
    page.get_by_label("Type the reference").fill(erasure.reference)
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved, can be recalled").first.wait_for()
    execution.run_due(lambda: timezone.now() + timedelta(days=2))
    page.reload()
    page.get_by_role("heading", name="Certificate").wait_for()


def read_until_somebody_stops(
    page: Page, monkeypatch: pytest.MonkeyPatch, picture: Picture
) -> None:
    """Let a worker read; before its third batch is written the person who watches presses the button."""
    match, batches = subjects.match, 0

    def watched(*args: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches == 3:
            page.get_by_text("200 rows read").wait_for()  # the moving part has moved by itself
            picture(page, "intake-reading")
            do(page, "Stop reading…")
            page.get_by_text("Stopped").first.wait_for()
        return match(*args)

    monkeypatch.setattr(subjects, "match", watched)
    execution.run_due(timezone.now)
    monkeypatch.setattr(subjects, "match", match)
