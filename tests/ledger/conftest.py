"""The ledger's own key and witness for every test, and people to act."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from portal.models import User


@pytest.fixture(autouse=True)
def ledger_files(settings: Settings, tmp_path: Path) -> Path:
    settings.LEDGER_KEY_PATH = tmp_path / "keys" / "ledger.key"
    settings.LEDGER_WITNESS_PATH = tmp_path / "witness" / "ledger.witness"
    settings.LEDGER_ORIGIN = "portal.example.com/ledger"
    return tmp_path


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")
