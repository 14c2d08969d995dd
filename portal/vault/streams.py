"""Sealing of files of any size, in chunks, with AES-256-GCM in the STREAM construction. Pure.

File: `version(1) | salt(16) | prefix(7)`, then chunks of 64 KiB of plaintext, each 16 bytes longer when
sealed. Nonce of a chunk: `prefix(7) | counter(4) | last(1)`.

Invariants:
- The key of a file is derived (HKDF) from the caller's key, the salt and the caller's binding, so two
  files never share a nonce and a file opens only as what it was sealed for.
- Only the last chunk carries the mark of the last; cutting off, swapping, repeating or adding a chunk
  raises `SealBroken`. Plaintext is given out only after its chunk was verified.
- A file whose writing was broken off by an exception or a crash has no last chunk and does not read to
  its end.
"""

from __future__ import annotations

import io
import os
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.vault.errors import KeyShredded, SealBroken
from portal.vault.sealing import KEY_SIZE, NO_KEY, TAG_SIZE, pack

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

VERSION = b"\x01"
CHUNK = 64 * 1024
SEALED_CHUNK = CHUNK + TAG_SIZE
_SALT, _PREFIX = 16, 7
HEADER = 1 + _SALT + _PREFIX
_MOST_CHUNKS = 2**32


def binding(purpose: str, client_id: UUID, owner_id: UUID) -> bytes:
    """Return the `aad` that binds a file to its purpose, client and owner, as `vault.seal` does."""
    return pack(VERSION, purpose.encode(), client_id.bytes, owner_id.bytes)


def sealed_size(size: int) -> int:
    """Return how many bytes a sealed file of `size` plaintext bytes has."""
    return HEADER + size + TAG_SIZE * max(1, -(-size // CHUNK))


def plain_size(sealed: int) -> int:
    """Return how many plaintext bytes a sealed file has. Raises `SealBroken` for an impossible size."""
    body = sealed - HEADER
    chunks = -(-body // SEALED_CHUNK)
    size = body - chunks * TAG_SIZE
    if body < TAG_SIZE or size < 0 or sealed_size(size) != sealed:
        raise SealBroken("A sealed file is cut short.")
    return size


class _Chunks:
    """Seals and opens single chunks of one file."""

    def __init__(self, key: bytes, header: bytes, aad: bytes) -> None:
        if key == NO_KEY:
            raise KeyShredded("This key was shredded; no file can be sealed or opened with it.")
        if len(key) != KEY_SIZE:
            raise SealBroken("A sealing key must have 32 bytes.")
        if len(header) != HEADER or header[:1] != VERSION:
            raise SealBroken("A sealed file is cut short or of an unknown version.")
        salt, self._prefix = header[1 : 1 + _SALT], header[1 + _SALT :]
        info = pack(b"vault.stream", header, aad)
        derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)
        self._cipher = AESGCM(derived)

    def seal(self, number: int, content: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(number, last), content, None)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(number, last), sealed, None)
        except InvalidTag:
            raise SealBroken(
                f"Chunk {number} of a sealed file does not open: wrong key, moved, cut or altered."
            ) from None

    def _nonce(self, number: int, last: bool) -> bytes:
        if number >= _MOST_CHUNKS:
            raise SealBroken("A sealed file has at most 2**32 chunks.")
        return self._prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


class SealedWriter(io.RawIOBase):
    """Seals what is written to it into `target`, which stays open.

    Use it as a context manager, or call `close`: only then the file is whole. `aad` comes from `binding`.
    """

    def __init__(self, target: BinaryIO, key: bytes, aad: bytes) -> None:
        super().__init__()
        header = VERSION + os.urandom(_SALT + _PREFIX)
        self._target = target
        self._chunks = _Chunks(key, header, aad)
        self._pending = bytearray()
        self._number = 0
        self._size = 0
        target.write(header)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        """Return how many plaintext bytes were taken so far."""
        return self._size

    def write(self, content: object, /) -> int:
        """Take plaintext; a full chunk is sealed and written when it is known not to be the last."""
        if self.closed:
            raise ValueError("The sealed file is closed.")
        view = memoryview(content).cast("B")  # type: ignore[arg-type]
        self._pending += view
        self._size += len(view)
        if len(self._pending) > CHUNK:
            self._seal_full()
        return len(view)

    def _seal_full(self) -> None:
        """Seal all full chunks but keep at least one byte, because the last chunk is never empty."""
        full = (len(self._pending) - 1) // CHUNK
        for place in range(full):
            content = bytes(self._pending[place * CHUNK : (place + 1) * CHUNK])
            self._target.write(self._chunks.seal(self._number, content, last=False))
            self._number += 1
        del self._pending[: full * CHUNK]

    def close(self) -> None:
        """Write the last chunk. The file is whole afterwards; syncing it is the caller's business."""
        if not self.closed:
            sealed = self._chunks.seal(self._number, bytes(self._pending), last=True)
            self._target.write(sealed)
            self._target.flush()
            self.abandon()

    def abandon(self) -> None:
        """Stop without the last chunk, so that what was written never passes for a whole file."""
        self._pending = bytearray()
        super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def __del__(self) -> None:
        # A writer that was merely dropped has not been told that the file is whole.
        if hasattr(self, "_pending"):
            self.abandon()


class SealedReader(io.RawIOBase):
    """Reads a sealed file from `source`, which stays open.

    `tell` and `seek` speak of plaintext bytes and need a seekable source, so that work can be resumed. For
    text: `io.TextIOWrapper(io.BufferedReader(reader), encoding="utf-8", newline="")`.
    """

    def __init__(self, source: BinaryIO, key: bytes, aad: bytes) -> None:
        super().__init__()
        self._source = source
        self._start = source.tell() if source.seekable() else 0
        self._chunks = _Chunks(key, _read_fully(source, HEADER), aad)
        self._ahead = _read_fully(source, SEALED_CHUNK)
        self._number = 0
        self._content = b""
        self._at = 0
        self._before = 0
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._source.seekable()

    def tell(self) -> int:
        """Return the offset in the plaintext."""
        return self._before + self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer with verified plaintext; 0 at the verified end. Raises `SealBroken`."""
        if self.closed:
            raise ValueError("The sealed file is closed.")
        if self._at >= len(self._content) and not self._ended:
            self._next()
        view = memoryview(buffer).cast("B")
        part = self._content[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _next(self) -> None:
        """Open the next chunk. It is the last one if nothing follows it."""
        sealed, self._ahead = self._ahead, b""
        if len(sealed) == SEALED_CHUNK:
            self._ahead = _read_fully(self._source, SEALED_CHUNK)
        last = not self._ahead
        content = self._chunks.open(self._number, sealed, last=last)
        self._before += len(self._content)
        self._content, self._at = content, 0
        self._number += 1
        self._ended = last

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to an offset in the plaintext; the chunk there is verified before anything is read."""
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            offset += self._size()
        if offset < 0:
            raise ValueError("A sealed file has no place before its start.")
        offset = min(offset, self._size())
        number = max(0, min(offset // CHUNK, -(-self._size() // CHUNK) - 1))
        self._source.seek(self._start + HEADER + number * SEALED_CHUNK)
        self._ahead = _read_fully(self._source, SEALED_CHUNK)
        self._number, self._before = number, number * CHUNK
        self._content, self._at, self._ended = b"", 0, False
        self._next()
        self._at = offset - self._before
        return offset

    def _size(self) -> int:
        here = self._source.tell()
        end = self._source.seek(0, io.SEEK_END)
        self._source.seek(here)
        return plain_size(end - self._start)


def _read_fully(source: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or fewer at the end only."""
    parts = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
