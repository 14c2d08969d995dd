"""What people do with the file of an erasure: upload it, say what its columns mean, stop, resume, discard.

The work itself is done by `requests.erasures.intake.reading`, which the verbs only make due.
"""

from contextlib import closing
from datetime import datetime
from typing import BinaryIO, Final

from django.db import transaction

from clients.access import check_reach
from clients.instructions import verbs as instructions
from clients.models import Client, Instruction
from consumers import mapping as mappings
from consumers import sensitive
from consumers.imports import source
from consumers.imports.inspection import Inspection, check_readable, look, remember
from consumers.mapping import ERASURES, Mapping
from portal import vault
from portal.cases import files
from portal.cases.verbs import transition as case_transition
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, check_role
from portal.uploads import SealedUpload
from portal.work import make_due, request_stop
from requests.erasures import subjects
from requests.erasures.intake.models import ErasureFile, file_of
from requests.erasures.models import Erasure
from requests.erasures.verbs import (
    enter_matched_state,
    forget,
    hint,
    open_erasure,
    take_from_worker,
)

KIND: Final = "client's list"


def log_file(
    *,
    client: Client,
    instruction: Instruction,
    upload: SealedUpload | BinaryIO,
    channel: str,
    received_at: datetime,
    by: User,
    now: datetime,
    name: str = "",
) -> Erasure:
    """Open an erasure of the people whom a file names, in the state "uploaded"; it uses the instruction (R1).

    `upload` may be a plain seekable stream. Raises Refused, and keeps nothing, where the instruction does not
    cover it or the file cannot be read; one in another encoding is kept, because `start` can be told it.
    """
    check_role(by, ACCOUNT_MANAGER, SECURITY_OFFICER)
    check_reach(by, client.pk)
    stream = upload.open_plain() if isinstance(upload, SealedUpload) else upload
    name = name or str(getattr(upload, "name", "") or "file")
    with closing(stream):
        check_readable(stream)
        digest = source.keyed_digest(client.pk, stream)
        stream.seek(0)
        with transaction.atomic():
            erasure = open_erasure(
                client=client,
                instruction=instruction,
                channel=channel,
                received_at=received_at,
                by=by,
                now=now,
            )
            _keep(erasure, stream, name, digest, by, now)
    return erasure


def _keep(
    erasure: Erasure, stream: BinaryIO, name: str, digest: str, by: User, now: datetime
) -> None:
    content = files.attach(
        erasure, stream, kind=KIND, name=name, content_type="text/plain", by=by, now=now
    )
    try:
        ErasureFile.objects.create(
            client_id=erasure.client_id, erasure=erasure, content=content, digest=digest
        )
        with case_transition(erasure, "upload", by=by, now=now) as locked:
            locked.progress_total = content.size
    except BaseException:
        files.remove_content(content)
        raise


def columns(erasure: Erasure, *, encoding: str = "utf-8") -> Inspection:
    """Look into the file's beginning. Raises `FileRefused` where it cannot be read so."""
    file = _file(erasure)
    with open_file(file) as stream:
        return look(
            stream,
            client=erasure.client,
            kind=ERASURES,
            encoding=encoding,
            same_as=_same_as(file),
        )


def _file(erasure: Erasure) -> ErasureFile:
    found = file_of(erasure)
    if found is None:
        raise Refused("This erasure has no file.", code="no_file")
    return found


def open_file(file: ErasureFile) -> BinaryIO:
    """The file's plaintext as a readable and seekable stream. Raises Refused once it is gone."""
    try:
        return files.open_content(file.content)
    except (FileNotFoundError, vault.KeyShredded):
        raise Refused(
            "The file of this erasure is missing. Discard it, and upload it again.",
            code="file_missing",
        ) from None


def _same_as(file: ErasureFile) -> str:
    """The reference of an earlier erasure of the very same file."""
    others = ErasureFile.objects.filter(client_id=file.client_id, digest=file.digest)
    earlier = others.exclude(pk=file.pk).filter(rows_read__gt=0).order_by("erasure__logged_at")
    return earlier.values_list("erasure__reference", flat=True).first() or ""


def start(
    erasure: Erasure, *, mapping: Mapping, by: User, now: datetime, encoding: str = "utf-8"
) -> None:
    """Let a worker read the file with `mapping`, which is kept for the client's next one. Raises Refused."""
    file = _file(erasure)
    with open_file(file) as stream:
        found = source.inspect(stream, encoding)
    with case_transition(erasure, "start", by=by, now=now) as locked:
        if mapping.kind != ERASURES:
            raise Refused("This mapping is for another kind of file.", code="mapping")
        mappings.check(mapping, found.headers)
        file.mapping = mapping.to_json() | {"encoding": encoding}
        file.refused_columns = sensitive.refused_columns(found.headers)
        file.save(update_fields=["mapping", "refused_columns"])
        remember(locked.client, mapping, now)
        make_due(locked, now)
        transaction.on_commit(hint)


def stop(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Stop after the rows that were written last; what was read stays, and `resume` goes on from there."""
    with case_transition(erasure, "stop", by=by, now=now) as locked:
        check_can_stop(locked)
        request_stop(locked)


def check_can_stop(erasure: Erasure) -> None:
    """Raise Refused where no worker is to read the file."""
    if not erasure.work_due:
        raise Refused("Nobody is reading the file now.", code="stopped")


def check_can_resume(erasure: Erasure) -> None:
    """Raise Refused while a worker is to read the file."""
    if erasure.work_due:
        raise Refused("The file is being read already.", code="running")


def resume(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Go on after the last row that was written."""
    with case_transition(erasure, "resume", by=by, now=now) as locked:
        check_can_resume(locked)
        make_due(locked, now)
        transaction.on_commit(hint)


def discard(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Give the file up before it was read through: it is destroyed, and the instruction is free again."""
    with case_transition(erasure, "discard", by=by, now=now) as locked:
        take_from_worker(locked)
        instructions.release(locked.instruction, case=locked, by=by, now=now)
        forget(locked, "discard")


def leave_out(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Leave out every row that is still ambiguous: the erasure covers those who were surely found."""
    counts: dict[str, int] = {}
    with case_transition(erasure, "leave_out", by=by, now=now, counts=counts) as locked:
        counts["rows"] = subjects.leave_out_ambiguous(locked)
        enter_matched_state(locked, now)


FAULTS: Final = {
    "encoding": "The file is not in the encoding that was chosen. Discard it, and upload it saved as UTF-8.",
    "nul": "The file holds NUL bytes: it is no text file. Discard it, and upload it as CSV in UTF-8.",
    "cell_too_long": "A cell or a line is too long; perhaps a quotation mark is not closed. Discard the file, "
    "and upload it corrected.",
    "file_missing": "The sealed file is missing. Discard it, and upload it again.",
    "changed": "The file is shorter than it was. Discard it, and upload it again.",
    "no_longer_effective": "The client's instruction is over. Discard the file, and log a new instruction.",
    "not_in_effect": "The client's instruction is not in effect any more. Resume once it is again.",
}


def fault(erasure: Erasure) -> str:
    """Why the reading of the file failed or pauses, in a sentence; "" where nothing is wrong."""
    if erasure.state != "reading" or not erasure.last_fault:
        return ""
    return FAULTS.get(
        erasure.last_fault, f"Something went wrong ({erasure.last_fault}). Resume it."
    )
