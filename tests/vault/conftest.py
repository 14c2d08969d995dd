"""A keyring of its own for every test of the vault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from portal import vault
from portal.vault import held
from tests.killing import Children


@pytest.fixture(autouse=True)
def ring(own_folders: None, settings: Settings) -> Iterator[Path]:
    """The keyring of this test; nothing is held from the test before."""
    held.forget_all()
    yield Path(settings.KEYRING_DIR)
    held.forget_all()


@pytest.fixture
def client_id(db: None) -> UUID:
    """A client with a key tree."""
    created = uuid4()
    vault.create_client(created)
    return created


@pytest.fixture(scope="module")
def worker() -> Iterator[Children]:
    """A process that carries out verbs in real child processes of its own."""
    with Children("tests.vault.child") as started:
        yield started
