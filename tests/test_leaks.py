"""Wherever something breaks, no line of a log, no page and no session tells who it was about."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from celery import shared_task
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Client, Instruction
from consumers.models import Consumer
from portal import ledger
from portal.logs import LineFormatter, NoPersonalData
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.models import OptOut
from tests.erasures.people import ALICE, BOB, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

SECRETS = (
    "alice",
    "archer",
    "harbor street",
    "617-555-0101",
    "6175550101",
    "cust-000001",
    "zanzibar",
)
PERSON = {
    "email": "alice@example.com",
    "telephone": "+1 617-555-0101",
    "external_id": "cust-000001",
    "given_name": "Alice",
    "surname": "Archer",
    "street": "12 Harbor Street",
    "postcode": "02210",
    "locality": "Boston",
}
WORDS = "Alice Archer of 12 Harbor Street wrote of Zanzibar."


class _Lines(logging.Handler):
    """The lines that the console would show, of every logger and level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.addFilter(NoPersonalData())
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged at the level DEBUG while the test runs."""
    handler = _Lines()
    loggers = [logging.getLogger(name) for name in ("", "django", "django.db.backends", "celery")]
    before = [(one, one.level) for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        if one.parent is None or not one.propagate:
            one.addHandler(handler)
    yield handler.lines
    for one, level in before:
        one.setLevel(level)
        one.removeHandler(handler)


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    return make_client("Southern Stores", managers=[manager], now=now)


@pytest.fixture
def people(client_: Client, now: datetime) -> list[Consumer]:
    return load(client_, [ALICE, BOB], now=now)


def browser_of(user: User) -> Browser:
    browser = Browser(raise_request_exception=False)
    browser.force_login(user)
    return browser


def evidence() -> SimpleUploadedFile:
    return SimpleUploadedFile("alice-archer.txt", WORDS.encode(), "text/plain")


def clean(text: str) -> None:
    told = [secret for secret in SECRETS if secret in text.lower()]
    assert not told, "something personal stands where it must not"


def posts(client: Client, person: Consumer, now: datetime, by: User) -> Iterator[tuple[str, Any]]:
    """Each page to which something personal is posted, with what is posted."""
    when = "2026-11-20T10:00"
    erase = make_instruction(client, Instruction.Kind.ERASURE, is_standing=True)
    yield reverse("consumers:search"), PERSON | {"client": client.pk, "reason": "client_asked"}
    yield (
        reverse("admin:consumers_consumer_change", args=[person.pk]),
        {"reason": "consumer_asked"},
    )
    yield (
        reverse("erasures:log_for", args=[client.pk]),
        PERSON | {"instruction": erase.pk, "channel": "email", "received_at": when},
    )
    yield (
        reverse("optouts:log_for", args=[client.pk, "every"]),
        PERSON | {"channel": "email", "received_at": when, "text": WORDS, "evidence": evidence()},
    )
    yield (
        reverse("instructions:log_for", args=[client.pk]),
        {
            "kind": "erasure",
            "channel": "letter",
            "received_at": when,
            "note": WORDS,
            "evidence": evidence(),
            "instructed_by": client.contacts.get().pk,
        },
    )
    yield (
        reverse("imports:upload"),
        {
            "client": client.pk,
            "kind": "consumers",
            "file": SimpleUploadedFile(
                "alice-archer.csv", b"email,name\nalice@example.com,Alice\n"
            ),
        },
    )
    yield (
        reverse("admin:clients_instruction_verb", args=[erase.pk, "withdraw"]),
        {"finding": WORDS},
    )


def test_what_breaks_in_the_middle_of_a_verb_is_logged_without_its_values(
    client_: Client,
    people: list[Consumer],
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
) -> None:
    """The audit record fails at the end of each verb, with an error that quotes all that was posted."""
    officer = browser_of(make_user(SECURITY_OFFICER))
    todo = list(posts(client_, people[0], now, client_.assignments.get().user))

    def fails(**_: Any) -> None:
        raise RuntimeError(f"DETAIL: {PERSON} {WORDS}")

    for module in ("portal.ledger", "portal.ledger.leaves"):
        monkeypatch.setattr(f"{module}.record", fails)
    for url, posted in todo:
        lines.clear()
        answer = officer.post(url, posted)
        assert answer.status_code == 500, url
        assert any("RuntimeError" in line for line in lines), url
        clean(answer.content.decode() + "\n".join(lines))


def test_what_is_posted_is_in_no_log_session_admin_log_or_address(
    client_: Client, people: list[Consumer], lines: list[str], now: datetime
) -> None:
    browser = browser_of(make_user(SECURITY_OFFICER, username="olivia"))
    todo = list(posts(client_, people[0], now, client_.assignments.get().user))
    lines.clear()
    for url, posted in todo:
        answer = browser.post(url, posted)
        assert answer.status_code in (200, 302), (url, answer.status_code)
        clean(url + answer.headers.get("Location", ""))
        assert "no-store" in answer.headers["Cache-Control"], url
    clean("\n".join(lines))
    for session in Session.objects.all():
        clean(str(session.get_decoded()))
    for entry in LogEntry.objects.all():
        clean(entry.object_repr + entry.change_message)
    for cookie in browser.cookies.values():
        clean(cookie.value)
    clean(str(list(ledger.models.Leaf.objects.values())))


def test_a_page_that_was_not_found_is_logged_without_the_person_in_its_address(
    client_: Client, lines: list[str]
) -> None:
    browser = browser_of(make_user(SECURITY_OFFICER))
    for address in ("/x/alice@example.com", "/?q=alice@example.com", "/x/617-555-0101/"):
        browser.get(address)
    assert sum("Not Found" in line for line in lines) == 2
    clean("\n".join(lines))


def test_the_title_of_a_page_names_nobody(
    client_: Client, people: list[Consumer], manager: User, now: datetime
) -> None:
    """Titles stand in the history of a browser."""
    browser = browser_of(manager)
    for url, posted in posts(client_, people[0], now, manager):
        page = browser.post(url, posted, follow=True).content.decode()
        clean(page[page.index("<title>") : page.index("</title>")])
    (opt_out,) = OptOut.objects.all()
    case = browser.get(reverse("admin:requests_optout_change", args=[opt_out.pk]))
    page = case.content.decode()
    clean(page[page.index("<title>") : page.index("</title>")])


def test_nobody_is_found_by_an_address(client_: Client, people: list[Consumer]) -> None:
    browser = browser_of(make_user(SECURITY_OFFICER))
    asked = f"?client={client_.pk}&reason=client_asked&email=alice@example.com"
    page = browser.get(reverse("consumers:search") + asked).content.decode()
    assert people[0].reference not in page
    clean(page)


def test_an_error_of_the_database_is_logged_without_its_details(
    client_: Client, people: list[Consumer], lines: list[str], now: datetime
) -> None:
    logging.getLogger("celery").error(
        "Something raised: %r",
        ValueError("duplicate key value\nDETAIL:  Key (name)=(Alice Archer) already exists."),
    )
    logging.getLogger("celery").error("failed", exc_info=ValueError("Alice Archer"))
    clean("\n".join(lines))
    assert len(lines) == 2


def test_a_task_that_fails_is_logged_by_the_kind_of_its_error(lines: list[str]) -> None:
    @shared_task
    def fails(whom: str) -> None:
        raise ValueError(f"There is no {whom}")

    assert fails.apply(("Alice Archer",)).failed()
    assert any("ValueError" in line for line in lines)
    clean("\n".join(lines))


def test_no_logger_of_a_worker_has_a_handler_that_scrubs_nothing() -> None:
    """Asked of a process of its own, because Celery sets loggers up once."""
    asks = (
        "import logging, django; django.setup(); from portal.celery import app; app.log.setup('INFO');"
        "every = [logging.getLogger(n) for n in ('', *logging.root.manager.loggerDict)];"
        "print(*{o.name for o in every for h in o.handlers"
        " if not h.filters and not isinstance(h, logging.NullHandler)})"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    told = subprocess.run(
        [sys.executable, "-c", asks], capture_output=True, text=True, check=True, env=env
    )
    assert told.stdout.strip() == ""
