"""Handing out, finding and shredding of consumer keys.

Invariants:
- A slot is handed out once in its life; a shredded one is never used again.
- A key is found by its reference only. What is not there, or was shredded, is absent.
- Reading never waits for a roll: a reader whose root has just gone reads the row anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar
from uuid import UUID

from portal.vault import held, pages, store
from portal.vault.errors import KeyMissing, KeyringBroken, KeyShredded
from portal.vault.refs import KeyRef
from portal.vault.sealing import NO_KEY
from portal.vault.steps import step

Item = TypeVar("Item")

_READ_AGAIN = 20
"""A reader falls behind once for every roll that ends while it reads; no client is rolled that often."""


def allocate(client_id: UUID, count: int) -> list[KeyRef]:
    """Hand out `count` keys; committed when it returns. Raises `KeyMissing` or `KeyShredded`."""
    if count < 0:
        raise ValueError("A number of keys is not negative.")
    with store.transact() as opened:
        tree = _usable(store.lock_to_allocate(opened, client_id), client_id)
        used = tree.slots_used
        last = -(-(used + count) // pages.SLOTS)
        if last > tree.pages:
            root = held.root(client_id, tree.root_generation)
            drawn = (
                pages.draw(client_id, number, root, tree.root_generation)
                for number in range(tree.pages, last)
            )
            for batch in _batched(drawn, store.BATCH):
                store.insert_pages(opened, batch)
        step("allocate.drawn")
        if count:
            store.move_on(opened, client_id, last, used + count - (last - 1) * pages.SLOTS)
        step("allocate.stored")
    step("allocate.committed")
    return [KeyRef(*divmod(place, pages.SLOTS)) for place in range(used, used + count)]


def keys(client_id: UUID, refs: Iterable[KeyRef]) -> dict[KeyRef, bytes]:
    """Return the living keys among `refs`; what is missing or shredded is absent.

    Raises `KeyringBroken` or `PageBroken` where a key should be there but cannot be opened.
    """
    by_page = _by_page(refs)
    found: dict[KeyRef, bytes] = {}
    for numbers in _batched(sorted(by_page), store.BATCH):
        for number, (block, handed_out) in _blocks(client_id, numbers).items():
            for ref in by_page[number]:
                key = pages.key_at(block, ref.slot)
                if key != NO_KEY and ref.slot < handed_out:
                    found[ref] = key
    return found


def key(client_id: UUID, ref: KeyRef) -> bytes:
    """Return one key. Raises `KeyShredded` or `KeyMissing`, or what `keys` raises."""
    ref = KeyRef(*ref)
    found = keys(client_id, [ref])
    if ref in found:
        return found[ref]
    tree = _usable(store.tree(client_id), client_id)
    if not tree.handed_out(ref.page, ref.slot):
        raise KeyMissing(f"{_named(client_id, ref)} was never handed out.")
    if not store.heads(client_id, [ref.page]):
        raise KeyMissing(f"{_named(client_id, ref)} is on a page that is missing.")
    raise KeyShredded(f"{_named(client_id, ref)} was shredded.")


def shred(client_id: UUID, refs: Iterable[KeyRef]) -> int:
    """Destroy keys; returns how many were alive. Idempotent; all keys of a page cost one re-key.

    Effective at once for every reader of the live databases; sealed against backups by the next `roll`.
    Commits a moderate group of pages at a time, so a call that was cut off is simply repeated.
    Raises `KeyMissing` for a reference that was never handed out.
    """
    by_page = _by_page(refs)
    return sum(
        _shred_group(client_id, {number: by_page[number] for number in numbers})
        for numbers in _batched(sorted(by_page), store.BATCH)
    )


def _shred_group(client_id: UUID, by_page: dict[int, list[KeyRef]]) -> int:
    with store.transact() as opened:
        tree = store.lock_to_shred(opened, client_id)
        if tree is not None and not tree.is_active:
            return 0  # All keys of the client are gone, these among them.
        _check_handed_out(_usable(tree, client_id), by_page)
        stored = store.lock_pages(opened, client_id, sorted(by_page))
        if len(stored) != len(by_page):
            raise KeyMissing(f"Pages of client {client_id} are missing; nothing was shredded.")
        fresh = [
            pages.drop(
                page,
                [ref.slot for ref in by_page[page.number]],
                held.root(client_id, page.root_generation),
            )
            for page in stored
        ]
        step("shred.rekeyed")
        store.update_pages(opened, client_id, [page for page, dropped in fresh if dropped])
        step("shred.stored")
    step("shred.committed")
    for page, _ in fresh:
        held.forget_page(client_id, page.number)
    return sum(dropped for _, dropped in fresh)


def _check_handed_out(tree: store.Tree, by_page: dict[int, list[KeyRef]]) -> None:
    for refs in by_page.values():
        for ref in refs:
            if not tree.handed_out(ref.page, ref.slot):
                raise KeyMissing(f"{_named(tree.client_id, ref)} was never handed out.")


def _blocks(client_id: UUID, numbers: Sequence[int]) -> dict[int, tuple[bytes, int]]:
    """Return the opened blocks of the pages that exist, and how many of their keys were handed out."""
    opened: dict[int, bytes] = {}
    failed: dict[int, tuple[int, KeyringBroken]] = {}
    handed_out: dict[int, int] = {}
    wanted = set(numbers)
    for _ in range(_READ_AGAIN):
        heads = store.heads(client_id, sorted(wanted))
        wanted = {head.number for head in heads}
        for head in heads:
            handed_out[head.number] = head.handed_out
            block = held.page(client_id, head.number, head.generation)
            if block is not None:
                opened[head.number] = block
        _open_stored(client_id, wanted - opened.keys(), opened, failed)
        wanted -= opened.keys()
        if not wanted:
            return {number: (block, handed_out[number]) for number, block in opened.items()}
    raise failed[min(wanted)][1]


def _open_stored(
    client_id: UUID,
    numbers: Iterable[int],
    opened: dict[int, bytes],
    failed: dict[int, tuple[int, KeyringBroken]],
) -> None:
    """Open pages into `opened`. A root that has gone is forgiven where the row has moved on since."""
    for page in store.pages(client_id, sorted(numbers)):
        try:
            block = pages.open_page(page, held.root(client_id, page.root_generation))
        except KeyringBroken as error:
            before = failed.get(page.number)
            if before is not None and before[0] == page.root_generation:
                raise
            failed[page.number] = (page.root_generation, error)
        else:
            held.hold_page(client_id, page.number, page.generation, block)
            opened[page.number] = block


def _usable(tree: store.Tree | None, client_id: UUID) -> store.Tree:
    if tree is None:
        raise KeyMissing(f"Client {client_id} has no key tree.")
    if not tree.is_active:
        raise KeyShredded(f"All keys of client {client_id} were destroyed.")
    return tree


def _by_page(refs: Iterable[KeyRef]) -> dict[int, list[KeyRef]]:
    by_page: dict[int, list[KeyRef]] = defaultdict(list)
    for page, slot in refs:
        if page < 0 or not 0 <= slot < pages.SLOTS:
            raise KeyMissing("A key reference is out of range.")
        by_page[page].append(KeyRef(page, slot))
    return by_page


def _named(client_id: UUID, ref: KeyRef) -> str:
    return f"Key {ref.page}/{ref.slot} of client {client_id}"


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
