"""Documents that prove a leaf, or the ledger's growth, to someone who does not trust us.

A proof reads the leaf hashes of two blocks and the block roots: three queries, however large the ledger is.
The documents are plain JSON; `portal/ledger/offline.py` checks them with nothing of ours but that one file.
"""

from base64 import b64encode
from functools import cache
from typing import Any

from portal.errors import Refused
from portal.ledger import canonical, merkle, signing
from portal.ledger.checkpoints import note_of
from portal.ledger.errors import LedgerBroken
from portal.ledger.models import Block, Checkpoint, Leaf
from portal.ledger.sealing import BLOCK_HEIGHT

BLOCK = 1 << BLOCK_HEIGHT
Document = dict[str, Any]


def inclusion(leaf: Leaf, checkpoint: Checkpoint | None = None) -> Document:
    """The receipt of a leaf: the leaf, its path to the root, and the signed checkpoint (default: the last).

    Raises Refused where the leaf is not sealed under the checkpoint, LedgerBroken where the path does not lead
    to the root: a wrong receipt is never handed out.
    """
    leaf.refresh_from_db()
    checkpoint = checkpoint or Checkpoint.objects.order_by("-size").first()
    index = leaf.leaf_index
    if index is None or checkpoint is None or index >= checkpoint.size:
        raise Refused("This entry of the ledger is not sealed yet. Try again.", code="not_sealed")
    proof = proof_of(leaf, checkpoint)
    content = canonical_of(leaf)
    if not merkle.verify_inclusion(
        leaf=merkle.leaf_hash(content),
        index=index,
        size=checkpoint.size,
        proof=proof,
        root=bytes(checkpoint.root),
    ):
        raise LedgerBroken(f"Leaf {index} has no path to its root: run `ledger verify`.")
    return {
        "kind": "inclusion",
        "leaf": content.decode("ascii"),
        "leaf_index": index,
        "proof": _texts(proof),
        "checkpoint": note_of(checkpoint),
        "public_key": _verifier(checkpoint),
    }


def consistency(old: Checkpoint, new: Checkpoint) -> Document:
    """The proof that the ledger of `new` begins with the whole ledger of `old`, unchanged."""
    if not old.size <= new.size:
        raise Refused("The older checkpoint must be the smaller one.", code="checkpoint_order")
    proof = merkle.consistency_proof(old.size, new.size, _subtree(new.size))
    if not merkle.verify_consistency(
        old=old.size,
        new=new.size,
        old_root=bytes(old.root),
        new_root=bytes(new.root),
        proof=proof,
    ):
        raise LedgerBroken(
            f"Checkpoint {new.size} does not extend {old.size}: run `ledger verify`."
        )
    return {
        "kind": "consistency",
        "old_checkpoint": note_of(old),
        "proof": _texts(proof),
        "checkpoint": note_of(new),
        "public_key": _verifier(new),
    }


def proof_of(leaf: Leaf, checkpoint: Checkpoint) -> list[bytes]:
    """The hashes from a sealed leaf up to the checkpoint's root; ValueError if it is not under it."""
    if leaf.leaf_index is None:
        raise ValueError("the leaf is not sealed")
    return merkle.inclusion_proof(leaf.leaf_index, checkpoint.size, _subtree(checkpoint.size))


def canonical_of(leaf: Leaf) -> bytes:
    """The canonical bytes of a leaf."""
    return canonical.canonical(tuple(getattr(leaf, name) for name in canonical.COLUMNS))


def _subtree(size: int) -> merkle.Subtree:
    """Subtrees of the stored tree. Every range that starts at a block and holds one comes from block roots."""

    @cache
    def hashes(block: int) -> list[bytes]:
        rows = Leaf.objects.filter(
            leaf_index__gte=block * BLOCK, leaf_index__lt=min((block + 1) * BLOCK, size)
        ).order_by("leaf_index")
        return [bytes(item) for item in rows.values_list("leaf_hash", flat=True) if item]

    @cache
    def roots() -> list[bytes]:
        rows = Block.objects.filter(number__lt=size // BLOCK).order_by("number")
        return [bytes(item) for item in rows.values_list("root", flat=True)]

    def subtree(start: int, end: int) -> bytes:
        first = start // BLOCK
        if end - start < BLOCK:
            return merkle.root_of(hashes(first)[start - first * BLOCK : end - first * BLOCK])
        # A range of the tree that is at least a block long starts at a block; its rest is the last block.
        frontier = merkle.Frontier()
        for root in roots()[first : end // BLOCK]:
            frontier.append(root)
        rest = hashes(end // BLOCK)[: end % BLOCK] if end % BLOCK else []
        return frontier.root_with(rest)

    return subtree


def _texts(proof: list[bytes]) -> list[str]:
    return [b64encode(item).decode() for item in proof]


def _verifier(checkpoint: Checkpoint) -> str:
    return signing.verifier_key(checkpoint.origin, bytes(checkpoint.public_key))
