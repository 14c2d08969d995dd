"""A client's key tree from its making to its end: create, roll, recover, destroy.

Invariants:
- Write new, sync, commit, verify by opening, copy and verify the copy, and only then destroy old.
- One process at a time does any of this for a client (advisory lock); reading, allocating and shredding
  go on meanwhile.
- The database row says which root is the current one. A newer root in the keyring is a roll that was
  cut off before its commit, and is carried forward; an older one is a roll cut off after it, and is
  finished. No root is destroyed because a row does not know it: a database that was rolled back by
  mistake must not take the keys along.
"""

from __future__ import annotations

import logging
from uuid import UUID

from portal.vault import copies, held, pages, store
from portal.vault.errors import (
    KeyMissing,
    KeyringBroken,
    KeyShredded,
    PageBroken,
    RootGone,
    VaultBusy,
    VaultError,
)
from portal.vault.steps import step

_log = logging.getLogger(__name__)


def create_client(client_id: UUID) -> None:
    """Make the client's root, index key and tree. Idempotent; raises `KeyShredded` after its end."""
    if not _exists(client_id):
        with store.exclusive(client_id):
            if not _exists(client_id):
                _create(client_id)


def _exists(client_id: UUID) -> bool:
    tree = store.tree(client_id)
    if tree is not None and not tree.is_active:
        raise KeyShredded(f"Client {client_id} was destroyed and is not made again.")
    return tree is not None


def _create(client_id: UUID) -> None:
    ring = held.keyring()
    ring.tidy(client_id)
    if ring.generations(client_id) not in ([], [1]):
        raise KeyringBroken(f"The keyring knows client {client_id}, the vault database does not.")
    ring.create_root(client_id, 1)
    step("create.root_written")
    ring.create_index(client_id)
    step("create.index_written")
    held.copy_ring().tidy(client_id)
    ring.copy_to(held.copy_ring(), client_id, 1)
    step("create.copied")
    store.insert_tree(client_id)
    step("create.committed")


def roll(client_id: UUID) -> int:
    """Hang all pages under a new root and destroy the old one. Returns the old one's generation.

    Seals every shred that was committed before the call: no backup or copy of either database can give
    those keys back afterwards. Raises `VaultError` and destroys nothing where a page does not open.
    """
    with store.exclusive(client_id):
        tree = _finish(client_id)
        old = tree.root_generation
        held.keyring().create_root(client_id, old + 1)
        step("roll.root_written")
        _rewrap(client_id, old)
        _settle(client_id)
        return old


def _rewrap(client_id: UUID, old: int) -> None:
    """Wrap all page keys under root `old + 1`, in one transaction that never touches a block."""
    ring = held.keyring()
    old_root, new_root = ring.root(client_id, old), ring.root(client_id, old + 1)
    with store.transact() as opened:
        tree = store.lock_alone(opened, client_id)
        if tree is None or not tree.is_active or tree.root_generation != old:
            raise VaultBusy(f"The key tree of client {client_id} moved on.")
        stored = store.wrapped_keys(opened, client_id)
        if len(stored) != tree.pages or any(page.root_generation != old for page in stored):
            raise PageBroken(f"Pages of client {client_id} are missing or left behind.")
        wrapped = [(page.number, pages.rewrap(page, old_root, new_root)) for page in stored]
        step("roll.rewrapped")
        store.hang_under(opened, client_id, wrapped, old + 1)
        step("roll.stored")
    step("roll.committed")


def _settle(client_id: UUID) -> store.Tree:
    """Verify and copy the tree under its current root; then destroy older roots."""
    tree = _active(client_id)
    copies.take(tree)
    if _active(client_id).root_generation != tree.root_generation:
        raise VaultBusy(f"The key tree of client {client_id} moved on.")
    for generation in held.keyring().generations(client_id):
        if generation < tree.root_generation:
            held.keyring().destroy_root(client_id, generation)
    held.forget_root(client_id)
    step("roll.old_destroyed")
    return tree


def recover() -> list[UUID]:
    """Finish what crashes have left behind. Returns the clients that were put in order.

    Safe to call from many processes at once and while the portal works; a client that another process
    is working on is left to it. A client that cannot be recovered is logged and left as it is.
    """
    done = []
    for tree in store.trees():
        if not is_pending(tree):
            continue
        try:
            if _recover_one(tree.client_id):
                done.append(tree.client_id)
        except VaultBusy:
            _log.info("client %s is being worked on by another process", tree.client_id)
        except (VaultError, OSError) as error:
            # A full disk or a keyring that cannot be written is no reason to leave the others either.
            _log.error("client %s cannot be recovered: %s", tree.client_id, error)
    return done


def is_pending(tree: store.Tree) -> bool:
    """Say whether a roll, copy or destruction of this client is under way or was cut off."""
    ring, client_id = held.keyring(), tree.client_id
    if tree.state == "destroyed":
        return False
    return (
        not tree.is_active
        or ring.unfinished(client_id)
        or ring.generations(client_id) != [tree.root_generation]
        or copies.is_stale(client_id, tree.root_generation)
    )


def _recover_one(client_id: UUID) -> bool:
    # A server may need a moment to notice that the process which held the lock was killed.
    with store.exclusive(client_id, wait=10.0):
        tree = store.tree(client_id)
        if tree is None or not is_pending(tree):
            return False
        if tree.is_active:
            _finish(client_id)
        else:
            _destroy(client_id)
        return True


def _finish(client_id: UUID) -> store.Tree:
    """Bring a tree to rest, under the client's lock: one root, no older copy."""
    tree = _active(client_id)
    ring, current = held.keyring(), tree.root_generation
    generations = ring.generations(client_id)
    if current not in generations:
        raise RootGone(f"The keyring has no root {current} for client {client_id}.")
    if generations[-1] > current + 1:
        raise KeyringBroken(f"The vault database of client {client_id} was rolled back.")
    ring.tidy(client_id)
    held.copy_ring().tidy(client_id)
    if generations[-1] == current + 1:
        _rewrap(client_id, current)
        return _settle(client_id)
    if is_pending(tree):
        return _settle(client_id)
    return tree


def _active(client_id: UUID) -> store.Tree:
    tree = store.tree(client_id)
    if tree is None:
        raise KeyMissing(f"Client {client_id} has no key tree.")
    if not tree.is_active:
        raise KeyShredded(f"All keys of client {client_id} were destroyed.")
    return tree


def destroy_client(client_id: UUID) -> None:
    """Destroy root, index key, copies and pages of a client at the end of its contract. Idempotent."""
    with store.exclusive(client_id):
        store.insert_tree(client_id, "destroying")
        with store.transact() as opened:
            tree = store.lock_alone(opened, client_id)
            if tree is not None and tree.is_active:
                store.set_state(opened, client_id, "destroying")
        step("end.marked")
        _destroy(client_id)


def _destroy(client_id: UUID) -> None:
    copies.destroy(client_id)
    step("end.copies_destroyed")
    held.keyring().destroy_client(client_id)
    held.forget_root(client_id)
    step("end.keys_destroyed")
    with store.transact() as opened:
        store.delete_pages(opened, client_id)
        store.set_state(opened, client_id, "destroyed")
        step("end.stored")
    step("end.committed")
