"""The keyring: one root key and one index master per client, and nothing else.

Invariants:
- The roots are the only keys on which everything hangs; destroying one destroys all below it.
- A root never leaves the keyring: it wraps and unwraps page keys. (A hardware module can follow.)
- A key file says for which client, use and generation it is, and carries a checksum; a file that was
  damaged or put into another place is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Protocol
from uuid import UUID

from portal.vault import files
from portal.vault.errors import KeyringBroken, RootGone
from portal.vault.sealing import KEY_SIZE, seal_raw, unseal_raw

_MAGIC = b"PVK1"
_ROOT, _INDEX = b"R", b"I"
_ROOT_NAME = re.compile(r"root-(\d+)\.key")


class Root(Protocol):
    """One generation of a client's root key."""

    def wrap(self, page_key: bytes, aad: bytes) -> bytes: ...
    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes: ...


class Keyring(Protocol):
    """What the vault needs of a keyring. Every writing call is durable when it returns."""

    def clients(self) -> list[UUID]: ...
    def generations(self, client_id: UUID) -> list[int]: ...
    def create_root(self, client_id: UUID, generation: int) -> None: ...
    def root(self, client_id: UUID, generation: int) -> Root: ...
    def destroy_root(self, client_id: UUID, generation: int) -> None: ...
    def create_index(self, client_id: UUID) -> None: ...
    def index_master(self, client_id: UUID) -> bytes: ...
    def destroy_client(self, client_id: UUID) -> None: ...
    def unfinished(self, client_id: UUID) -> bool: ...
    def tidy(self, client_id: UUID) -> None: ...
    def copy_to(self, other: Keyring, client_id: UUID, generation: int) -> None: ...


class SoftRoot:
    """A root key in memory."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "SoftRoot(...)"

    def wrap(self, page_key: bytes, aad: bytes) -> bytes:
        return seal_raw(self._key, page_key, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return unseal_raw(self._key, wrapped, aad)


class FileKeyring:
    """A keyring of owner-only files: `<folder>/<client>/root-<generation>.key` and `index.key`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def home(self, client_id: UUID) -> Path:
        """Return the client's own folder, which need not exist."""
        return self.folder / str(client_id)

    def clients(self) -> list[UUID]:
        """Return the clients that have a folder, in the order of their ids."""
        files.own_folder(self.folder)
        return sorted(UUID(path.name) for path in self.folder.iterdir() if _is_uuid(path.name))

    def generations(self, client_id: UUID) -> list[int]:
        """Return the generations of the client's roots, oldest first."""
        home = self.home(client_id)
        if not home.is_dir():
            return []
        found = (_ROOT_NAME.fullmatch(path.name) for path in home.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def create_root(self, client_id: UUID, generation: int) -> None:
        """Draw and store a root; one that is there already (of an attempt cut off) is kept."""
        path = self._root_path(client_id, generation)
        if path.exists():
            self._read(path, _ROOT, client_id, generation)
        else:
            self._write(path, _ROOT, client_id, generation, os.urandom(KEY_SIZE))

    def root(self, client_id: UUID, generation: int) -> SoftRoot:
        """Read a root from its file. Raises `RootGone` or `KeyringBroken`."""
        path = self._root_path(client_id, generation)
        try:
            return SoftRoot(self._read(path, _ROOT, client_id, generation))
        except FileNotFoundError:
            raise RootGone(self._why_gone(client_id, generation)) from None

    def destroy_root(self, client_id: UUID, generation: int) -> None:
        """Overwrite and remove a root. Idempotent."""
        files.destroy(self._root_path(client_id, generation))

    def create_index(self, client_id: UUID) -> None:
        """Draw and store the master of blind indexes and tokens, unless it is there."""
        path = self._index_path(client_id)
        if path.exists():
            self._read(path, _INDEX, client_id, 0)
        else:
            self._write(path, _INDEX, client_id, 0, os.urandom(KEY_SIZE))

    def index_master(self, client_id: UUID) -> bytes:
        """Return the 32 bytes from which the keys of `BlindIndexer` are derived."""
        try:
            return self._read(self._index_path(client_id), _INDEX, client_id, 0)
        except FileNotFoundError:
            raise KeyringBroken(f"The keyring has no index key for client {client_id}.") from None

    def destroy_client(self, client_id: UUID) -> None:
        """Overwrite and remove every key of a client, then its folder. Idempotent."""
        home = self.home(client_id)
        self.tidy(client_id)
        for generation in self.generations(client_id):
            self.destroy_root(client_id, generation)
        files.destroy(self._index_path(client_id))
        if home.is_dir():
            home.rmdir()
            files.sync_folder(self.folder)

    def unfinished(self, client_id: UUID) -> bool:
        """Say whether a crash (or a process still at work) left half-written or dying files."""
        return bool(files.leftovers(self.home(client_id)))

    def tidy(self, client_id: UUID) -> None:
        """Destroy half-written and dying files; only under the client's lock."""
        files.finish(self.home(client_id))

    def copy_to(self, other: Keyring, client_id: UUID, generation: int) -> None:
        """Copy one root and the index master into another keyring of files, and compare."""
        if not isinstance(other, FileKeyring):
            raise KeyringBroken("Keys on files are copied to files only.")
        root = self._read(self._root_path(client_id, generation), _ROOT, client_id, generation)
        other._write(other._root_path(client_id, generation), _ROOT, client_id, generation, root)
        index = self.index_master(client_id)
        other._write(other._index_path(client_id), _INDEX, client_id, 0, index)
        copied = other._read(other._root_path(client_id, generation), _ROOT, client_id, generation)
        if copied != root or other.index_master(client_id) != index:
            raise KeyringBroken(f"The copy of the keys of client {client_id} differs.")

    def _root_path(self, client_id: UUID, generation: int) -> Path:
        return self.home(client_id) / f"root-{generation}.key"

    def _index_path(self, client_id: UUID) -> Path:
        return self.home(client_id) / "index.key"

    def _why_gone(self, client_id: UUID, generation: int) -> str:
        held = self.generations(client_id)
        if held and generation < held[0]:
            return (
                f"Root {generation} of client {client_id} is older than any root in the keyring "
                f"(the oldest is {held[0]}): the vault database was rolled back, or the row is stale."
            )
        return f"The keyring has no root {generation} for client {client_id}."

    def _write(self, path: Path, use: bytes, client_id: UUID, generation: int, key: bytes) -> None:
        files.own_folder(self.folder)
        files.own_folder(path.parent)
        body = _header(use, client_id, generation) + key
        files.write_durably(path, body + hashlib.sha256(body).digest())

    def _read(self, path: Path, use: bytes, client_id: UUID, generation: int) -> bytes:
        files.check_private(self.folder)
        files.check_private(path.parent)
        content = files.read_private(path)
        header = _header(use, client_id, generation)
        body, checksum = content[:-32], content[-32:]
        if hashlib.sha256(body).digest() != checksum:
            raise KeyringBroken(f"{path.name} of client {client_id} is damaged.")
        if body[: len(header)] != header or len(body) != len(header) + KEY_SIZE:
            raise KeyringBroken(f"{path.name} of client {client_id} is a file of another place.")
        return body[len(header) :]


def _header(use: bytes, client_id: UUID, generation: int) -> bytes:
    return _MAGIC + use + client_id.bytes + generation.to_bytes(4, "big")


def _is_uuid(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
