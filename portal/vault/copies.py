"""The verified copy of a client's pages and keys that is taken before an old root is destroyed.

Invariants:
- A copy counts only after every page in it was opened with the root that lies beside it.
- There is one copy per client, of the current root generation; an older one is destroyed like an old
  root, because it would otherwise undo the shredding.

File `pages-<root generation>.copy`: header, one record a page, SHA-256 of all before.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from portal.vault import files, held, pages, store
from portal.vault.errors import PageBroken
from portal.vault.keyring import Root
from portal.vault.pages import Page
from portal.vault.steps import step

_HEADER = struct.Struct(">4s16sIIH")
_RECORD = struct.Struct(">IIIHHI")
_MAGIC = b"PVC1"
_NAME = re.compile(r"pages-(\d+)\.copy")


def verified_pages(tree: store.Tree, root: Root) -> Iterator[Page]:
    """Read every page of a client from the database and open it. Raises `PageBroken`.

    Pages that were added after `tree` was read are left out.
    """
    number = -1
    for number, page in enumerate(store.all_pages(tree.client_id)):
        if number == tree.pages:
            return
        if page.number != number or page.root_generation != tree.root_generation:
            raise PageBroken(f"Page {number} of client {tree.client_id} is missing or left behind.")
        check_page(page, root)
        yield page
    if number + 1 < tree.pages:
        raise PageBroken(f"Page {number + 1} of client {tree.client_id} is missing.")


def check_page(page: Page, root: Root) -> None:
    """Open a page and count its shredded slots. Raises `PageBroken`."""
    if pages.count_shredded(pages.open_page(page, root)) != page.shredded:
        raise PageBroken(f"Page {page.number} of client {page.client_id} miscounts its slots.")


def take(tree: store.Tree) -> int:
    """Copy pages and keys of a client, verify the copy, destroy older ones. Returns the pages."""
    ring, copies = held.keyring(), held.copy_ring()
    ring.copy_to(copies, tree.client_id, tree.root_generation)
    step("copy.keys_copied")
    path = copies.home(tree.client_id) / f"pages-{tree.root_generation}.copy"
    _write(path, tree, ring.root(tree.client_id, tree.root_generation))
    step("copy.pages_copied")
    count = _verify(path, tree, copies.root(tree.client_id, tree.root_generation))
    step("copy.verified")
    prune(tree.client_id, tree.root_generation)
    return count


def prune(client_id: UUID, generation: int) -> None:
    """Destroy copies of other generations than this one."""
    copies = held.copy_ring()
    for other in copies.generations(client_id):
        if other != generation:
            copies.destroy_root(client_id, other)
    for path in _page_files(client_id):
        if path.name != f"pages-{generation}.copy":
            path.unlink()
            files.sync_folder(path.parent)
    step("copy.pruned")


def is_stale(client_id: UUID, generation: int) -> bool:
    """Say whether something of an older copy, or of one cut off, is still there."""
    copies = held.copy_ring()
    return (
        copies.unfinished(client_id)
        or any(other != generation for other in copies.generations(client_id))
        or any(path.name != f"pages-{generation}.copy" for path in _page_files(client_id))
    )


def destroy(client_id: UUID) -> None:
    """Destroy all copies of a client. Idempotent."""
    for path in _page_files(client_id):
        path.unlink()
    held.copy_ring().destroy_client(client_id)


def _page_files(client_id: UUID) -> list[Path]:
    home = held.copy_ring().home(client_id)
    return [path for path in home.iterdir() if _NAME.fullmatch(path.name)] if home.is_dir() else []


def _write(path: Path, tree: store.Tree, root: Root) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        seen = hashlib.sha256()
        for part in _parts(tree, root):
            seen.update(part)
            file.write(part)
        file.write(seen.digest())
        file.flush()
        os.fsync(file.fileno())
    step("copy.pages_written")
    beside.rename(path)
    files.sync_folder(path.parent)


def _parts(tree: store.Tree, root: Root) -> Iterator[bytes]:
    yield _HEADER.pack(
        _MAGIC, tree.client_id.bytes, tree.root_generation, tree.pages, tree.next_slot
    )
    for page in verified_pages(tree, root):
        yield _RECORD.pack(
            page.number,
            page.generation,
            page.root_generation,
            page.shredded,
            len(page.wrapped_key),
            len(page.block),
        )
        yield page.wrapped_key
        yield page.block


def _verify(path: Path, tree: store.Tree, root: Root) -> int:
    count = 0
    for page in read(path, tree.client_id):
        check_page(page, root)
        count += 1
    if count != tree.pages:
        raise PageBroken(f"The copy of client {tree.client_id} lacks pages.")
    return count


def read(path: Path, client_id: UUID) -> Iterator[Page]:
    """Read the pages of a copy; raises `PageBroken` where it is damaged or of another client."""
    files.check_private(path)
    damaged = PageBroken(f"The copy of the pages of client {client_id} is damaged.")
    with path.open("rb") as file:
        seen = hashlib.sha256()
        header = _exactly(file, _HEADER.size, seen, damaged)
        magic, owner, _, count, _ = _HEADER.unpack(header)
        if magic != _MAGIC or owner != client_id.bytes:
            raise damaged
        for _ in range(count):
            *head, key_size, block_size = _RECORD.unpack(
                _exactly(file, _RECORD.size, seen, damaged)
            )
            wrapped = _exactly(file, key_size, seen, damaged)
            block = _exactly(file, block_size, seen, damaged)
            number, generation, root_generation, shredded = head
            yield Page(client_id, number, generation, root_generation, wrapped, block, shredded)
        if file.read() != seen.digest():
            raise damaged


def _exactly(file: BinaryIO, size: int, seen: hashlib._Hash, damaged: PageBroken) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise damaged
    seen.update(content)
    return content
