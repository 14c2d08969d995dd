"""A real Chromium against the portal served by a thread of the test.

PICTURES=1 makes the screenshots of the documentation anew.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from portal.models import User
from tests.access.devices import code_of
from tests.factories import PASSWORD

# Playwright's own loop runs in this thread, and Django would take every query for one from within a coroutine.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LogIn = Callable[[User], Page]
Picture = Callable[[Page, str], None]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each test has a profile of its own.

    While Playwright's loop runs, Django's connections of this thread are others than before. Those are closed
    first, or their sessions would stay open, out of everybody's reach, to the end of all tests.
    """
    connections.close_all()
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "Install Chromium (Debian's package chromium); the pages are tested in it."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The portal without TLS; its middleware reads these settings once, when the server starts."""
    static = str(tmp_path_factory.mktemp("static"))
    with override_settings(SECURE_SSL_REDIRECT=False, SECURE_HSTS_SECONDS=0, STATIC_ROOT=static):
        server = LiveServer("localhost")
        yield server
        server.stop()


@pytest.fixture
def plain_cookies(settings: Settings) -> None:
    """Cookies that a browser keeps without TLS."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "sessionid", "csrftoken"


@pytest.fixture
def log_in(chromium: Browser, live_server: LiveServer, plain_cookies: None) -> Iterator[LogIn]:
    """Log in as a member of staff, in a window of their own; fails on any violation or script error."""
    complaints: list[str] = []
    contexts = []

    def on_error(error: Error) -> None:
        complaints.append(str(error))

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def enter(user: User) -> Page:
        user.set_password(PASSWORD)
        user.save()
        code = code_of(user)
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", on_error)
        page.on("console", on_console)
        page.goto(f"{live_server.url}/login/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="What is due").wait_for()
        return page

    yield enter
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def picture() -> Picture:
    """Take a picture for the documentation, where it is asked for."""

    def take(page: Page, name: str) -> None:
        if os.environ.get("PICTURES"):
            folder = Path(settings.BASE_DIR) / "docs" / "pictures"
            folder.mkdir(exist_ok=True)
            page.screenshot(path=folder / f"{name}.png", full_page=True)

    return take
