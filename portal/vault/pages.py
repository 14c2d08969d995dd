"""What a key page is, as bytes. Pure.

Invariants:
- A page holds 1,024 keys of 32 bytes, all drawn when the page is; handing one out changes nothing.
- The block of keys is sealed under the page key, the page key is wrapped under the client's root; both
  are bound to client, page number and generation, so no part of a page fits another one.
- A re-key draws a new page key and moves the generation on; the dropped slots become zeros.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from portal.vault.errors import PageBroken, SealBroken
from portal.vault.keyring import Root
from portal.vault.sealing import KEY_SIZE, NO_KEY, pack, seal_raw, unseal_raw

SLOTS = 1024
BLOCK_SIZE = SLOTS * KEY_SIZE


class Page(NamedTuple):
    """A page as it is stored; nothing in it can be read without the root."""

    client_id: UUID
    number: int
    generation: int
    root_generation: int
    wrapped_key: bytes
    block: bytes
    shredded: int


def draw(client_id: UUID, number: int, root: Root, root_generation: int) -> Page:
    """Draw a new page with all of its keys."""
    return _sealed(client_id, number, 1, root, root_generation, os.urandom(BLOCK_SIZE), 0)


def open_page(page: Page, root: Root) -> bytes:
    """Return the 32,768 bytes of the page's keys. Raises `PageBroken`, naming the page only."""
    bound = _aad("block", page.client_id, page.number, page.generation)
    try:
        page_key = unwrap(page, root)
        block = unseal_raw(page_key, page.block, bound)
    except SealBroken:
        raise PageBroken(f"Page {page.number} of client {page.client_id} does not open.") from None
    if len(block) != BLOCK_SIZE:
        raise PageBroken(f"Page {page.number} of client {page.client_id} is of a wrong size.")
    return block


def drop(page: Page, slots: Iterable[int], root: Root) -> tuple[Page, int]:
    """Re-key a page without `slots`. Returns the new page and how many of them were alive."""
    block = bytearray(open_page(page, root))
    dropped = 0
    for slot in set(slots):
        place = slice(slot * KEY_SIZE, (slot + 1) * KEY_SIZE)
        dropped += block[place] != NO_KEY
        block[place] = NO_KEY
    if not dropped:
        return page, 0
    fresh = _sealed(
        page.client_id,
        page.number,
        page.generation + 1,
        root,
        page.root_generation,
        bytes(block),
        page.shredded + dropped,
    )
    return fresh, dropped


def unwrap(page: Page, root: Root) -> bytes:
    """Return the page key."""
    return root.unwrap(page.wrapped_key, _aad("wrap", page.client_id, page.number, page.generation))


def rewrap(page: Page, old: Root, new: Root) -> bytes:
    """Return the page key wrapped under a new root, opened once more to be sure of it."""
    bound = _aad("wrap", page.client_id, page.number, page.generation)
    try:
        page_key = old.unwrap(page.wrapped_key, bound)
        wrapped = new.wrap(page_key, bound)
        same = new.unwrap(wrapped, bound) == page_key
    except SealBroken:
        same = False
    if not same:
        raise PageBroken(f"The key of page {page.number} of client {page.client_id} does not open.")
    return wrapped


def key_at(block: bytes, slot: int) -> bytes:
    """Return the key in a slot of an opened block; zeros where it was shredded."""
    return block[slot * KEY_SIZE : (slot + 1) * KEY_SIZE]


def count_shredded(block: bytes) -> int:
    """Return how many slots of an opened block are zeros."""
    return sum(key_at(block, slot) == NO_KEY for slot in range(SLOTS))


def _sealed(
    client_id: UUID,
    number: int,
    generation: int,
    root: Root,
    root_generation: int,
    block: bytes,
    shredded: int,
) -> Page:
    page_key = os.urandom(KEY_SIZE)
    wrapped = root.wrap(page_key, _aad("wrap", client_id, number, generation))
    sealed = seal_raw(page_key, block, _aad("block", client_id, number, generation))
    return Page(client_id, number, generation, root_generation, wrapped, sealed, shredded)


def _aad(use: str, client_id: UUID, number: int, generation: int) -> bytes:
    place = number.to_bytes(8, "big") + generation.to_bytes(8, "big")
    return pack(b"vault", use.encode(), client_id.bytes, place)
