"""What is done with an instruction, from its logging to its end (R1, R5; states in `states.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from clients.access import check_reach
from clients.controllers import Client, ClientContact
from clients.instructions.cover import (
    begin,
    check_covers,
    covers,
    finish,
    instruction_in_force,
    instructions_in_force,
    release,
)
from clients.instructions.models import Instruction
from clients.instructions.states import STAFF
from clients.recording import recorded
from portal import outbox
from portal.cases import files, thread
from portal.cases.models import CaseFile
from portal.cases.verbs import transition
from portal.errors import Refused
from portal.history import save_signed
from portal.models import User
from portal.roles import check_role

__all__ = [
    "Evidence",
    "add_evidence",
    "approve",
    "begin",
    "check_authority",
    "check_covers",
    "confirm",
    "confirm_in_writing",
    "covers",
    "expire",
    "finish",
    "instruction_in_force",
    "instructions_in_force",
    "log_instruction",
    "release",
    "resume",
    "review_legality",
    "suspend",
    "withdraw",
]

EVIDENCE = "evidence"
SUSPENDED_MESSAGE = "instruction.suspended"
CONFIRMED_MESSAGE = "instruction.confirmed"


@dataclass(frozen=True)
class Evidence:
    """The letter, e-mail or form that shows the instruction."""

    content: BinaryIO | bytes
    name: str
    content_type: str

    @classmethod
    def of_upload(cls, upload: "UploadedFile[Any]") -> "Evidence":
        """Evidence from an uploaded file. Raises Refused where it is empty or too large."""
        if not upload.size:
            raise Refused(
                "The evidence file is empty. Attach the client's own words.", code="empty"
            )
        if upload.size > settings.EVIDENCE_MAX_BYTES:
            raise Refused(
                f"The evidence file is larger than {settings.EVIDENCE_MAX_BYTES // 1024**2} MB.",
                code="too_large",
            )
        content = upload.file
        if content is None:
            raise Refused("The evidence file did not arrive. Attach it again.", code="empty")
        content.seek(0)
        return cls(
            cast("BinaryIO", content),
            upload.name or "evidence",
            upload.content_type or "application/octet-stream",
        )


def log_instruction(
    *,
    client: Client,
    kind: str,
    channel: str,
    received_at: datetime,
    by: User,
    now: datetime,
    instructed_by: ClientContact | None = None,
    is_standing: bool = False,
    is_oral: bool = False,
    purposes: Sequence[str] = (),
    data_categories: Sequence[str] = (),
    effective_from: datetime | None = None,
    effective_until: datetime | None = None,
    supersedes: Instruction | None = None,
    evidence: Evidence | None = None,
    note: str = "",
) -> Instruction:
    """Log what a client told us to do. A written one comes with its evidence; an oral one waits for it.

    `effective_from` defaults to the time of receipt. The one that `supersedes` names goes on until the new
    one is approved. Raises Refused; nothing is stored then.
    """
    row = Instruction(
        client=client,
        kind=kind,
        channel=channel,
        received_at=received_at,
        instructed_by=instructed_by,
        is_standing=is_standing,
        is_oral=is_oral,
        purposes=list(purposes),
        data_categories=list(data_categories),
        effective_from=effective_from or received_at,
        effective_until=effective_until,
        supersedes=supersedes,
    )
    with recorded(
        "instruction.log",
        by=by,
        now=now,
        client_id=client.pk,
        object_kind=row._meta.label_lower,
        object_id=row.pk,
    ):
        check_role(by, *STAFF)
        check_reach(by, client.pk)
        check_can_log(row, has_evidence=evidence is not None, now=now)
        row.open_case(by=by, now=now)
        if note.strip():
            row.seal_content({"note": note.strip()})
        save_signed(row, by=by, now=now, force_insert=True)
        if evidence is not None:
            _attach(row, evidence, by=by, now=now)
        if is_oral and evidence is None:
            _await_confirmation(row, by=by, now=now)
    return row


def check_can_log(row: Instruction, *, has_evidence: bool, now: datetime) -> None:
    """Raise Refused where an instruction as given cannot be: its times, scope, people or evidence."""
    _check_times(row, now)
    _check_own_scope(row)
    _check_relations(row, now)
    if not row.is_oral and not has_evidence:
        raise Refused(
            "Attach the letter, e-mail or form in which the client said so, or log it as oral.",
            code="no_evidence",
        )


def check_authority(
    instruction: Instruction,
    *,
    by: User,
    now: datetime,
    instructed_by: ClientContact | None = None,
) -> None:
    """Record that the person who instructed us may do so, as the contract names them (R1).

    `instructed_by` names the person where nobody was named yet. Asked for the day of receipt.
    """
    with transition(instruction, "check_authority", by=by, now=now) as locked:
        if instructed_by is not None:
            locked.instructed_by = instructed_by
        _check_entitled(locked)
        if not has_evidence(locked):
            raise Refused("There is no evidence of this instruction yet.", code="no_evidence")
        locked.authority_checked_at, locked.authority_checked_by = now, by


def review_legality(
    instruction: Instruction, *, lawful: bool, finding: str, by: User, now: datetime
) -> None:
    """Record whether carrying the instruction out would be lawful; `finding` is kept sealed in the thread.

    An unlawful one is suspended and the client is informed immediately (R5, GDPR 28(3)).
    """
    with transition(
        instruction,
        "review_legality",
        by=by,
        now=now,
        to=None if lawful else "suspended",
        reason="lawful" if lawful else "unlawful",
    ) as locked:
        _note(locked, finding, "Say what the review found.", by=by, now=now)
        if not lawful:
            outbox.put(SUSPENDED_MESSAGE, locked.pk, now=now)


def check_can_approve(instruction: Instruction, by: User, now: datetime) -> None:
    """Raise Refused where this person or this moment cannot approve the instruction (two persons, R36)."""
    if instruction.logged_by_id == by.pk:
        raise Refused(
            "You logged this instruction; another Security Officer approves it.", code="four_eyes"
        )
    instruction.check_clock("approve", now)


def approve(instruction: Instruction, *, by: User, now: datetime) -> None:
    """Put the instruction into force; the one that it supersedes ends in the same transaction."""
    with transition(instruction, "approve", by=by, now=now) as locked:
        check_can_approve(locked, by, now)
        locked.approved_at, locked.approved_by = now, by
        if locked.supersedes_id is not None:
            _supersede(locked.supersedes_id, by=by, now=now)


def suspend(instruction: Instruction, *, finding: str, by: User, now: datetime) -> None:
    """Stop any use of the instruction until it is resumed, and inform the client (R5)."""
    with transition(instruction, "suspend", by=by, now=now) as locked:
        _note(locked, finding, "Say why it is suspended.", by=by, now=now)
        outbox.put(SUSPENDED_MESSAGE, locked.pk, now=now)


def resume(instruction: Instruction, *, finding: str, by: User, now: datetime) -> None:
    """Take a suspended instruction up again: it is reviewed and approved anew."""
    with transition(instruction, "resume", by=by, now=now) as locked:
        _check_entitled(locked)
        _note(locked, finding, "Say what has changed.", by=by, now=now)
        if locked.authority_checked_at is None:
            locked.authority_checked_at, locked.authority_checked_by = now, by
        locked.approved_at = locked.approved_by = None


def withdraw(instruction: Instruction, *, finding: str, by: User, now: datetime) -> None:
    """Record that the client took the instruction back. No further use is covered from here on."""
    with transition(instruction, "withdraw", by=by, now=now) as locked:
        _note(locked, finding, "Say who withdrew it, and how.", by=by, now=now)


def confirm_in_writing(
    instruction: Instruction, *, evidence: Evidence, by: User, now: datetime
) -> None:
    """Record the written confirmation of an oral instruction, which then goes on like any other."""
    with transition(instruction, "confirm_in_writing", by=by, now=now) as locked:
        _attach(locked, evidence, by=by, now=now)


def add_evidence(instruction: Instruction, *, evidence: Evidence, by: User, now: datetime) -> None:
    """Attach a further document to an instruction that is still being looked at."""
    with transition(instruction, "add_evidence", by=by, now=now) as locked:
        _attach(locked, evidence, by=by, now=now)


def confirm(instruction: Instruction, *, by: User, now: datetime) -> None:
    """Tell the client that the instruction was carried out, and close it."""
    with transition(instruction, "confirm", by=by, now=now) as locked:
        outbox.put(CONFIRMED_MESSAGE, locked.pk, now=now)


def expire(now: datetime) -> int:
    """Expire what was given for a time that is over. Returns how many; each leaves its leaf.

    What is being executed is left to be finished and confirmed.
    """
    from clients.instructions.expiry import expire_due

    return expire_due(now)


def has_evidence(instruction: Instruction) -> bool:
    """Whether there is a document in which the client said so."""
    return CaseFile.objects.filter(
        client_id=instruction.client_id, case_id=instruction.pk, kind=EVIDENCE
    ).exists()


def received_on(instruction: Instruction) -> date:
    """The day of receipt at the client."""
    return instruction.received_at.astimezone(ZoneInfo(instruction.client.time_zone)).date()


def _attach(row: Instruction, evidence: Evidence, *, by: User, now: datetime) -> None:
    files.attach(
        row,
        evidence.content,
        kind=EVIDENCE,
        name=evidence.name,
        content_type=evidence.content_type,
        by=by,
        now=now,
    )


def _note(row: Instruction, text: str, otherwise: str, *, by: User, now: datetime) -> None:
    if not text.strip():
        raise Refused(otherwise, code="no_finding")
    thread.add(row, direction="note", channel="portal", text=text.strip(), by=by, now=now)


def _await_confirmation(row: Instruction, *, by: User, now: datetime) -> None:
    with transition(row, "await_confirmation", by=by, now=now):
        pass


def _supersede(old_id: UUID, *, by: User, now: datetime) -> None:
    old = Instruction.objects.select_for_update(of=("self",)).get(pk=old_id)
    if old.TABLE.permits("supersede", old.state) and not old.is_over(now):
        with transition(old, "supersede", by=by, now=now):
            pass


def _check_entitled(row: Instruction) -> None:
    contact = row.instructed_by
    if contact is None:
        raise Refused(
            "Nobody at the client is named. Name the person who instructed us.", code="nobody_named"
        )
    if contact.client_id != row.client_id:
        raise Refused("This person is another client's.", code="other_client")
    if not contact.is_entitled(received_on(row)):
        raise Refused(
            "On the day of receipt this person was not entitled to instruct us. Ask the client to have "
            "somebody confirm it who is, or have an administrator correct the contact.",
            code="not_entitled",
        )


def _check_times(row: Instruction, now: datetime) -> None:
    if row.received_at > now:
        raise Refused("It cannot have been received in the future.", code="received_in_future")
    if row.effective_until is not None and row.effective_until <= row.effective_from:
        raise Refused("It must end after it begins.", code="effective_span")
    if row.effective_until is not None and row.effective_until <= now:
        raise Refused("The time for which it was given is over.", code="no_longer_effective")


def _check_own_scope(row: Instruction) -> None:
    if row.kind not in Instruction.Kind.values:
        raise Refused("Choose what the client wants done.", code="kind")
    if not set(row.purposes) <= set(row.client.purposes):
        raise Refused(
            "It names a purpose that the contract with this client does not permit.",
            code="beyond_scope",
        )
    if not set(row.data_categories) <= set(row.client.data_categories):
        raise Refused(
            "It names a category of data that the contract with this client does not permit.",
            code="beyond_scope",
        )


def _check_relations(row: Instruction, now: datetime) -> None:
    if row.client.ended_at is not None:
        raise Refused("All processing for this client has ended.", code="client_ended")
    if row.instructed_by is not None and row.instructed_by.client_id != row.client_id:
        raise Refused("This person is another client's.", code="other_client")
    old = row.supersedes
    if old is None:
        return
    if old.client_id != row.client_id:
        raise Refused("It cannot supersede another client's instruction.", code="other_client")
    if old.kind != row.kind:
        raise Refused("It can supersede only an instruction of its own kind.", code="other_kind")
    if not old.is_open or old.is_over(now):
        raise Refused("The instruction that it would supersede is closed.", code="closed")
