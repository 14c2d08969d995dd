"""The vault's SQL. Narrow, set-based statements over a plain psycopg cursor.

Django's own cursor pastes values into the text of a statement; bytes would travel twice as long, and key
material would stand in the server's log of slow statements. This cursor binds them as binary parameters.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import DatabaseError, connections, transaction

from portal.vault.errors import VaultBusy
from portal.vault.pages import Page
from portal.vault.router import ALIAS

BATCH = 64
"""Pages held in memory and in one transaction at a time: 2 MB."""

Cursor = psycopg.Cursor[Any]


class Tree(NamedTuple):
    """The row of a client's key tree."""

    client_id: UUID
    state: str
    root_generation: int
    pages: int
    next_slot: int

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    @property
    def slots_used(self) -> int:
        """How many keys were handed out."""
        return (self.pages - 1) * 1024 + self.next_slot if self.pages else 0

    def handed_out(self, page: int, slot: int) -> bool:
        """Say whether a reference was ever handed out."""
        if not (0 <= slot < 1024 and 0 <= page < self.pages):
            return False
        return page < self.pages - 1 or slot < self.next_slot


_TREE = "SELECT client_id, state, root_generation, pages, next_slot FROM vault_keytree"


@contextmanager
def cursor() -> Iterator[Cursor]:
    """Give a cursor with binary parameters and results on the vault's connection."""
    connection = connections[ALIAS]
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as opened,
    ):
        opened.format = psycopg.pq.Format.BINARY
        yield opened


@contextmanager
def transact() -> Iterator[Cursor]:
    """Run one transaction that is on the disk when it returns, whatever the server's setting."""
    with transaction.atomic(using=ALIAS, durable=True), cursor() as opened:
        opened.execute(
            "SELECT set_config('synchronous_commit', 'on', true)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        yield opened


@contextmanager
def exclusive(client_id: UUID, *, wait: float = 300.0) -> Iterator[None]:
    """Hold the client's advisory lock: one process rolls, recovers, creates or destroys at a time.

    The lock belongs to the database session, so it goes when the process dies. Raises `VaultBusy` after
    `wait` seconds.
    """
    number = int.from_bytes(
        hashlib.sha256(b"vault" + client_id.bytes).digest()[:8], "big", signed=True
    )
    until = time.monotonic() + wait
    while not _ask("SELECT pg_try_advisory_lock(%s)", number):
        if time.monotonic() >= until:
            raise VaultBusy(f"Another process is working on the keys of client {client_id}.")
        time.sleep(0.02)
    try:
        yield
    finally:
        _unlock(number)


def _ask(query: str, *parameters: object) -> Any:
    with cursor() as opened:
        row = opened.execute(query, parameters).fetchone()
    return row[0] if row else None


def _unlock(number: int) -> None:
    try:
        _ask("SELECT pg_advisory_unlock(%s)", number)
    except DatabaseError:
        # The session is of no more use; closing it gives the lock back.
        connections[ALIAS].close()


def tree(client_id: UUID) -> Tree | None:
    """Read the client's tree without a lock."""
    with cursor() as opened:
        return _tree(opened.execute(f"{_TREE} WHERE client_id = %s", [client_id]))


def trees() -> list[Tree]:
    """Read all trees in the order of the clients' ids."""
    with cursor() as opened:
        rows = opened.execute(f"{_TREE} ORDER BY client_id").fetchall()
    return [Tree(*row) for row in rows]


def lock_to_shred(opened: Cursor, client_id: UUID) -> Tree | None:
    """Lock the tree against re-wrapping and destruction, but not against allocation."""
    query = f"{_TREE} WHERE client_id = %s FOR KEY SHARE"
    return _tree(opened.execute(query, [client_id]))


def lock_to_allocate(opened: Cursor, client_id: UUID) -> Tree | None:
    """Lock the tree against other allocations, re-wrapping and destruction."""
    query = f"{_TREE} WHERE client_id = %s FOR NO KEY UPDATE"
    return _tree(opened.execute(query, [client_id]))


def lock_alone(opened: Cursor, client_id: UUID) -> Tree | None:
    """Lock the tree against everything but reading."""
    return _tree(opened.execute(f"{_TREE} WHERE client_id = %s FOR UPDATE", [client_id]))


def _tree(result: Cursor) -> Tree | None:
    row = result.fetchone()
    return Tree(*row) if row else None


def insert_tree(client_id: UUID, state: str = "active") -> None:
    """Store a new tree; an existing one stays as it is."""
    with transact() as opened:
        opened.execute(
            "INSERT INTO vault_keytree (client_id, state, root_generation, pages, next_slot)"
            " VALUES (%s, %s, 1, 0, 0) ON CONFLICT (client_id) DO NOTHING",
            [client_id, state],
        )


def move_on(opened: Cursor, client_id: UUID, pages: int, next_slot: int) -> None:
    """Store how far keys were handed out."""
    opened.execute(
        "UPDATE vault_keytree SET pages = %s, next_slot = %s WHERE client_id = %s",
        [pages, next_slot, client_id],
    )


def set_state(opened: Cursor, client_id: UUID, state: str) -> None:
    """Store the tree's state."""
    opened.execute("UPDATE vault_keytree SET state = %s WHERE client_id = %s", [state, client_id])


def insert_pages(opened: Cursor, pages: Sequence[Page]) -> None:
    """Store new pages of one client."""
    copy = (
        "COPY vault_keypage (client_id, number, generation, root_generation, wrapped_key, block,"
        " shredded) FROM STDIN (FORMAT BINARY)"
    )
    with opened.copy(copy) as sink:
        sink.set_types(["uuid", "int4", "int4", "int4", "bytea", "bytea", "int2"])
        for page in pages:
            sink.write_row(page)


class Head(NamedTuple):
    """The narrow part of a page: its generation, and how many of its keys were handed out."""

    number: int
    generation: int
    handed_out: int


def heads(client_id: UUID, numbers: Sequence[int]) -> list[Head]:
    """Read the narrow part of the pages of a client whose tree is active."""
    with cursor() as opened:
        rows = opened.execute(
            "SELECT p.number, p.generation, CASE WHEN p.number < t.pages - 1 THEN 1024"
            " WHEN p.number = t.pages - 1 THEN t.next_slot::int ELSE 0 END"
            " FROM vault_keypage p"
            " JOIN vault_keytree t ON t.client_id = p.client_id AND t.state = 'active'"
            " WHERE p.client_id = %s AND p.number = ANY(%s)",
            [client_id, list(numbers)],
        ).fetchall()
    return [Head(*row) for row in rows]


_PAGE = (
    "SELECT client_id, number, generation, root_generation, wrapped_key, block, shredded"
    " FROM vault_keypage WHERE client_id = %s"
)


def pages(client_id: UUID, numbers: Sequence[int]) -> list[Page]:
    """Read whole pages in their order."""
    with cursor() as opened:
        query = f"{_PAGE} AND number = ANY(%s) ORDER BY number"
        return [Page(*row) for row in opened.execute(query, [client_id, list(numbers)])]


def lock_pages(opened: Cursor, client_id: UUID, numbers: Sequence[int]) -> list[Page]:
    """Lock whole pages in their order, so that two shreds never wait for each other in a ring."""
    query = f"{_PAGE} AND number = ANY(%s) ORDER BY number FOR UPDATE"
    return [Page(*row) for row in opened.execute(query, [client_id, list(numbers)])]


def all_pages(client_id: UUID) -> Iterator[Page]:
    """Read all pages of a client in their order, a batch at a time."""
    last = -1
    while True:
        with cursor() as opened:
            query = f"{_PAGE} AND number > %s ORDER BY number LIMIT {BATCH}"
            batch = [Page(*row) for row in opened.execute(query, [client_id, last])]
        yield from batch
        if len(batch) < BATCH:
            return
        last = batch[-1].number


def update_pages(opened: Cursor, client_id: UUID, fresh: Sequence[Page]) -> None:
    """Store re-keyed pages. The generation before is part of the condition."""
    opened.execute(
        "UPDATE vault_keypage p SET generation = n.generation, wrapped_key = n.wrapped_key,"
        " block = n.block, shredded = n.shredded"
        " FROM unnest(%s::int[], %s::int[], %s::bytea[], %s::bytea[], %s::int[])"
        " AS n (number, generation, wrapped_key, block, shredded)"
        " WHERE p.client_id = %s AND p.number = n.number AND p.generation = n.generation - 1",
        [
            [page.number for page in fresh],
            [page.generation for page in fresh],
            [page.wrapped_key for page in fresh],
            [page.block for page in fresh],
            [page.shredded for page in fresh],
            client_id,
        ],
    )
    if opened.rowcount != len(fresh):
        raise VaultBusy(f"Pages of client {client_id} changed under their lock.")


def wrapped_keys(opened: Cursor, client_id: UUID) -> list[Page]:
    """Read all pages of a client without their blocks, which re-wrapping never touches."""
    query = (
        "SELECT client_id, number, generation, root_generation, wrapped_key, ''::bytea, shredded"
        " FROM vault_keypage WHERE client_id = %s ORDER BY number"
    )
    return [Page(*row) for row in opened.execute(query, [client_id])]


def hang_under(
    opened: Cursor,
    client_id: UUID,
    wrapped: Sequence[tuple[int, bytes]],
    generation: int,
) -> None:
    """Store the page keys as wrapped under another root, and move the tree to it."""
    opened.execute(
        "UPDATE vault_keypage p SET wrapped_key = n.wrapped_key, root_generation = %s"
        " FROM unnest(%s::int[], %s::bytea[]) AS n (number, wrapped_key)"
        " WHERE p.client_id = %s AND p.number = n.number",
        [
            generation,
            [number for number, _ in wrapped],
            [key for _, key in wrapped],
            client_id,
        ],
    )
    if opened.rowcount != len(wrapped):
        raise VaultBusy(f"Pages of client {client_id} changed under their lock.")
    opened.execute(
        "UPDATE vault_keytree SET root_generation = %s WHERE client_id = %s",
        [generation, client_id],
    )


def delete_pages(opened: Cursor, client_id: UUID) -> None:
    """Remove all pages of a client whose root is gone."""
    opened.execute("DELETE FROM vault_keypage WHERE client_id = %s", [client_id])


def shredded_counts() -> dict[UUID, int]:
    """Return how many keys of each client were shredded."""
    with cursor() as opened:
        return dict(
            opened.execute(
                "SELECT client_id, sum(shredded)::bigint FROM vault_keypage GROUP BY client_id"
            ).fetchall()
        )
