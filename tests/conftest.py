"""What every test stands on: folders of its own, a fixed clock, and the cast."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from pytest_django import DjangoDbBlocker, Settings

from portal.access.gate import mark_verified


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--clock` shows today what would fail on another day: at a change of the hour, or in some years."""
    parser.addoption(
        "--clock",
        type=datetime.fromisoformat,
        help="run every test as if it began at this moment, such as 2028-02-29T23:59:30+00:00",
    )


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set the wall clock of this process to `--clock`, from where it goes on."""
    moment: datetime | None = request.config.getoption("--clock")
    if moment is None:
        yield
        return
    with time_machine.travel(moment, tick=True):
        yield


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> None:
    """Keys, files and journals of one test never meet those of another."""
    settings.KEYRING_DIR = tmp_path / "keyring"
    settings.VAULT_COPY_DIR = tmp_path / "vault-copy"
    settings.JOURNAL_PATH = tmp_path / "keyring" / "erasures.journal"
    settings.LEDGER_KEY_PATH = tmp_path / "keyring" / "ledger.key"
    settings.LEDGER_WITNESS_PATH = tmp_path / "keyring" / "ledger.witness"
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.CELERY_TASK_ALWAYS_EAGER = False
    # Pages are asked for without TLS and without collected static files.
    settings.SECURE_SSL_REDIRECT = False
    settings.STATIC_ROOT = str(tmp_path / "static")
    (tmp_path / "static").mkdir()


def _verified(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """A test's browser that logs in by force has given the second factor too; a real log-in has an address."""
    if not request.path:
        mark_verified(request.session, now=timezone.now())


@pytest.fixture(autouse=True)
def forced_logins_are_verified() -> Iterator[None]:
    """`client.force_login(user)` yields a session past the second step."""
    user_logged_in.connect(_verified)
    yield
    user_logged_in.disconnect(_verified)


@pytest.fixture
def now() -> datetime:
    """The moment at which a test takes place: a Tuesday morning in Boston."""
    return datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let the clean-up after a transactional test, which truncates every table, empty the ledger as well."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("leaf", "checkpoint", "block"):
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER ledger_{table}_truncate")
