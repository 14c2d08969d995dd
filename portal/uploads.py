"""Uploads are sealed while they arrive: no plaintext of an uploaded file is ever written to disk.

Invariants: the temporary file holds ciphertext under a key that lives in this process alone until somebody
keeps the file; a file that nobody keeps is removed with the request, or after a crash by `portal.leftovers`.
Who may send a file at all is decided before its first byte, in `portal.uploadgate`.
"""

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from portal.vault import streams
from portal.vault.files import sync_folder

_BINDING = streams.binding("portal.upload", UUID(int=0), UUID(int=0))


class SealedUpload(UploadedFile):  # type: ignore[type-arg]  # not generic when it runs
    """An uploaded file whose bytes lie sealed in a temporary file. Its name stays in memory only."""

    def __init__(self, name: str, content_type: str, charset: str | None) -> None:
        folder = Path(settings.MEDIA_ROOT) / "incoming"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, path = tempfile.mkstemp(dir=folder, suffix=".sealed")
        self.path = Path(path)
        self.key = os.urandom(32)
        self._raw = os.fdopen(handle, "wb")
        self._writer = streams.SealedWriter(self._raw, self.key, _BINDING)
        super().__init__(None, name, content_type, 0, charset)

    def receive(self, content: bytes) -> None:
        """Take a piece of the upload."""
        self._writer.write(content)

    def finish(self, size: int) -> None:
        """Close the sealed file; from here on it can be read."""
        self._writer.close()
        self._raw.close()
        self.size = size
        self.file = cast("Any", self.open_plain())

    def open_plain(self) -> BinaryIO:
        """A new readable and seekable stream of the plaintext, opened chunk by chunk in memory."""
        return open_kept(self.path, self.key)

    def keep_as(self, target: Path) -> bytes:
        """Move the sealed bytes to `target` and return their key, which the caller seals in its row."""
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(self.path, target)
        with target.open("rb") as kept:
            os.fsync(kept.fileno())
        sync_folder(target.parent)
        return self.key

    def close(self) -> None:
        self._writer.abandon()
        self._raw.close()
        if self.file is not None:
            super().close()
        self.path.unlink(missing_ok=True)


class _Kept(io.BufferedReader):
    """The plaintext of a kept upload; to close it closes the sealed file beneath it too."""

    def __init__(self, sealed: BinaryIO, reader: io.RawIOBase) -> None:
        super().__init__(reader, buffer_size=streams.CHUNK)
        self._sealed = sealed

    def close(self) -> None:
        super().close()
        self._sealed.close()


def open_kept(path: Path, key: bytes) -> BinaryIO:
    """Open a kept upload for reading. Raises FileNotFoundError or `vault.SealBroken`."""
    raw = path.open("rb")
    reader = streams.SealedReader(raw, key, _BINDING)
    return cast("BinaryIO", _Kept(raw, reader))


def seal_file(source: BinaryIO, target: Path) -> tuple[bytes, int]:
    """Seal a plaintext stream (of the command line) to `target` as an upload would be; key and size."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key, size = os.urandom(32), 0
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as raw:
        with streams.SealedWriter(raw, key, _BINDING) as writer:
            while piece := source.read(streams.CHUNK):
                writer.write(piece)
                size += len(piece)
        os.fsync(raw.fileno())
    sync_folder(target.parent)
    return key, size
