"""Whether an instruction covers an act, and its use by a case (R1: nothing runs without one).

Invariants:
- An act is covered by an instruction of its own kind and client (R6) that is approved and in effect.
- A standing instruction covers every act of its kind and never leaves "approved" by being used.
- A one-case instruction covers one case: the first that begins to use it, and no other.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from clients.instructions.models import Instruction
from portal.cases.models import Case
from portal.cases.verbs import record_verb, transition
from portal.errors import Refused
from portal.models import User


def instructions_in_force(client_id: UUID, kind: str, now: datetime) -> QuerySet[Instruction]:
    """The instructions that a new case of `kind` may use at `now`; standing ones first, then the newest."""
    return (
        Instruction.objects.filter(
            client_id=client_id,
            client__ended_at__isnull=True,
            kind=kind,
            state="approved",
            used_by_case__isnull=True,
            effective_from__lte=now,
        )
        .filter(Q(effective_until__isnull=True) | Q(effective_until__gt=now))
        .order_by("-is_standing", "-effective_from", "-pk")
    )


def instruction_in_force(client_id: UUID, kind: str, now: datetime) -> Instruction | None:
    """The instruction that covers a new case of `kind` at `now`, or None."""
    return instructions_in_force(client_id, kind, now).first()


def check_covers(
    instruction: Instruction,
    *,
    kind: str,
    client_id: UUID,
    now: datetime,
    case_id: UUID | None = None,
    purposes: Collection[str] = (),
    data_categories: Collection[str] = (),
) -> None:
    """Raise Refused unless `instruction` covers an act of `kind` for the client at `now` (R1, R6).

    `case_id` is the case that wants to use it, or to go on using it. `purposes` and `data_categories` are
    what the act needs; an instruction that names none of either limits nothing. The row is read anew, and
    within a transaction it is locked, so that a withdrawal waits until the act is decided or is seen.
    """
    current = _current(instruction)
    _check_match(current, kind, client_id)
    _check_effect(current, now)
    _check_unused(current, case_id)
    _check_scope(current, purposes, data_categories)


def covers(instruction: Instruction, *, kind: str, client_id: UUID, now: datetime) -> bool:
    """`check_covers` as an answer for a template."""
    try:
        check_covers(instruction, kind=kind, client_id=client_id, now=now)
    except Refused:
        return False
    return True


def begin(instruction: Instruction, *, case: Case, by: User, now: datetime) -> None:
    """Let `case` use the instruction. A one-case instruction is taken by it; to begin again changes nothing."""
    with transaction.atomic():
        check_covers(
            instruction,
            kind=instruction.kind,
            client_id=case.client_id,
            now=now,
            case_id=case.pk,
        )
        current = _current(instruction)
        if current.is_standing:
            record_verb(current, "use", by=by, now=now)
        elif current.state == "approved":
            with transition(instruction, "begin", by=by, now=now) as locked:
                locked.used_by_case = case.pk


def finish(instruction: Instruction, *, case: Case, by: User, now: datetime) -> None:
    """Record that `case` has carried the instruction out. Changes nothing for a standing one, or a second time."""
    with transaction.atomic():
        if _is_executing_for(instruction, case):
            with transition(instruction, "finish", by=by, now=now):
                pass


def release(instruction: Instruction, *, case: Case, by: User, now: datetime) -> None:
    """Give a one-case instruction back that `case` took and did not carry out, so that another may use it.

    One that was suspended meanwhile, and is reviewed anew, is given back too; its state stays as it is.
    """
    with transaction.atomic():
        current = _current(instruction)
        if current.used_by_case != case.pk:
            return
        if current.state == "executing":
            with transition(instruction, "release", by=by, now=now) as locked:
                locked.used_by_case = None
        elif current.is_open and current.state != "executed":
            current.used_by_case = None
            current.save()
            record_verb(current, "release", by=by, now=now)


def _current(instruction: Instruction) -> Instruction:
    rows = Instruction.objects.select_related("client")
    if connection.in_atomic_block:
        rows = rows.select_for_update(of=("self",), no_key=True)
    return rows.get(pk=instruction.pk)


def _is_executing_for(instruction: Instruction, case: Case) -> bool:
    current = _current(instruction)
    return current.state == "executing" and current.used_by_case == case.pk


def _check_match(current: Instruction, kind: str, client_id: UUID) -> None:
    if current.client_id != client_id:
        raise Refused("This instruction is another client's.", code="other_client")
    if current.client.ended_at is not None:
        raise Refused("All processing for this client has ended.", code="client_ended")
    if current.kind != kind:
        wanted = Instruction.Kind(kind).label.lower()
        raise Refused(
            f"Instruction {current.reference} says: {current.get_kind_display().lower()}. "
            f"This needs one that says: {wanted}.",
            code="other_kind",
        )


def _check_effect(current: Instruction, now: datetime) -> None:
    if current.in_effect(now):
        return
    if current.state not in ("approved", "executing", "executed"):
        raise Refused(
            f"Instruction {current.reference} is not in effect: it is {current.state_name.lower()}.",
            code="not_in_effect",
        )
    if now < current.effective_from:
        raise Refused(
            f"Instruction {current.reference} is effective from "
            f"{current.effective_from:%Y-%m-%d %H:%M} UTC.",
            code="not_yet_effective",
        )
    raise Refused(
        f"Instruction {current.reference} is over since "
        f"{current.effective_until:%Y-%m-%d %H:%M} UTC.",
        code="no_longer_effective",
    )


def _check_unused(current: Instruction, case_id: UUID | None) -> None:
    if current.used_by_case is not None and current.used_by_case != case_id:
        raise Refused(
            f"Instruction {current.reference} covers one case, and another uses it. "
            "Ask the client for a new instruction.",
            code="already_used",
        )


def _check_scope(
    current: Instruction, purposes: Collection[str], data_categories: Collection[str]
) -> None:
    beyond = bool(current.purposes) and not set(purposes) <= set(current.purposes)
    beyond |= bool(current.data_categories) and not set(data_categories) <= set(
        current.data_categories
    )
    if beyond:
        raise Refused(
            f"Instruction {current.reference} does not cover these purposes or kinds of data.",
            code="beyond_scope",
        )
