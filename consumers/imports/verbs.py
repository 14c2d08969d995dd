"""What people do with an import: upload, start, stop, resume, cancel; release and inform.

The work itself is done by `consumers.imports.runner`, which the verbs only make due.
"""

from datetime import datetime
from typing import BinaryIO, Final

from django.db import transaction

from clients.access import check_reach
from clients.instructions import cover
from clients.models import Client, Instruction
from clients.recording import recorded
from consumers import mapping as mappings
from consumers import sensitive
from consumers.imports import quarantine, source, staging
from consumers.imports.inspection import Inspection, check_readable, look, remember
from consumers.imports.models import ImportJob, SensitiveIncident
from consumers.mapping import Mapping
from portal import outbox
from portal.cases.verbs import record_verb, transition
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM, check_role
from portal.tasks import hint_task
from portal.uploads import SealedUpload
from portal.work import make_due, request_stop

DISCARD_MESSAGE: Final = "import.discard"


# ------------------------------------------------------------------------------------ upload and look


def check_can_import(client: Client, by: User) -> None:
    """Raise Refused unless `by` may import files of `client`."""
    check_role(by, ACCOUNT_MANAGER, SECURITY_OFFICER, SYSTEM)
    ImportJob(client=client).check_reach(by)
    if client.ended_at is not None:
        raise Refused("All processing for this client has ended.", code="client_ended")


def create_import(
    *,
    client: Client,
    kind: str,
    upload: SealedUpload | BinaryIO,
    by: User,
    now: datetime,
    name: str = "",
    channel: str = "portal",
    received_at: datetime | None = None,
) -> ImportJob:
    """Keep a client's file, sealed, as a new import in the state "uploaded".

    `upload` may be a plain stream as well (of the command line), which is sealed while it is read. Raises
    Refused; a file that is empty, binary or without a header is refused here and not kept, one in another
    encoding is kept, because `start_import` can be told the encoding.
    """
    check_can_import(client, by)
    if kind not in ImportJob.Kind.values:
        raise Refused("Choose what the file holds.", code="kind")
    job = ImportJob(client=client, kind=kind, channel=channel, received_at=received_at or now)
    try:
        source.keep(job, upload, name or str(getattr(upload, "name", "") or ""))
        with source.open_source(job) as stream:
            check_readable(stream)
            job.file_digest = source.keyed_digest(client.pk, stream)
        with transaction.atomic():
            job.open_case(by=by, now=now)
            job.save(force_insert=True)
            record_verb(job, "create", by=by, now=now)
    except BaseException:
        source.drop(job)
        raise
    return job


def columns(job: ImportJob, *, encoding: str = "utf-8") -> Inspection:
    """Look into the file's beginning. Raises `FileRefused` where it cannot be read so."""
    with source.open_source(job) as stream:
        return look(
            stream, client=job.client, kind=job.kind, encoding=encoding, same_as=_same_as(job)
        )


def _same_as(job: ImportJob) -> str:
    earlier = ImportJob.objects.filter(
        client_id=job.client_id, kind=job.kind, file_digest=job.file_digest, rows_read__gt=0
    ).exclude(pk=job.pk)
    return earlier.order_by("logged_at").values_list("reference", flat=True).first() or ""


# ------------------------------------------------------------------------------------ start and steer


def start_import(
    job: ImportJob, *, mapping: Mapping, by: User, now: datetime, encoding: str = "utf-8"
) -> None:
    """Let the import run with `mapping`, under the client's instruction to process (R1). Raises Refused."""
    with source.open_source(job) as stream:
        file = source.inspect(stream, encoding)
    with transition(job, "start", by=by, now=now) as locked:
        if mapping.kind != locked.kind:
            raise Refused("This mapping is for another kind of file.", code="mapping")
        mappings.check(mapping, file.headers)
        locked.instruction = _instruction(locked, by, now)
        locked.mapping = mapping.to_json() | {"encoding": encoding}
        locked.refused_columns = sensitive.refused_columns(file.headers)
        remember(locked.client, mapping, now)
        _make_due(locked, now)


def _instruction(job: ImportJob, by: User, now: datetime) -> Instruction:
    found = cover.instruction_in_force(job.client_id, Instruction.Kind.PROCESSING, now)
    if found is None:
        raise Refused(
            "The client has given no instruction to process that is in force. "
            "Log one and have it approved.",
            code="no_instruction",
        )
    cover.begin(found, case=job, by=by, now=now)
    return found


def _make_due(job: ImportJob, now: datetime) -> None:
    make_due(job, now)
    transaction.on_commit(_hint)


def _hint() -> None:
    from consumers.tasks import long_run_imports

    hint_task(long_run_imports)


def stop_import(job: ImportJob, *, by: User, now: datetime) -> None:
    """Stop after the batch that is being written; what is in stays in, and `resume_import` goes on from there."""
    with transition(job, "stop", by=by, now=now) as locked:
        request_stop(locked)
        _take_from_worker(locked)


def _take_from_worker(job: ImportJob) -> None:
    """Whoever holds the work finds a higher token at its next batch, and writes nothing any more."""
    job.lease_token += 1
    job.lease_until = None


def resume_import(job: ImportJob, *, by: User, now: datetime) -> None:
    """Go on after the last batch that was written."""
    with transition(job, "resume", by=by, now=now) as locked:
        _make_due(locked, now)


def cancel_import(job: ImportJob, *, by: User, now: datetime) -> None:
    """Give the import up: its file is removed and its key shredded. What is in stays in."""
    with transition(job, "cancel", by=by, now=now) as locked:
        locked.work_due = False
        _take_from_worker(locked)
        staging.forget_occurrences(locked)
        if locked.instruction is not None:
            cover.release(locked.instruction, case=locked, by=by, now=now)
        outbox.put(DISCARD_MESSAGE, locked.pk, now=now)


# -------------------------------------------------------------------------- quarantine and incidents


def release_quarantine(job: ImportJob, *, by: User, now: datetime) -> int:
    """Load the quarantined purchases and web events whose customer is known by now; returns how many.

    The others stay. Raises Refused where none can be released, or no instruction covers it any more (R1).
    """
    counts: dict[str, int] = {}
    with transition(job, "release", by=by, now=now, counts=counts) as locked:
        covering = _covering(locked, by, now)
        released = quarantine.release(locked, now)
        counts.update({outcome: number for outcome, number in released.items() if number})
        if not any(released.values()):
            raise Refused(
                "None of the customers of these rows is known yet. Import the customers first.",
                code="nothing_to_release",
            )
        cover.finish(covering, case=locked, by=by, now=now)
    return sum(released.values())


def _covering(job: ImportJob, by: User, now: datetime) -> Instruction:
    """What covers a release: rows may wait for longer than the instruction of their import lasts."""
    used: Instruction | None = job.instruction
    if used is not None and not used.is_standing and used.in_effect(now):
        return used
    return _instruction(job, by, now)


def inform_client(incident: SensitiveIncident, *, by: User, now: datetime) -> None:
    """Record that the client was informed of sensitive data that it sent (document 19)."""
    with recorded(
        "incident.inform",
        by=by,
        now=now,
        object_kind="consumers.sensitiveincident",
        object_id=incident.pk,
        client_id=incident.client_id,
    ):
        check_role(by, ACCOUNT_MANAGER, SECURITY_OFFICER)
        locked = SensitiveIncident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
        check_reach(by, locked.client_id)
        if locked.client_informed_at is not None:
            raise Refused("The client was informed already.", code="already_informed")
        locked.client_informed_at, locked.client_informed_by = now, by
        locked.save(update_fields=["client_informed_at", "client_informed_by"])
    incident.client_informed_at, incident.client_informed_by = now, by


FAULTS: Final = {
    "encoding": "Past these rows the file is not in the encoding that was chosen. Cancel, and upload it saved "
    "as UTF-8.",
    "nul": "Past these rows the file holds NUL bytes, which no text does. Cancel, and upload it as CSV in UTF-8.",
    "cell_too_long": "Past these rows a cell or a line is too long; perhaps a quotation mark is not closed. Cancel, "
    "mend that row, and upload the file again; the rows that are in are not brought in twice.",
    "file_missing": "The sealed file is missing. Cancel, and upload it again.",
    "file_removed": "The file of this import was removed. Cancel, and upload it again.",
    "SealBroken": "What was sealed does not open. Resume; if that does not help, cancel and upload the file "
    "again.",
    "WorkersDied": "Every worker that came to the next rows was lost. Have the memory of the machine looked at, "
    "then resume; or cancel, and upload the file in parts.",
    "hardly_usable": "More than 19 of 20 rows so far were refused. See why below; then cancel, mend the file or "
    "what its columns mean, and upload it again. Resume if it is meant to be so.",
    "changed": "The file is shorter than it was. Cancel, and upload it again.",
    "no_longer_effective": "The client's instruction is over. Log a new one, then start a new import.",
    "not_in_effect": "The client's instruction is not in effect any more. Resume once it is again.",
}


def fault(job: ImportJob) -> str:
    """Why the import failed or pauses, in a sentence; "" where nothing is wrong."""
    if not job.last_fault:
        return ""
    return FAULTS.get(
        job.last_fault.partition(":")[0],
        f"Something went wrong ({job.last_fault}). Resume it; if it fails again, tell the administrator.",
    )
