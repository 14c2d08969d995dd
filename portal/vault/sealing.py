"""Sealing of blobs with AES-256-GCM. Pure: no database, no files, no clock.

Invariants:
- A blob is `version(1) | nonce(12) | ciphertext | tag(16)`; the nonce is random for every call.
- The associated data is a length-prefixed tuple (version, purpose, client, owner), so a blob opens
  only for the purpose, client and owner it was sealed for, and no two tuples read alike.
- Whatever does not open raises `SealBroken`, which names no value.
- A key of zeros marks a shredded slot and never seals anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.vault.errors import KeyShredded, SealBroken

VERSION = b"\x01"
KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16
OVERHEAD = 1 + NONCE_SIZE + TAG_SIZE
NO_KEY = bytes(KEY_SIZE)
_UUID_PREFIX = (16).to_bytes(4, "big")


def pack(*parts: bytes) -> bytes:
    """Return the parts, each behind its length of four bytes, so that borders cannot be moved."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@lru_cache(maxsize=4096)
def _bound_to(purpose: str, client_id: UUID) -> bytes:
    return pack(VERSION, purpose.encode(), client_id.bytes) + _UUID_PREFIX


def _cipher(key: bytes) -> AESGCM:
    if key == NO_KEY:
        raise KeyShredded("This key was shredded; nothing can be sealed or opened with it.")
    if len(key) != KEY_SIZE:
        raise SealBroken("A sealing key must have 32 bytes.")
    return AESGCM(key)


def seal_raw(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Seal bytes under associated data that the caller has packed."""
    nonce = os.urandom(NONCE_SIZE)
    return VERSION + nonce + _cipher(key).encrypt(nonce, plaintext, aad)


def unseal_raw(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """Open bytes sealed by `seal_raw`; raises `SealBroken`."""
    cipher = _cipher(key)
    if len(blob) < OVERHEAD or blob[:1] != VERSION:
        raise SealBroken("A sealed blob is cut short or of an unknown version.")
    try:
        return cipher.decrypt(blob[1:13], blob[13:], aad)
    except InvalidTag:
        raise SealBroken("A sealed blob does not open: wrong key, moved, or altered.") from None


def seal(key: bytes, plaintext: bytes, *, purpose: str, client_id: UUID, owner_id: UUID) -> bytes:
    """Seal one blob for one owner; it grows by 29 bytes. Raises `KeyShredded` for a dead key."""
    return seal_raw(key, plaintext, _bound_to(purpose, client_id) + owner_id.bytes)


def unseal(key: bytes, blob: bytes, *, purpose: str, client_id: UUID, owner_id: UUID) -> bytes:
    """Open one blob; raises `SealBroken` unless key, purpose, client and owner all fit."""
    try:
        return unseal_raw(key, bytes(blob), _bound_to(purpose, client_id) + owner_id.bytes)
    except SealBroken as error:
        raise SealBroken(f"{error} ({purpose} of {owner_id})") from None


def seal_many(
    items: Iterable[tuple[bytes, bytes, UUID]], *, purpose: str, client_id: UUID
) -> list[bytes]:
    """Seal many (key, plaintext, owner) at once; the nonces are drawn in one go."""
    rows: Sequence[tuple[bytes, bytes, UUID]] = list(items)
    drawn = os.urandom(NONCE_SIZE * len(rows))
    bound = _bound_to(purpose, client_id)
    sealed = []
    for number, (key, plaintext, owner_id) in enumerate(rows):
        nonce = drawn[number * NONCE_SIZE : (number + 1) * NONCE_SIZE]
        body = _cipher(key).encrypt(nonce, plaintext, bound + owner_id.bytes)
        sealed.append(VERSION + nonce + body)
    return sealed
