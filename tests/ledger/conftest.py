"""The ledger's own key and witness for every test, and people to act."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from portal import ledger
from portal.ledger.models import Leaf
from portal.models import User

Tamper = Callable[[str], None]
Fill = Callable[..., list[Leaf]]


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


@pytest.fixture
def fill(alice: User, now: datetime) -> Fill:
    """Records leaves and seals them, a checkpoint for each of the counts."""

    def write(*counts: int) -> list[Leaf]:
        for count in counts:
            for number in range(count):
                ledger.record(verb="test.fill", by=alice, counts={"rows": number}, now=now)
            ledger.seal(now=now)
        return list(Leaf.objects.order_by("leaf_index"))

    return write


@pytest.fixture
def tamper(db: None) -> Tamper:
    """Runs SQL as a superuser would who first switches the guards and constraints off."""

    def run(sql: str) -> None:
        tables = ("ledger_leaf", "ledger_checkpoint", "ledger_block")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(sql)
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    return run
