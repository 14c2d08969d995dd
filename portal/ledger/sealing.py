"""The sealer: gives leaves their places, and signs the tree.

Invariants
- One sealer at a time, held by an advisory lock of the database until its line in the witness is synced.
- Places are given in the order of sealing. A leaf whose transaction commits late is sealed next time, so its
  place says when it was sealed, and its `at` when it happened.
- Places, blocks and checkpoint are committed together; the witness is written after the commit. A crash in
  between leaves the witness one line behind, which the next sealing makes good. Any other difference stops it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from portal.ledger import canonical, keychange, signing, witness
from portal.ledger.checkpoints import frontier_of, is_genuine, note_of
from portal.ledger.errors import LedgerBroken
from portal.ledger.merkle import Frontier, leaf_hash
from portal.ledger.models import Block, Checkpoint, Leaf

BATCH = 10_000
BLOCK_HEIGHT = 10  # A block has 1,024 leaves.
LOCK = 0x6C656467  # "ledg"
ANOTHER_KEY = "`manage.py ledger key --create --by NAME`"

_PLACE = """
    UPDATE ledger_leaf SET leaf_index = place.leaf_index, leaf_hash = place.leaf_hash
    FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS place (id, leaf_index, leaf_hash)
    WHERE ledger_leaf.id = place.id
"""


def seal(*, now: datetime, wait: bool = True) -> Checkpoint | None:
    """Seal all committed leaves under a new checkpoint, or return None if there are none.

    If another sealer is at work it is waited for, because it may have begun before the caller's leaves were
    committed; with wait=False None is returned at once. Must not be called inside a transaction (what is not
    committed cannot be witnessed). Raises LedgerBroken where going on would sign a fork.
    """
    with only_sealer(wait=wait) as is_ours:
        if not is_ours:
            return None
        _catch_up()
        with transaction.atomic(durable=True):
            checkpoint = _seal_leaves(now)
        if checkpoint is not None:
            _witness(checkpoint)
        return checkpoint


@contextmanager
def only_sealer(*, wait: bool) -> Iterator[bool]:
    """Hold the sealer's lock; yields whether it is held (always, where it is waited for)."""
    take = "SELECT true FROM pg_advisory_lock(%s)" if wait else "SELECT pg_try_advisory_lock(%s)"
    with connection.cursor() as cursor:
        cursor.execute(take, [LOCK])
        (is_ours,) = cursor.fetchone() or (False,)
    try:
        yield is_ours
    finally:
        # A lost connection has given the lock back by itself.
        if is_ours and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _witness(checkpoint: Checkpoint) -> None:
    witness.append(
        settings.LEDGER_WITNESS_PATH,
        size=checkpoint.size,
        note=note_of(checkpoint),
        public=bytes(checkpoint.public_key),
    )


def _catch_up() -> None:
    """Write the one line that a crash may have kept from the witness; refuse every other difference."""
    try:
        seen = witness.last(settings.LEDGER_WITNESS_PATH)
    except ValueError:
        raise LedgerBroken("The ledger's witness cannot be read: run `ledger verify`.") from None
    notes = [(item, note_of(item)) for item in Checkpoint.objects.order_by("-size")[:2]]
    newest = notes[0][1] if notes else None
    before = notes[1][1] if len(notes) > 1 else None
    seen_note = (seen.note or None) if seen else None
    if seen_note == newest:
        return
    if seen_note != before:
        raise LedgerBroken("The ledger's witness and the database differ: run `ledger verify`.")
    _witness(notes[0][0])


def _seal_leaves(now: datetime) -> Checkpoint | None:
    last = Checkpoint.objects.order_by("-size").first()
    frontier = _resume(last)
    while count := _seal_batch(frontier):
        if count < BATCH:
            break
    if frontier.size == (last.size if last else 0):
        return None
    return _sign(frontier, _key(last), now)


def _resume(last: Checkpoint | None) -> Frontier:
    """The tree's frontier, after looking that the last checkpoint and the leaves under it are there."""
    placed = Leaf.objects.aggregate(highest=Max("leaf_index"))["highest"]
    size = 0 if placed is None else placed + 1
    if size != (last.size if last else 0):
        raise LedgerBroken("Leaves and last checkpoint differ in number: run `ledger verify`.")
    if last is None:
        return Frontier()
    frontier = frontier_of(last)
    if frontier is None or not is_genuine(last):
        raise LedgerBroken("The last checkpoint is not genuine: run `ledger verify`.")
    return frontier


def _seal_batch(frontier: Frontier) -> int:
    """Place the next leaves at the end of the tree; returns how many."""
    due = Leaf.objects.filter(leaf_index=None).order_by("id").values_list(*canonical.COLUMNS)
    ids, places, hashes, blocks = [], [], [], []
    for row in due[:BATCH]:
        hashed = leaf_hash(canonical.canonical(row))
        ids.append(row[0])
        places.append(frontier.size)
        hashes.append(hashed)
        if (frontier.size + 1) % (1 << BLOCK_HEIGHT) == 0:
            root = frontier.block_closed_by(hashed, BLOCK_HEIGHT)
            blocks.append(Block(number=frontier.size >> BLOCK_HEIGHT, root=root))
        frontier.append(hashed)
    with connection.cursor() as cursor:
        cursor.execute(_PLACE, [ids, places, hashes])
        if cursor.rowcount != len(ids):
            raise LedgerBroken("A leaf vanished while it was being sealed.")
    Block.objects.bulk_create(blocks)
    return len(ids)


def _key(last: Checkpoint | None) -> signing.SigningKey:
    """The signing key. The first sealing makes it; another one is never used without a person's word."""
    path, origin = settings.LEDGER_KEY_PATH, settings.LEDGER_ORIGIN
    if not path.exists():
        if last is not None:
            raise LedgerBroken(f"The ledger's key is missing; {ANOTHER_KEY} makes a new one.")
        return signing.create_key(path, origin)
    key = signing.load_key(path, origin)
    if last and bytes(last.public_key) != key.public and not keychange.is_accepted(key.public):
        raise LedgerBroken(
            f"The ledger's key is not the one of the last checkpoint; {ANOTHER_KEY} accepts it."
        )
    return key


def _sign(frontier: Frontier, key: signing.SigningKey, now: datetime) -> Checkpoint:
    root = frontier.root()
    text = signing.checkpoint_text(key.origin, frontier.size, root, now)
    return Checkpoint.objects.create(
        size=frontier.size,
        origin=key.origin,
        root=root,
        frontier=frontier.pack(),
        signed_at=now,
        key_id=key.key_id,
        public_key=key.public,
        signature=key.private.sign(text.encode()),
    )
