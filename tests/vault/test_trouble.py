"""Full disks, unreadable keys and broken pages: one client's trouble is its own, and is told."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from portal import vault
from portal.tasks import long_roll_vault
from portal.vault import copies, files, held, journal, store
from portal.vault.refs import KeyRef

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def clients() -> list[UUID]:
    """Three clients with a page each, in the order in which everything walks through them."""
    made = sorted(uuid4() for _ in range(3))
    for client_id in made:
        vault.create_client(client_id)
        vault.allocate(client_id, 3)
    return made


def generations(clients: list[UUID]) -> list[int]:
    by_client = {found.client_id: found.root_generation for found in vault.status()}
    return [by_client[client_id] for client_id in clients]


def test_one_client_with_a_broken_page_does_not_keep_the_others_from_being_sealed(
    clients: list[UUID],
) -> None:
    with store.transact() as opened:
        opened.execute(
            "UPDATE vault_keypage SET wrapped_key = '\\x00' WHERE client_id = %s", [clients[0]]
        )
    long_roll_vault()
    assert generations(clients) == [1, 2, 2]


def test_a_keyring_that_cannot_be_read_costs_only_its_own_client(
    clients: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = files.read_private

    def denied(path: Path) -> bytes:
        if path.parent.name == str(clients[0]):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return read(path)

    for client_id in clients[:2]:  # Rolls that were cut off at their first step.
        held.keyring().create_root(client_id, 2)
    monkeypatch.setattr(files, "read_private", denied)
    held.forget_all()
    assert vault.recover() == [clients[1]]
    long_roll_vault()
    assert generations(clients) == [1, 3, 2]
    assert len(vault.check().faults) == 1


@pytest.mark.parametrize("nth", range(8))
def test_a_disk_that_fills_up_at_any_write_of_a_roll_loses_nobody(
    nth: int, clients: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th durable write fails half-way, as on a full disk; later there is room again."""
    client_id = clients[0]
    keys = vault.keys(client_id, [KeyRef(0, slot) for slot in range(3)])
    vault.shred(client_id, [KeyRef(0, 2)])
    count = 0
    fsync = os.fsync

    def filled_up(handle: int) -> None:
        nonlocal count
        count += 1
        if count == nth + 1:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                os.ftruncate(handle, 10)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", filled_up)
        with suppress(OSError):
            vault.roll(client_id)
    held.forget_all()
    survivors = {ref: key for ref, key in keys.items() if ref.slot < 2}
    assert vault.keys(client_id, keys) == survivors
    assert vault.recover() == [client_id] or not vault.status()[0].pending
    vault.roll(client_id)
    assert vault.keys(client_id, keys) == survivors
    assert not vault.check().faults
    assert held.keyring().generations(client_id) == held.copy_ring().generations(client_id)
    assert not copies.is_stale(client_id, held.keyring().generations(client_id)[0])


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_disk_that_fills_up_in_the_journal_leaves_every_line_readable(
    cut: int, clients: list[UUID], now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append() -> int:
        return journal.append(
            client_id=clients[0], case_id=uuid4(), refs=[KeyRef(0, 0)], owner_ids=[uuid4()], now=now
        )

    append()
    size = Path(settings.JOURNAL_PATH).stat().st_size
    with monkeypatch.context() as patched:

        def filled_up(handle: int) -> None:
            os.ftruncate(handle, size + cut)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patched.setattr(os, "fsync", filled_up)
        with pytest.raises(OSError):
            append()
    assert (journal.last_number(), append()) == (1, 2)
    assert [record.number for record in journal.read()] == [1, 2]


@pytest.mark.parametrize("nth", range(2))
def test_two_clients_roll_at_once_and_the_failure_of_one_leaves_the_other_whole(
    nth: int, clients: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = clients[nth], clients[1 - nth]
    take = copies.take

    def fails(tree: store.Tree) -> int:
        if tree.client_id == broken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return take(tree)

    with monkeypatch.context() as patched:
        patched.setattr(copies, "take", fails)
        long_roll_vault()
    assert held.keyring().generations(sound) == [2]
    assert held.keyring().generations(broken) == [1, 2], "nothing is destroyed without a copy"
    assert vault.recover() == [broken]
    assert held.keyring().generations(broken) == [2]
    assert not vault.check().faults
