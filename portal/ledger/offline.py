"""Checks a receipt of the ledger. Stands alone: needs Python 3.9 or later and the package `cryptography`.

    python offline.py receipt.json "portal.example.com/ledger+1a2b3c4d+AQ..."

The second argument is the public key that the ledger's keeper published; the one inside the receipt is ignored,
because whoever forges a receipt forges that as well. The recursive form of RFC 6962 is used on purpose: it is
written independently of the portal's own, so that a mistake in one is found by the other.
"""

import hashlib
import json
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotProven(Exception):
    """The document does not prove what it says."""


def node(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def half(size: int) -> int:
    """The largest power of two below size."""
    return 1 << (size - 1).bit_length() - 1


def root_by_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    """The root to which the proof leads, or None if its length is wrong."""
    if not 0 <= index < size:
        return None
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    left = half(size)
    if index < left:
        inner = root_by_inclusion(leaf, index, left, proof[:-1])
        return None if inner is None else node(inner, proof[-1])
    inner = root_by_inclusion(leaf, index - left, size - left, proof[:-1])
    return None if inner is None else node(proof[-1], inner)


def is_extension(old: bytes, new: bytes, old_size: int, new_size: int, proof: list[bytes]) -> bool:
    """Whether the tree `new` begins with the tree `old`."""
    if not 0 < old_size <= new_size:
        return False
    return _both(old, old_size, new_size, proof, True) == (old, new)


def _both(
    old: bytes, old_size: int, new_size: int, proof: list[bytes], whole: bool
) -> tuple[bytes, bytes] | None:
    """Old and new root of a subtree; `whole` while the old tree is a subtree whose root is known."""
    if old_size == new_size:
        if whole:
            return (old, old) if not proof else None
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    left = half(new_size)
    if old_size <= left:
        inner = _both(old, old_size, left, proof[:-1], whole)
        return inner and (inner[0], node(inner[1], proof[-1]))
    inner = _both(old, old_size - left, new_size - left, proof[:-1], False)
    return inner and (node(proof[-1], inner[0]), node(proof[-1], inner[1]))


def open_note(note: str, verifier_key: str) -> tuple[str, int, bytes]:
    """Text, size and root of a checkpoint, once its signature has been verified."""
    origin, short, key = verifier_key.split("+", 2)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        if line.startswith(f"— {origin} "):
            signed = b64decode(line.rsplit(" ", 1)[1], validate=True)
            if signed[:4].hex() == short:
                Ed25519PublicKey.from_public_bytes(b64decode(key)[1:]).verify(
                    signed[4:], text.encode()
                )
                named, size, root = text.split("\n")[:3]
                if named == origin:
                    return text, int(size), b64decode(root, validate=True)
    raise NotProven("no signature of this key")


def check(document: dict[str, Any], verifier_key: str) -> str:
    """Raise NotProven unless the document proves what it says; returns the signed text that proves it."""
    try:
        text, size, root = open_note(document["checkpoint"], verifier_key)
        proof = [b64decode(item, validate=True) for item in document["proof"]]
        if any(len(item) != 32 for item in [root, *proof]):
            raise NotProven("a hash is not 32 bytes long")
        if document["kind"] == "inclusion":
            leaf = hashlib.sha256(b"\x00" + document["leaf"].encode()).digest()
            proven = root_by_inclusion(leaf, document["leaf_index"], size, proof) == root
        else:
            _, old_size, old_root = open_note(document["old_checkpoint"], verifier_key)
            proven = is_extension(old_root, root, old_size, size, proof)
    except (InvalidSignature, KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotProven("not a document of this ledger's key") from error
    if not proven:
        raise NotProven("the proof does not lead to the signed root")
    return text.rstrip("\n")


def main() -> int:
    """Check the file named first with the key named second; exit code 1 if it proves nothing."""
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        text = check(document, sys.argv[2])
    except NotProven as error:
        sys.stderr.write(f"NOT PROVEN: {error}\n")
        return 1
    sys.stdout.write(f"proven under the checkpoint\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
