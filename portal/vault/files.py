"""Durable, owner-only files: the ground that the keyring, the copies and the journal stand on.

Invariants:
- A file is whole or absent: it is written beside its place, synced, renamed, and the folder synced.
- A secret file is destroyed by renaming it out of reach, overwriting, syncing and unlinking it; a
  crash in between leaves a `.dying` file that `finish` destroys.
- A folder or file that others could read or write, or that is not ours, is refused.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from portal.vault.errors import KeyringBroken
from portal.vault.steps import step

_DYING = ".dying"
_TEMPORARY = ".new"


def own_folder(folder: Path) -> Path:
    """Make the folder (0700) where it is missing, and refuse it where others may enter."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    check_private(folder)
    return folder


def check_private(path: Path) -> None:
    """Raise `KeyringBroken` unless the path is ours and closed to group and others."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise KeyringBroken(f"{path.name} is a link; the keyring follows none.")
    if found.st_uid != os.geteuid():
        raise KeyringBroken(f"{path.name} belongs to another user of this machine.")
    if found.st_mode & 0o077:
        loose = stat.S_IMODE(found.st_mode)
        raise KeyringBroken(
            f"{path.name} is open to others (mode {loose:03o}); make it owner-only."
        )


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path` (0600), whole and synced, or leave what was there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        step("file.written")
        os.fsync(file.fileno())
    step("file.synced")
    beside.rename(path)
    step("file.renamed")
    sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """Read an owner-only file; raises FileNotFoundError or `KeyringBroken`."""
    check_private(path)
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as file:
        return file.read()


def destroy(path: Path) -> None:
    """Overwrite and remove a file so that a crash at any point can be finished. Idempotent."""
    dying = path.with_name(f".{path.name}{_DYING}")
    try:
        path.rename(dying)
    except FileNotFoundError:
        return
    sync_folder(path.parent)
    step("destroy.out_of_reach")
    _overwrite(dying)


def finish(folder: Path) -> int:
    """Destroy what crashes have left in a folder: half-written and dying files. Returns how many."""
    left = leftovers(folder)
    for path in left:
        _overwrite(path)
    return len(left)


def leftovers(folder: Path) -> list[Path]:
    """Return the half-written and dying files of a folder; another process may still be at them."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.startswith(".") and path.name.endswith((_DYING, _TEMPORARY))
    )


def _overwrite(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())
    step("destroy.overwritten")
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
    step("destroy.unlinked")
