"""The erasure journal: what was about to be shredded, on disk before it is.

A restored backup of the default database shows people who were erased since; replaying the journal erases
them again. It holds references only, never a person's data.

Invariants:
- A record is one JSON line; its `mac` is an HMAC over the previous record's mac and its own content, under
  a key in the keyring folder. So no line can be altered, left out, moved or added.
- `append` returns after the line is synced. The head file beside the journal holds the number of records,
  the last mac and the length, so that cutting off the end is noticed as well.
- Only an incomplete last line (no line break: its `append` never returned) is repaired, by removing it.
- Processes take turns by a lock on the head's lock file.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

from django.conf import settings

from portal.vault import files
from portal.vault.errors import JournalBroken
from portal.vault.refs import KeyRef
from portal.vault.steps import step

_START = "0" * 64


@dataclass(frozen=True)
class Record:
    """One erasure that was about to be carried out. `number` counts from 1."""

    number: int
    at: datetime
    client_id: UUID
    case_id: UUID
    refs: tuple[KeyRef, ...]
    owner_ids: tuple[UUID, ...]


class _Head(NamedTuple):
    number: int
    mac: str
    size: int


def append(
    *,
    client_id: UUID,
    case_id: UUID,
    refs: Iterable[KeyRef],
    owner_ids: Iterable[UUID],
    now: datetime,
    path: Path | None = None,
) -> int:
    """Write one record and sync it; returns its number. Call it before the shred it speaks of."""
    return Journal(path).append(
        client_id=client_id, case_id=case_id, refs=refs, owner_ids=owner_ids, now=now
    )


def entries(path: Path | None = None, *, after: int = 0) -> Iterator[Record]:
    """Give the records behind number `after`, each verified before it is given. Raises `JournalBroken`."""
    return (record for record in Journal(path).entries() if record.number > after)


def read(path: Path | None = None) -> list[Record]:
    """Return all records after verifying the whole journal. Raises `JournalBroken`."""
    return list(entries(path))


def last_number(path: Path | None = None) -> int:
    """Return the number of the last record, 0 where there is none, without reading them all."""
    return Journal(path).last_number()


_marks: list[Callable[[], int]] = []


def register_mark(carried_out: Callable[[], int]) -> None:
    """Name the function that tells the number of the last record carried out in the default database."""
    _marks[:] = [carried_out]


def unreplayed() -> int:
    """Return how many records the default database has not carried out: more than 0 after a restore (R41).

    Fails closed: where nobody has registered a mark, no record counts as carried out.
    """
    carried_out = _marks[0]() if _marks else 0
    return max(0, last_number() - carried_out)


def unwritten() -> int:
    """Return how many lines the default database knows that are not here. One is a crash, more are a loss."""
    return max(0, (_marks[0]() if _marks else 0) - last_number())


class Journal:
    """A journal at a path; `settings.JOURNAL_PATH` unless told otherwise."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = Path(path or settings.JOURNAL_PATH)
        self._head_path = self.path.with_name(self.path.name + ".head")
        self._key_path = self.path.with_name(self.path.name + ".key")
        self._lock_path = self.path.with_name(self.path.name + ".lock")

    def append(
        self,
        *,
        client_id: UUID,
        case_id: UUID,
        refs: Iterable[KeyRef],
        owner_ids: Iterable[UUID],
        now: datetime,
    ) -> int:
        """See the module's `append`."""
        if now.tzinfo is None:
            raise ValueError("A record's time is aware.")
        with self._turn(fcntl.LOCK_EX):
            key = self._key()
            with self._opened() as file:
                head = self._caught_up(file, key)
                body = {
                    "n": head.number + 1,
                    "at": now.astimezone(UTC).isoformat(),
                    "client": str(client_id),
                    "case": str(case_id),
                    "slots": [[page, slot] for page, slot in refs],
                    "owners": [str(owner) for owner in owner_ids],
                }
                line, mac = _line(key, head.mac, body)
                file.write(line)
                file.flush()
                step("journal.written")
                os.fsync(file.fileno())
            step("journal.synced")
            self._store_head(key, _Head(head.number + 1, mac, head.size + len(line)))
            step("journal.head_stored")
            return head.number + 1

    def entries(self) -> Iterator[Record]:
        """See the module's `entries`. What is appended meanwhile is left out."""
        with self._turn(fcntl.LOCK_SH):
            if not self.path.exists():
                self._check_never_written()
                return
            files.check_private(self.path)
            key = self._key()
            head = self._head(key)
            size = self.path.stat().st_size
        with self.path.open("rb") as file:
            yield from _verified(file, key, head, size)

    def last_number(self) -> int:
        """See the module's `last_number`."""
        if not self.path.exists():
            self._check_never_written()
            return 0
        with self._turn(fcntl.LOCK_SH), self.path.open("rb") as file:
            files.check_private(self.path)
            return self._walked_on(file, self._key()).number

    def _caught_up(self, file: BinaryIO, key: bytes) -> _Head:
        """Return the true head, standing behind it; a torn last line is removed."""
        head = self._walked_on(file, key)
        if file.seek(0, os.SEEK_END) > head.size:
            file.truncate(head.size)
        file.seek(head.size)
        return head

    def _walked_on(self, file: BinaryIO, key: bytes) -> _Head:
        """Return the true head: a crash may have left lines that the head file does not know yet."""
        head = self._head(key)
        if file.seek(0, os.SEEK_END) < head.size:
            raise JournalBroken(head.number, "its end was cut off")
        file.seek(head.size)
        while (line := file.readline()).endswith(b"\n"):
            _, mac = _checked(key, head, line)
            head = _Head(head.number + 1, mac, head.size + len(line))
        return head

    @contextmanager
    def _turn(self, kind: int) -> Iterator[None]:
        files.own_folder(self.path.parent)
        handle = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, kind)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "r+b") as file:
            files.check_private(self.path)
            if new:
                files.sync_folder(self.path.parent)
            yield file

    def _key(self) -> bytes:
        """Return the journal's key; the first append makes it."""
        try:
            return files.read_private(self._key_path)
        except FileNotFoundError:
            if self.path.exists() and self.path.stat().st_size:
                raise JournalBroken(1, "its key is missing") from None
        files.write_durably(self._key_path, os.urandom(32))
        return files.read_private(self._key_path)

    def _head(self, key: bytes) -> _Head:
        try:
            stored = json.loads(files.read_private(self._head_path))
            number, mac, size = stored["n"], stored["last"], stored["size"]
        except FileNotFoundError:
            # The first append was cut off before its head was stored, or the head was taken away; only in
            # the first case is there at most one line.
            if self.path.exists() and self.path.read_bytes().count(b"\n") > 1:
                raise JournalBroken(1, "its head file is missing") from None
            return _Head(0, _START, 0)
        except (ValueError, KeyError, TypeError):
            raise JournalBroken(1, "its head file is damaged") from None
        head = _Head(number, mac, size)
        if not hmac.compare_digest(str(stored.get("mac")), _head_mac(key, head)):
            raise JournalBroken(number, "its head file was altered")
        return head

    def _store_head(self, key: bytes, head: _Head) -> None:
        content = {
            "n": head.number,
            "last": head.mac,
            "size": head.size,
            "mac": _head_mac(key, head),
        }
        files.write_durably(self._head_path, json.dumps(content).encode())

    def _check_never_written(self) -> None:
        if self._head_path.exists():
            raise JournalBroken(1, "the journal is missing, but its head file is there")


def _verified(file: BinaryIO, key: bytes, head: _Head, size: int) -> Iterator[Record]:
    """Walk the first `size` bytes; the walk must pass through the head exactly."""
    now = _Head(0, _START, 0)
    passed = head.number == 0
    while now.size < size:
        line = file.readline()
        if not line.endswith(b"\n"):
            break  # Torn by a crash; the next append removes it.
        record, mac = _checked(key, now, line)
        now = _Head(now.number + 1, mac, now.size + len(line))
        passed = passed or now == head
        yield record
    if not passed:
        raise JournalBroken(now.number + 1, "its end was cut off")


def _checked(key: bytes, before: _Head, line: bytes) -> tuple[Record, str]:
    number = before.number + 1
    try:
        content = json.loads(line)
        mac = content.pop("mac")
        fits = _line(key, before.mac, content) == (line, mac) and content["n"] == number
    except (ValueError, KeyError, TypeError, AttributeError):
        raise JournalBroken(number, "the line cannot be read") from None
    if not fits:
        raise JournalBroken(number, "the line was altered, moved, or one before it is missing")
    return _record(content), mac


def _record(content: dict[str, object]) -> Record:
    slots: Sequence[tuple[int, int]] = content["slots"]  # type: ignore[assignment]
    owners: Sequence[str] = content["owners"]  # type: ignore[assignment]
    return Record(
        number=int(str(content["n"])),
        at=datetime.fromisoformat(str(content["at"])),
        client_id=UUID(str(content["client"])),
        case_id=UUID(str(content["case"])),
        refs=tuple(KeyRef(page, slot) for page, slot in slots),
        owner_ids=tuple(UUID(owner) for owner in owners),
    )


def _line(key: bytes, before: str, body: dict[str, object]) -> tuple[bytes, str]:
    """Return the line and its mac. The same content always gives the same bytes."""
    text = json.dumps(body, separators=(",", ":"), sort_keys=True)
    mac = hmac.new(key, f"{before}{text}".encode(), hashlib.sha256).hexdigest()
    whole = json.dumps({**body, "mac": mac}, separators=(",", ":"), sort_keys=True)
    return whole.encode() + b"\n", mac


def _head_mac(key: bytes, head: _Head) -> str:
    text = f"head {head.number} {head.mac} {head.size}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
