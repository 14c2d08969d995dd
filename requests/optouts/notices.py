"""What is told about an opt-out, sent from the outbox: to the client that it was made, to staff that it is due.

A message holds references only: the address stays in the portal.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from clients.access import reaches
from portal import outbox
from portal.cases import thread
from portal.cases.models import CaseNote
from portal.models import User
from portal.roles import SECURITY_OFFICER, has_role
from requests.optouts.deadlines import DUE_MESSAGE, UNANSWERED
from requests.optouts.models import OptOut
from requests.optouts.states import STAFF
from requests.optouts.verbs import LOGGED_MESSAGE


class NobodyToInform(Exception):
    """Nobody who should be told has an e-mail address; the start page shows the message as stuck."""


@outbox.handler(LOGGED_MESSAGE, says="Tell the client of an opt-out", about="requests.optout")
def tell_client(opt_out_id: UUID, now: datetime) -> None:
    """Tell the client that an opt-out of its consumers' was honoured ("Who decides", domain.md)."""
    case = OptOut.objects.select_related("client", "brand").get(pk=opt_out_id)
    if _is_told(case):
        return
    contacts = list(case.client.contacts.filter(may_instruct=True).exclude(email=""))
    entitled = [contact.email for contact in contacts if contact.is_entitled(now.date())]
    if not entitled:
        raise NobodyToInform
    text = _send(case, "logged", f"Opt-out {case.reference} is in effect", entitled)
    thread.add(
        case,
        direction=CaseNote.Direction.OUTGOING,
        channel="email",
        text=text,
        by=User.objects.system(),
        now=now,
    )


@outbox.handler(DUE_MESSAGE, says="Warn staff that an opt-out is due", about="requests.optout")
def warn_staff(opt_out_id: UUID, now: datetime) -> None:
    """Warn the assignee and the Security Officers of a deadline, unless it was answered meanwhile."""
    case = OptOut.objects.select_related("client", "brand", "assignee").get(pk=opt_out_id)
    if case.state not in UNANSWERED:
        return
    staff = [user.email for user in _watchers(case) if user.email]
    if not staff:
        raise NobodyToInform
    _send(case, "due", f"Opt-out {case.reference} is due", list(dict.fromkeys(staff)))


def _watchers(case: OptOut) -> list[User]:
    officers = User.objects.filter(is_active=True, groups__name=SECURITY_OFFICER)
    found = [user for user in officers.order_by("username") if has_role(user, SECURITY_OFFICER)]
    assignee = case.assignee
    # Whoever does not look after the client any more is told nothing of it any more.
    if assignee and has_role(assignee, *STAFF) and reaches(assignee, case.client_id):
        found.insert(0, assignee)
    return found


def _is_told(case: OptOut) -> bool:
    """Whether the client was told before: messages may arrive twice. What staff sent is to the consumer."""
    return CaseNote.objects.filter(
        client_id=case.client_id,
        case_id=case.pk,
        direction=CaseNote.Direction.OUTGOING,
        by=User.objects.system(),
    ).exists()


def _send(case: OptOut, notice: str, subject: str, to: list[str]) -> str:
    text = render_to_string(
        f"optouts/mail/{notice}.txt", {"case": case, "company": settings.COMPANY_NAME}
    )
    for address in to:
        # One message each, so that nobody is told who else was.
        EmailMessage(subject, text, to=[address]).send()
    return text
