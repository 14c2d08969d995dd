"""Merkle trees of RFC 6962 (the same trees as RFC 9162 with SHA-256), as pure functions.

Invariants
- A leaf hashes as SHA-256(0x00 || data), a node as SHA-256(0x01 || left || right), so no leaf can pose as a node.
- The tree over n > 1 leaves splits at the largest power of two below n; the empty tree's root is SHA-256 of nothing.
- A Frontier of size n holds the roots of the perfect subtrees named by the set bits of n, the largest first:
  exactly ``n.bit_count()`` hashes. Appending costs O(1) amortised, the root O(log n), and no leaf is needed again.
- A proof is the list of sibling hashes from the leaf upwards. Verification looks at every hash given and
  accepts only the one length that sizes and index demand; it answers False and never raises on bad lengths.
- Nothing here knows a database, a clock or a key.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

# Root of the subtree over leaves [start, end); end > start. Every range asked for is a node of the tree.
Subtree = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf (RFC 6962 section 2.1); 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node (RFC 6962 section 2.1); 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The compact state of a growing tree: enough to append and to know the root, in O(log n) space."""

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self._size = size
        self._hashes = list(hashes)
        if size < 0 or len(self._hashes) != size.bit_count():
            raise ValueError("the frontier's hashes do not fit its size")
        if any(len(item) != HASH_SIZE for item in self._hashes):
            raise ValueError("a frontier's hash is not 32 bytes long")

    @property
    def size(self) -> int:
        """Number of leaves so far."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right; merges as many subtrees as the size has trailing ones."""
        size = self._size
        while size & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            size >>= 1
        self._hashes.append(leaf)
        self._size += 1

    def block_closed_by(self, leaf: bytes, height: int) -> bytes:
        """Root of the perfect subtree of 2**height leaves that `leaf` would complete; call before append."""
        if (self._size + 1) % (1 << height):
            raise ValueError("the leaf does not complete a block of this height")
        for left in reversed(self._hashes[len(self._hashes) - height :]):
            leaf = node_hash(left, leaf)
        return leaf

    def root(self) -> bytes:
        """Root of the tree so far; EMPTY_ROOT while there is no leaf."""
        return _fold(self._hashes)

    def root_with(self, rest: Iterable[bytes]) -> bytes:
        """Root if this frontier's leaves are themselves roots of equal blocks, followed by less than a block."""
        tail = Frontier()
        for leaf in rest:
            tail.append(leaf)
        return _fold(self._hashes + tail._hashes)

    def pack(self) -> bytes:
        """The hashes one after the other, the largest subtree first."""
        return b"".join(self._hashes)

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> "Frontier":
        """Inverse of pack; ValueError if the bytes do not fit the size."""
        return cls(
            size,
            (packed[at : at + HASH_SIZE] for at in range(0, len(packed), HASH_SIZE)),
        )


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Join the perfect subtrees of a tree, given from left to right."""
    if not hashes:
        return EMPTY_ROOT
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over leaf hashes in order."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def split(size: int) -> int:
    """The largest power of two below size (size > 1): how many leaves the left subtree has."""
    return 1 << ((size - 1).bit_length() - 1)


def subtree_of(leaves: Sequence[bytes]) -> Subtree:
    """A Subtree that reads leaf hashes held in memory."""
    return lambda start, end: root_of(leaves[start:end])


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Siblings from leaf to root that prove leaf `index` in the tree of `size` (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in a tree of this size")
    start, end = 0, size
    siblings = []
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            siblings.append(subtree(middle, end))
            end = middle
        else:
            siblings.append(subtree(start, middle))
            start = middle
    return siblings[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """Hashes that prove the tree of `new` leaves to begin with the tree of `old` (RFC 6962 section 2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError("the old tree is not smaller than the new one")
    if old in (0, new):
        return []
    start, end = 0, new
    siblings = []
    while old != end:
        middle = start + split(end - start)
        if old <= middle:
            siblings.append(subtree(middle, end))
            end = middle
        else:
            siblings.append(subtree(start, middle))
            start = middle
    if start:  # Otherwise the old root is this very subtree, and the verifier has it.
        siblings.append(subtree(start, end))
    return siblings[::-1]


def verify_inclusion(
    *, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """True if the proof leads from this leaf hash at `index` to `root` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != HASH_SIZE:
        return False
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(
    *, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """True if the tree `new_root` extends the tree `old_root` (RFC 9162 section 2.1.4.2).

    Every tree extends the empty one, so a proof from size 0 says nothing and is refused.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    return bool(path) and _climb(old - 1, new - 1, path) == (old_root, new_root)


def _climb(node: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots that a consistency path leads to, or None if it is too long or too short."""
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return (first, second) if last == 0 else None
