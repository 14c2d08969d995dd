"""Whoever guesses is locked out, learns nothing from it, and leaves nothing of what was typed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.test import RequestFactory
from pytest_django import Settings

from portal.access import lockout
from portal.access.login import source_of
from portal.access.models import Attempt
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import AUDITOR, SECURITY_OFFICER
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

SENTENCE = "Please enter a correct username and password"


@pytest.fixture(autouse=True)
def _clock(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture(autouse=True)
def _quick(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def olivia() -> User:
    return make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)


def attempt(name: str, password: str, **fields: Any) -> str:
    answer = Browser().post("/login/", {"username": name, "password": password}, **fields)
    return "in" if answer.status_code == 302 else answer.content.decode()


def test_after_five_wrong_passwords_the_right_one_is_refused_for_a_while(
    olivia: User, now: datetime
) -> None:
    pages = [attempt("olivia", "wrong") for _ in range(lockout.PER_NAME)]
    locked = [attempt("olivia", PASSWORD), attempt("OLIVIA", PASSWORD)]
    unknown = [attempt("nobody", "wrong") for _ in range(lockout.PER_NAME + 1)]
    assert all(SENTENCE in page for page in pages + locked + unknown)
    assert Attempt.objects.filter(subject=lockout.of_name("olivia")[0]).count() == 5
    with time_machine.travel(now + lockout.WINDOW - timedelta(seconds=1), tick=False):
        assert SENTENCE in attempt("olivia", PASSWORD)
    with time_machine.travel(now + lockout.WINDOW, tick=False):
        assert attempt("olivia", PASSWORD) == "in"
    assert not Attempt.objects.filter(subject=lockout.of_name("olivia")[0]).exists()


def test_the_ledger_names_the_member_of_staff_and_the_lock_once(olivia: User) -> None:
    for _ in range(lockout.PER_NAME + 3):
        attempt("olivia", "wrong")
    attempt("somebody", "wrong")
    leaves = list(Leaf.objects.filter(verb="access.log_in").order_by("id"))
    assert [leaf.reason for leaf in leaves] == [*["wrong_password"] * 4, "locked", "wrong_password"]
    assert [leaf.object_id for leaf in leaves] == [olivia.pk] * 5 + [None]
    assert {leaf.actor.username for leaf in leaves} == {"system"}


def test_nothing_that_was_typed_is_stored(olivia: User, caplog: pytest.LogCaptureFixture) -> None:
    attempt("alice.archer@example.com", "hunter2secret", REMOTE_ADDR="203.0.113.77")
    attempt("olivia", "hunter2secret", REMOTE_ADDR="203.0.113.77")
    stored = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            stored += [row[0] for row in cursor.fetchall()]
    whole = "\n".join(stored) + caplog.text
    assert Attempt.objects.count() == 4
    assert not [mark for mark in ("alice.archer", "hunter2", "203.0.113.77") if mark in whole]


def test_one_source_that_tries_many_names_is_refused_and_others_are_not(olivia: User) -> None:
    for number in range(lockout.PER_SOURCE):
        attempt(f"name{number}", "wrong", REMOTE_ADDR="203.0.113.77")
    assert SENTENCE in attempt("olivia", PASSWORD, REMOTE_ADDR="203.0.113.77")
    assert attempt("olivia", PASSWORD, REMOTE_ADDR="203.0.113.78") == "in"


def test_whoever_logs_in_is_not_counted_against_their_source(olivia: User) -> None:
    for _ in range(3):
        assert attempt("olivia", PASSWORD) == "in"
    assert not Attempt.objects.exists()


def test_a_proxy_names_the_source_by_what_it_adds_itself(settings: Settings) -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.77"}
    )
    settings.SECURE_PROXY_SSL_HEADER = None
    assert source_of(request) == "10.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert source_of(request) == "203.0.113.77"


def test_attempts_are_forgotten_after_thirty_days(now: datetime) -> None:
    for days in (31, 29):
        lockout.begin([lockout.of_name("x")], now=now - timedelta(days=days))
    assert lockout.purge(now=now) == 1


def test_many_at_once_do_not_get_past_the_limit(now: datetime) -> None:
    subject = lockout.of_name("olivia")
    let = [bool(lockout.begin([subject], now=now)) for _ in range(20)]
    assert let == [True] * lockout.PER_NAME + [False] * 15


def test_whoever_has_no_role_is_told_the_same(olivia: User) -> None:
    make_user(username="none", password=PASSWORD)
    assert SENTENCE in attempt("none", PASSWORD)
    make_user(AUDITOR, username="gone", password=PASSWORD, is_active=False)
    assert SENTENCE in attempt("gone", PASSWORD)
