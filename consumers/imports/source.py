"""The sealed file of an import: kept, opened, looked into, and removed.

Invariants: the bytes lie sealed under MEDIA_ROOT/imports from their arrival to the end of the import; the
file's key and its name, which may name a person, are sealed in the job's row; once the job's key has been
shredded neither opens again, in no backup either.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings

from consumers import readers, sensitive
from consumers.imports.models import ImportJob
from consumers.readers import FileFormat
from portal import vault
from portal.errors import Refused
from portal.uploads import SealedUpload, open_kept, seal_file
from portal.vault.streams import CHUNK

_SHAPE_WIDTH = 24
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]"), re.compile(r"\d")


def path_of(job: ImportJob) -> Path:
    """Where the sealed bytes lie. The path holds ids only."""
    return Path(settings.MEDIA_ROOT) / "imports" / str(job.client_id) / f"{job.pk}.sealed"


def keep(job: ImportJob, upload: SealedUpload | BinaryIO, name: str) -> None:
    """Take over an upload, or seal a plain stream, as the job's file. The caller saves the row."""
    if isinstance(upload, SealedUpload):
        key, job.size = upload.keep_as(path_of(job)), upload.size or 0
    else:
        key, job.size = seal_file(upload, path_of(job))
    job.seal_content({"key": key.hex(), "name": name})
    job.progress_total = job.size


def open_source(job: ImportJob) -> BinaryIO:
    """The plaintext as a readable and seekable stream. Raises Refused once the file is gone."""
    content = _content(job)
    if not content:
        raise Refused("The file of this import was removed.", code="file_removed")
    try:
        return open_kept(path_of(job), bytes.fromhex(content["key"]))
    except FileNotFoundError:
        raise Refused(
            "The file of this import is missing. Upload it again as a new import.",
            code="file_missing",
        ) from None


def file_name(job: ImportJob) -> str:
    """The name under which the file was uploaded, for the job's own page; "" once the import has ended."""
    return str(_content(job).get("name", ""))


def _content(job: ImportJob) -> dict[str, Any]:
    try:
        return job.unseal_content()
    except (vault.KeyShredded, vault.KeyMissing):
        return {}


def keyed_digest(client_id: UUID, stream: BinaryIO) -> str:
    """A keyed digest of the whole file, by which the same file is known again within a client."""
    whole = hashlib.sha256()
    stream.seek(0)
    while piece := stream.read(CHUNK):
        whole.update(piece)
    return vault.indexer(client_id).digest("import-file", whole.hexdigest()).hex()


def inspect(stream: BinaryIO, encoding: str = "utf-8") -> FileFormat:
    """`readers.inspect`, which also refuses a first line that looks like data.

    Names of columns are stored and shown in plain, so a file without a header must not get that far.
    """
    found = readers.inspect(stream, encoding=encoding)
    for header in found.headers:
        digits = sum(char.isdigit() for char in header)
        if "@" in header or digits >= 7 or sensitive.scan(header):
            raise readers.refuse(
                "no_header",
                "The first line looks like data. Begin the file with the names of its columns.",
            )
    return found


def shape(cell: str) -> str:
    """What a cell looks like without any of its characters: "alice 7" is "xxxxx 9"."""
    return _DIGITS.sub("9", _LETTERS.sub("x", cell.strip()[:_SHAPE_WIDTH]))


def drop(job: ImportJob) -> None:
    """Remove the sealed file and shred the key of a job, whose row may not be stored at all."""
    path_of(job).unlink(missing_ok=True)
    if job.key_ref is not None:
        vault.shred(job.client_id, [job.key_ref])


def remove(job: ImportJob) -> None:
    """Remove the file of an import that has ended. Repeating it changes nothing."""
    drop(job)
    ImportJob.objects.filter(pk=job.pk, closed_at__isnull=False).update(
        sealed=None, key_page=None, key_slot=None
    )
