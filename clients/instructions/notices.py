"""What the client is told about its instruction, sent from the outbox (R5, GDPR 28(3)).

A message names the instruction by its reference and nobody else. It goes to those at the client who may
instruct us today, and to the person who gave this instruction.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from clients.instructions.models import Instruction
from clients.instructions.verbs import CONFIRMED_MESSAGE, SUSPENDED_MESSAGE
from portal import outbox
from portal.cases import thread
from portal.cases.models import CaseNote
from portal.models import User


class NobodyToInform(Exception):
    """No contact of the client has an e-mail address; the start page shows the message as stuck."""


@outbox.handler(
    SUSPENDED_MESSAGE,
    says="Tell the client that an instruction is suspended",
    about="clients.instruction",
)
def tell_suspended(instruction_id: UUID, now: datetime) -> None:
    """Inform the client that an instruction is suspended, and why it can be: it seems unlawful."""
    _send(instruction_id, "suspended", now)


@outbox.handler(
    CONFIRMED_MESSAGE, says="Confirm an instruction to the client", about="clients.instruction"
)
def tell_confirmed(instruction_id: UUID, now: datetime) -> None:
    """Confirm to the client that an instruction was carried out."""
    _send(instruction_id, "confirmed", now)


def recipients(instruction: Instruction, now: datetime) -> list[str]:
    """The e-mail addresses at the client to which a notice goes, without doubles."""
    contacts = list(instruction.client.contacts.filter(may_instruct=True).exclude(email=""))
    addresses = [contact.email for contact in contacts if contact.is_entitled(now.date())]
    if instruction.instructed_by is not None and instruction.instructed_by.email:
        addresses.insert(0, instruction.instructed_by.email)
    return list(dict.fromkeys(addresses))


def _send(instruction_id: UUID, notice: str, now: datetime) -> None:
    instruction = Instruction.objects.select_related("client", "instructed_by").get(
        pk=instruction_id
    )
    if _is_told(instruction):
        return
    to = recipients(instruction, now)
    if not to:
        raise NobodyToInform
    text = render_to_string(
        f"instructions/mail/{notice}.txt",
        {"instruction": instruction, "company": settings.COMPANY_NAME},
    )
    EmailMessage(f"Your instruction {instruction.reference}: {notice}", text, to=to).send()
    thread.add(
        instruction,
        direction=CaseNote.Direction.OUTGOING,
        channel="email",
        text=text,
        by=User.objects.system(),
        now=now,
    )


def _is_told(instruction: Instruction) -> bool:
    """Whether the client was told since the instruction came into its state: messages may arrive twice."""
    return CaseNote.objects.filter(
        client_id=instruction.client_id,
        case_id=instruction.pk,
        direction=CaseNote.Direction.OUTGOING,
        at__gte=instruction.state_at,
    ).exists()
