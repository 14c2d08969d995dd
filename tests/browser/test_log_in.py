"""The first log-in of a member of staff, in a browser: setting the second step up, and using it."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from portal.access import codes
from portal.roles import SECURITY_OFFICER
from tests.access.devices import code_of, secret_of
from tests.browser.conftest import LogIn, Picture
from tests.factories import PASSWORD, make_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]


def test_somebody_new_sets_the_second_step_up_and_logs_in_with_it(
    chromium: Browser, live_server: LiveServer, plain_cookies: None, picture: Picture
) -> None:
    nina = make_user(SECURITY_OFFICER, username="nina", password=PASSWORD)
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{live_server.url}/requests/erasure/")
    page.get_by_label("Username").fill("nina")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Set up the second step").wait_for()
    assert page.get_by_role("link", name="Find a person").count() == 0
    assert page.locator("img.qr").bounding_box()["width"] > 150  # type: ignore[index]
    picture(page, "second-step-set-up")
    secret = secret_of(nina)
    assert page.get_by_text(codes.as_text(secret)).is_visible()
    page.get_by_label("The code that the app shows now").fill(code_of_app(secret))
    page.get_by_role("button", name="Finish").click()
    assert page.locator(".recovery-codes code").count() == 10
    picture(page, "recovery-codes")
    page.get_by_role("link", name="I have stored them").click()
    page.wait_for_url("**/requests/erasure/")
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{live_server.url}/")
    page.get_by_label("Username").fill("nina")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Code").fill("000")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("This code was not taken").wait_for()
    picture(page, "second-step")
    page.get_by_label("Code").fill(code_of(nina))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What is due").wait_for()
    page.goto(f"{live_server.url}/access/sessions/")
    assert page.get_by_text("This one").is_visible()
    picture(page, "sessions")
    context.close()
    assert complaints == []


def code_of_app(secret: bytes) -> str:
    return codes.code_at(secret, codes.step_at(timezone.now()))


def test_a_session_that_nobody_uses_ends(log_in: LogIn, live_server: LiveServer) -> None:
    page = log_in(make_user(SECURITY_OFFICER, username="olivia"))
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        page.goto(f"{live_server.url}/requests/erasure/")
        assert page.get_by_label("Password").is_visible()
