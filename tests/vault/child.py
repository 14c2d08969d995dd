"""Runs vault verbs in child processes, each of which can be told to kill itself at one of its steps.

`python -m tests.vault.child` sets Django up once, then forks a child for every verb that is asked for on its
standard input. A child is a real process with its own database session; SIGKILL gives it no chance to tidy.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import django


def main() -> None:
    """Answer the test until it closes the pipe."""
    django.setup()
    children: dict[str, BaseProcess] = {}
    fork = multiprocessing.get_context("fork")
    with TemporaryDirectory() as folder:
        for line in sys.stdin:
            message = json.loads(line)
            name = message["name"]
            log = Path(folder) / name
            if message["do"] == "start":
                log.unlink(missing_ok=True)
                children[name] = fork.Process(target=_child, args=(message, log))
                children[name].start()
            else:
                child = children.pop(name)
                child.join()
                print(json.dumps({"status": child.exitcode, **_told(log)}), flush=True)


def _told(log: Path) -> dict[str, Any]:
    told: dict[str, Any] = {"steps": [], "result": None, "error": ""}
    for line in log.read_text().splitlines() if log.exists() else []:
        kind, _, text = line.partition(" ")
        if kind == "step":
            told["steps"].append(text)
        else:
            told[kind] = json.loads(text)
    return told


def _child(message: dict[str, Any], log: Path) -> None:
    from django.conf import settings

    from portal.vault import held, steps

    for name, folder in message["folders"].items():
        setattr(settings, name, Path(folder))
    held.forget_all()
    with log.open("a", buffering=1) as file:
        passed = 0

        def hook(name: str) -> None:
            nonlocal passed
            file.write(f"step {name}\n")
            file.flush()
            if passed == message["kill_at"]:
                os.kill(os.getpid(), signal.SIGKILL)
            passed += 1

        steps.hook = hook if message["verb"] != "read" else None
        try:
            result = VERBS[message["verb"]](message)
            file.write(f"result {json.dumps(result, default=str)}\n")
        except Exception as error:
            file.write(f"error {json.dumps(repr(error))}\n")
            raise


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


if __name__ == "__main__":
    main()
