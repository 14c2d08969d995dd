"""Files of a case: sealed in the media folder, each under a key of its own in the vault."""

import io
import os
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

from django.conf import settings

from portal import vault
from portal.cases.models import Case, CaseFile
from portal.models import User
from portal.vault import streams
from portal.vault.files import sync_folder


def attach(
    case: Case,
    content: BinaryIO | bytes,
    *,
    kind: str,
    name: str,
    content_type: str,
    by: User,
    now: datetime,
    subject_id: UUID | None = None,
) -> CaseFile:
    """Seal a file onto `case`. `kind` says what it is: evidence, letter, certificate and the like.

    `name` may hold a person's name and is sealed too. Call it in the verb's transaction: should that fail,
    the sealed bytes that are left behind open for nobody, until `portal.leftovers` removes them.
    """
    row = CaseFile(
        client_id=case.client_id,
        case_id=case.pk,
        case_reference=case.reference,
        subject_id=subject_id,
        kind=kind,
        content_type=content_type[:100],
        size=0,
        at=now,
        by=by,
    )
    row.seal_content({"name": name})
    row.size = _write(row, io.BytesIO(content) if isinstance(content, bytes) else content)
    row.save(force_insert=True)
    return row


def open_content(row: CaseFile) -> BinaryIO:
    """The plaintext of a file as a readable stream. Raises FileNotFoundError or vault.VaultError."""
    if row.key_ref is None:
        raise vault.KeyShredded("The key of this file was shredded with its person.")
    key = vault.key(row.client_id, row.key_ref)
    raw = path_of(row).open("rb")
    return cast("BinaryIO", _Content(raw, streams.SealedReader(raw, key, _binding(row))))


class _Content(io.BufferedReader):
    """The plaintext of a file; to close it closes the sealed file beneath it too."""

    def __init__(self, sealed: BinaryIO, reader: io.RawIOBase) -> None:
        super().__init__(reader)
        self._sealed = sealed

    def close(self) -> None:
        super().close()
        self._sealed.close()


def path_of(row: CaseFile) -> Path:
    """Where the sealed bytes lie. The path holds ids only."""
    return Path(settings.MEDIA_ROOT) / "cases" / str(row.client_id) / f"{row.pk}.sealed"


def remove_content(row: CaseFile) -> None:
    """Remove the sealed bytes; its key is shredded by whoever erases the person."""
    path_of(row).unlink(missing_ok=True)


def _binding(row: CaseFile) -> bytes:
    return streams.binding("cases.file", row.client_id, row.pk)


def _write(row: CaseFile, source: BinaryIO) -> int:
    target = path_of(row)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = vault.key(row.client_id, vault.KeyRef(row.key_page or 0, row.key_slot or 0))
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as raw:
        with streams.SealedWriter(raw, key, _binding(row)) as writer:
            while piece := source.read(streams.CHUNK):
                writer.write(piece)
            size = writer.tell()
        raw.flush()
        os.fsync(raw.fileno())
    sync_folder(target.parent)
    return size


def of_case(case: Case) -> list[CaseFile]:
    """The files of `case`, oldest first."""
    return list(CaseFile.objects.filter(client_id=case.client_id, case_id=case.pk))
