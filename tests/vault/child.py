"""The verbs of the vault that tests run in processes which can be killed (`tests.killing`)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from uuid import UUID


def _create(message: dict[str, Any]) -> Any:
    from portal import vault

    return vault.create_client(UUID(message["client_id"]))


def _allocate(message: dict[str, Any]) -> Any:
    from portal import vault

    found = []
    for _ in range(message.get("times", 1)):
        found += vault.allocate(UUID(message["client_id"]), message["count"])
    return found


def _shred(message: dict[str, Any]) -> Any:
    from portal import vault

    refs = [vault.KeyRef(*ref) for ref in message["refs"]]
    size = message.get("at_a_time", len(refs))
    groups = [refs[place : place + size] for place in range(0, len(refs), size)]
    return sum(vault.shred(UUID(message["client_id"]), group) for group in groups)


def _roll(message: dict[str, Any]) -> Any:
    from portal import vault

    return [vault.roll(UUID(message["client_id"])) for _ in range(message.get("times", 1))]


def _recover(message: dict[str, Any]) -> Any:
    from portal import vault

    return vault.recover()


def _destroy(message: dict[str, Any]) -> Any:
    from portal import vault

    return vault.destroy_client(UUID(message["client_id"]))


def _journal(message: dict[str, Any]) -> Any:
    from datetime import datetime

    from portal.vault import KeyRef, journal

    return [
        journal.append(
            client_id=UUID(message["client_id"]),
            case_id=UUID(message["client_id"]),
            refs=[KeyRef(1, 2)],
            owner_ids=[UUID(message["client_id"])],
            now=datetime.fromisoformat(message["now"]),
        )
        for _ in range(message.get("times", 1))
    ]


def _read(message: dict[str, Any]) -> Any:
    """Read in two threads until the file `stop` is there; any failure fails the child."""
    readers = [Reader(message) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    for reader in readers:
        if reader.error is not None:
            raise reader.error
    return sum(reader.rounds for reader in readers)


class Reader(threading.Thread):
    """Reads all keys again and again. Keys never change, and what was gone once never comes back."""

    def __init__(self, message: dict[str, Any]) -> None:
        super().__init__()
        self.client_id = UUID(message["client_id"])
        self.expected = {(page, slot): bytes.fromhex(key) for page, slot, key in message["keys"]}
        self.doomed = {tuple(ref) for ref in message["doomed"]}
        self.stop = Path(message["stop"])
        self.rounds = 0
        self.error: Exception | None = None

    def run(self) -> None:
        from django.db import connections

        try:
            gone: set[tuple[int, ...]] = set()
            while not self.stop.exists() or not self.rounds:
                gone = self._look(gone)
                self.rounds += 1
        except Exception as error:  # noqa: BLE001  (the child hands it to the test)
            self.error = error
        finally:
            connections.close_all()

    def _look(self, gone: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
        from portal import vault
        from portal.vault import held

        held.forget_all()
        refs = [vault.KeyRef(*ref) for ref in self.expected]
        found = vault.keys(self.client_id, refs)
        now_gone = {tuple(ref) for ref in refs if ref not in found}
        if any(self.expected[ref] != key for ref, key in found.items()):
            raise AssertionError("A key changed.")
        if not now_gone <= self.doomed:
            raise AssertionError("A survivor was lost.")
        if not gone <= now_gone:
            raise AssertionError("A shredded key came back.")
        return now_gone


VERBS = {
    "create": _create,
    "allocate": _allocate,
    "shred": _shred,
    "roll": _roll,
    "recover": _recover,
    "destroy": _destroy,
    "journal": _journal,
    "read": _read,
}
