"""What a process holds in memory: the keyring, roots and opened pages, each by its reference.

Invariants:
- A root is held by (client, generation) and a page by (client, number, generation), and the generation
  always comes from the database first; so nothing held is ever used after it has moved on.
- Of a client only the newest root seen is held, of a page only the newest generation; both stores are
  bounded, the least recently used goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar
from uuid import UUID

from django.conf import settings

from portal.vault.blind import BlindIndexer
from portal.vault.keyring import FileKeyring, Root

Value = TypeVar("Value")


class Newest(Generic[Value]):
    """A bounded store of the newest generation of things."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Hashable, tuple[int, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable, generation: int) -> Value | None:
        """Return what is held of exactly this generation."""
        with self._lock:
            held = self._held.get(name)
            if held is None or held[0] != generation:
                return None
            self._held.move_to_end(name)
            return held[1]

    def put(self, name: Hashable, generation: int, value: Value) -> None:
        """Hold a value, unless a newer generation is held."""
        with self._lock:
            held = self._held.get(name)
            if held is not None and held[0] > generation:
                return
            self._held[name] = (generation, value)
            self._held.move_to_end(name)
            if len(self._held) > self._limit:
                self._held.popitem(last=False)

    def drop(self, name: Hashable) -> None:
        """Forget everything of a name."""
        with self._lock:
            self._held.pop(name, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()


_roots: Newest[Root] = Newest(256)
_pages: Newest[bytes] = Newest(512)
_indexers: Newest[tuple[bytes, BlindIndexer]] = Newest(256)


@lru_cache(maxsize=8)
def _file_keyring(folder: Path) -> FileKeyring:
    return FileKeyring(folder)


def keyring() -> FileKeyring:
    """Return the keyring in use."""
    return _file_keyring(Path(settings.KEYRING_DIR))


def copy_ring() -> FileKeyring:
    """Return the keyring that holds the verified copies."""
    return _file_keyring(Path(settings.VAULT_COPY_DIR))


def root(client_id: UUID, generation: int) -> Root:
    """Return a root, from memory where it is held. Raises `RootGone` or `KeyringBroken`."""
    ring = keyring()
    name = (ring.folder, client_id)
    held = _roots.get(name, generation)
    if held is None:
        held = ring.root(client_id, generation)
        _roots.put(name, generation, held)
    return held


def page(client_id: UUID, number: int, generation: int) -> bytes | None:
    """Return the opened block of a page if exactly this generation is held."""
    return _pages.get((keyring().folder, client_id, number), generation)


def hold_page(client_id: UUID, number: int, generation: int, block: bytes) -> None:
    """Hold an opened block in place of older generations."""
    _pages.put((keyring().folder, client_id, number), generation, block)


def forget_page(client_id: UUID, number: int) -> None:
    """Let go of a page that was re-keyed here."""
    _pages.drop((keyring().folder, client_id, number))


def forget_root(client_id: UUID) -> None:
    """Let go of a client's root that was destroyed here."""
    _roots.drop((keyring().folder, client_id))
    _indexers.drop((keyring().folder, client_id))


def forget_all() -> None:
    """Let go of everything, as a process that has just started."""
    _roots.clear()
    _pages.clear()
    _indexers.clear()


def indexer(client_id: UUID) -> BlindIndexer:
    """Return the client's indexer. The keyring is asked every time, so a destroyed client has none."""
    name = (keyring().folder, client_id)
    master = keyring().index_master(client_id)
    held = _indexers.get(name, 0)
    if held is None or held[0] != master:
        held = (master, BlindIndexer(client_id, master))
        _indexers.put(name, 0, held)
    return held[1]
