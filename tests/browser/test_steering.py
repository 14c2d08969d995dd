"""An erasure that is stopped and resumed while its page is open."""

from datetime import timedelta

import pytest
from django.utils import timezone

from clients.models import Instruction
from consumers import eraser
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from tests.browser.conftest import LogIn, Picture
from tests.erasures.people import load, person
from tests.factories import make_client, make_instruction, make_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]


def test_the_officer_stops_a_running_erasure_and_sees_it_end_after_the_resume(
    log_in: LogIn, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    adam = make_user(ACCOUNT_MANAGER, username="adam", first_name="Adam", last_name="Alvarez")
    olivia = make_user(SECURITY_OFFICER, username="olivia", first_name="Olivia", last_name="Okafor")
    client = make_client("Harbor Outfitters", managers=[adam], now=now)
    people = [person(number) for number in range(1, 13)]
    load(client, people, now=now)
    erasure = verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE, now=now),
        people=people,
        channel="file",
        received_at=now,
        by=adam,
        now=now,
    )
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=olivia, now=now
    )
    monkeypatch.setattr(execution, "BATCH", 5)
    tired = iter([False, True])

    def fails(*_: object) -> None:
        if next(tired, True):
            raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(execution, "remove_content", fails)
        patched.setattr(eraser, "files_of", lambda *_: [None])
        execution.run_due(lambda: now + timedelta(days=2))

    page = log_in(olivia)
    page.get_by_role("link", name="Erasures are tried again after a fault").click()
    page.get_by_role("link", name=erasure.reference).click()
    page.get_by_text("5 of 12 people").wait_for()
    page.get_by_text("Attempt 1 of 8 failed").wait_for()
    page.get_by_role("link", name="Stop the erasure…").click()
    page.get_by_text("Keys that have been shredded stay shredded").wait_for()
    page.get_by_role("button", name="Stop the erasure").click()
    page.get_by_text("By Olivia Okafor on").wait_for()
    picture(page, "erasure-stopped")
    assert execution.run_due(lambda: now + timedelta(days=3)) == 0

    page.get_by_role("link", name="Resume the erasure…").click()
    page.get_by_role("button", name="Resume the erasure").click()
    page.get_by_text("Waiting for a worker").wait_for()
    assert execution.run_due(lambda: now + timedelta(days=3)) == 1
    # The page asks by itself and loads anew.
    page.get_by_role("heading", name="Certificate").wait_for()
