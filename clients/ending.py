"""The end of all processing for a client: its root key is destroyed, and with it everything sealed.

Invariants:
- Nothing is destroyed while a case of the client is open or a person of it has not been erased; what to look
  at is read from the declarations and from the kinds of cases, so that nothing new is forgotten.
- The client is marked as ended first; its keys are destroyed after the commit, from the outbox, as often as
  it takes. From the mark on, nothing is begun for it.
"""

from datetime import datetime
from itertools import islice
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Q

from clients.controllers import Client
from clients.instructions.cover import begin, check_covers, finish, instruction_in_force
from clients.instructions.models import Instruction
from clients.recording import recorded
from clients.verbs import lock_client
from portal import outbox, vault
from portal.cases.models import Case
from portal.errors import Refused
from portal.history import save_signed
from portal.models import User
from portal.personal import Fate, is_history, personal_fields, subject_column, subject_models
from portal.roles import SECURITY_OFFICER, check_role

DESTROY_MESSAGE = "client.destroy_keys"
KIND = Instruction.Kind.END_OF_PROCESSING


def check_can_end(client: Client, now: datetime) -> Instruction:
    """The instruction under which processing may end now. Raises Refused with what stands in the way."""
    if client.ended_at is not None:
        raise Refused("All processing for this client has ended.", code="client_ended")
    instruction = instruction_in_force(client.pk, KIND, now)
    if instruction is None:
        raise Refused(
            "There is no approved instruction of this client to end all processing.",
            code="no_instruction",
        )
    open_cases = open_case_references(client, apart_from=instruction, now=now)
    if open_cases:
        raise Refused(
            f"Close what is still open first: {', '.join(open_cases)}.", code="open_cases"
        )
    remaining = models_with_people(client)
    if remaining:
        names = ", ".join(sorted({str(model._meta.verbose_name_plural) for model in remaining}))
        raise Refused(
            f"People of this client are still on file ({names}). Erase them first: an erasure of a file "
            "of all of them leaves a certificate, which this does not.",
            code="people_remain",
        )
    return instruction


def end_processing(client: Client, *, confirmation: str, by: User, now: datetime) -> None:
    """End all processing for the client and destroy its keys. Cannot be undone.

    `confirmation` is the client's short name as typed. The instruction had its own second person; whoever
    approved it may carry it out, whoever logged it may not.
    """
    with recorded(
        "client.end",
        by=by,
        now=now,
        client_id=client.pk,
        object_kind=client._meta.label_lower,
        object_id=client.pk,
    ):
        check_role(by, SECURITY_OFFICER)
        locked = lock_client(client)
        if confirmation != locked.code:
            raise Refused(f"Type {locked.code} to confirm.", code="confirmation")
        instruction = check_can_end(locked, now)
        if instruction.logged_by_id == by.pk:
            raise Refused(
                "You logged this instruction; another Security Officer ends the processing.",
                code="four_eyes",
            )
        _use(instruction, by=by, now=now)
        locked.ended_at = now
        save_signed(locked, by=by, now=now)
        outbox.put(DESTROY_MESSAGE, locked.pk, now=now)
    client.ended_at = now


@outbox.handler(DESTROY_MESSAGE, says="Destroy the keys of a client", about="clients.client")
def destroy_keys(client_id: UUID, now: datetime) -> None:
    """Destroy the keys of a client whose processing has ended. Idempotent."""
    if Client.objects.filter(pk=client_id, ended_at__isnull=False).exists():
        vault.destroy_client(client_id)


def open_case_references(
    client: Client, *, apart_from: Case, now: datetime, limit: int = 5
) -> list[str]:
    """References of open cases of the client, of every kind, up to `limit`."""
    found: list[str] = []
    for model in apps.get_models():
        if issubclass(model, Case):
            # A case's client is declared by its own class.
            mine = {"client_id": client.pk, "closed_at__isnull": True}
            rows = model._default_manager.filter(**mine).exclude(pk=apart_from.pk)
            still_open = (row.reference for row in rows.iterator() if not row.is_over(now))
            found += islice(still_open, limit)
    return found[:limit]


def models_with_people(client: Client) -> list[type[models.Model]]:
    """The models in which something personal of a consumer of the client is still stored."""
    return [
        model
        for model in subject_models()
        if not is_history(model) and _still_holds(model, client.pk)
    ]


def _still_holds(model: type[models.Model], client_id: UUID) -> bool:
    # Notes and files belong to a person only where they name one.
    rows = model._default_manager.filter(
        **{"client_id": client_id, f"{subject_column(model)}__isnull": False}
    )
    held = Q()
    for field, declared in personal_fields(model):
        if declared.fate is Fate.DELETE_ROW:
            return rows.exists()
        if declared.fate is Fate.NULLIFY and field.null:
            held |= Q(**{f"{field.name}__isnull": False})
    return bool(held) and rows.filter(held).exists()


def _use(instruction: Instruction, *, by: User, now: datetime) -> None:
    check_covers(instruction, kind=KIND, client_id=instruction.client_id, now=now)
    begin(instruction, case=instruction, by=by, now=now)
    finish(instruction, case=instruction, by=by, now=now)
