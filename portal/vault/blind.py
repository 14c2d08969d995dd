"""Blind indexes and suppression tokens: keyed digests of normalised values. Pure.

Invariants:
- HMAC-SHA-256, cut to 128 bits, under a key per client, use and kind; all of them are derived by
  HKDF from the client's index master, which lives in the keyring and survives root rolls.
- `digest` (to find a record; deleted on erasure) and `token` (to keep an erased person from coming
  back, R39) use different keys, so that one never tells anything about the other.
- Values are normalised by the caller; the same text always gives the same digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.vault.sealing import pack

SIZE = 16
_DIGEST = "blind-index"
_TOKEN = "suppression-token"  # noqa: S105  (it names a use)


class _State(Protocol):
    """The part of a hash object that is used here."""

    def copy(self) -> _State: ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def derive(master: bytes, *context: bytes) -> bytes:
    """Derive a 32-byte key for one context from a master key (HKDF-SHA-256)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=pack(*context)).derive(master)


class BlindIndexer:
    """Digests and tokens of one client. Holds precomputed HMAC states; safe to share by threads."""

    def __init__(self, client_id: UUID, master: bytes) -> None:
        self.client_id = client_id
        self._master = master
        self._states: dict[tuple[str, str], tuple[_State, _State]] = {}

    def __repr__(self) -> str:
        return f"BlindIndexer({self.client_id})"

    def digest(self, kind: str, normalised: str) -> bytes:
        """Return the 16 bytes by which a record is found."""
        return self._keyed(_DIGEST, kind, normalised)

    def token(self, kind: str, normalised: str) -> bytes:
        """Return the 16 bytes by which a suppressed or erased person is known again (R39)."""
        return self._keyed(_TOKEN, kind, normalised)

    def digests(self, kind: str, values: Iterable[str]) -> list[bytes]:
        """Return the digests of many values in their order."""
        return self._many(_DIGEST, kind, values)

    def tokens(self, kind: str, values: Iterable[str]) -> list[bytes]:
        """Return the tokens of many values in their order."""
        return self._many(_TOKEN, kind, values)

    def _keyed(self, use: str, kind: str, normalised: str) -> bytes:
        states = self._states.get((use, kind)) or self._prepare(use, kind)
        inner, outer = states[0].copy(), states[1].copy()
        inner.update(normalised.encode())
        outer.update(inner.digest())
        return outer.digest()[:SIZE]

    def _many(self, use: str, kind: str, values: Iterable[str]) -> list[bytes]:
        return [self._keyed(use, kind, value) for value in values]

    def _prepare(self, use: str, kind: str) -> tuple[_State, _State]:
        """Run both pads of HMAC once, so that a digest costs two short hashes and no set-up."""
        key = derive(self._master, use.encode(), self.client_id.bytes, kind.encode())
        block = key.ljust(64, b"\0")
        inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        self._states[use, kind] = (inner, outer)
        return inner, outer
