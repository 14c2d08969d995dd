"""What is told about an opt-out: to the client that it was made, to staff that its deadline comes near.

Invariants:
- A message holds references, channel and dates; the address stays in the portal.
- A message may arrive twice and is sent once: the thread of the case remembers what went out.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string

from portal import outbox
from portal.cases import thread
from portal.cases.models import CaseNote
from portal.cases.verbs import record_verb
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.optouts.models import OptOut
from requests.optouts.verbs import LOGGED_MESSAGE

DUE_MESSAGE: Final = "optout.due"
WARNED_BEFORE: Final = timedelta(days=3)
"""How long before its deadline an opt-out is warned of: a weekend and a day."""
UNANSWERED: Final = ("received", "suppressed")
"""The states in which the deadline still asks for something; what is confirmed has been answered."""
BATCH = 500


class NobodyToInform(Exception):
    """Nobody who should be told has an e-mail address; the start page shows the message as stuck."""


def watch_deadlines(now: datetime) -> int:
    """Warn of every unanswered opt-out that is due soon or late. Returns how many; each is warned of once.

    The leaf of the warning is what remembers it. Rows that somebody holds are left to the next run.
    """
    warned = 0
    while batch := _warn_some(now):
        warned += batch
    return warned


def _warn_some(now: datetime) -> int:
    told = Leaf.objects.filter(object_id=OuterRef("pk"), verb=f"{OptOut.VERB_PREFIX}.warn")
    with transaction.atomic():
        rows = list(
            OptOut.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(
                ~Exists(told),
                closed_at__isnull=True,
                due_at__lte=now + WARNED_BEFORE,
                state__in=UNANSWERED,
            )
            .order_by("due_at")[:BATCH]
        )
        for row in rows:
            outbox.put(DUE_MESSAGE, row.pk, now=now)
            record_verb(row, "warn", by=User.objects.system(), now=now)
    return len(rows)


@outbox.handler(LOGGED_MESSAGE)
def tell_client(opt_out_id: UUID, now: datetime) -> None:
    """Tell the client that an opt-out of one of its consumers was honoured ("Who decides", domain.md)."""
    case = _case(opt_out_id)
    if _is_told(case, CaseNote.Direction.OUTGOING):
        return
    contacts = list(case.client.contacts.filter(may_instruct=True).exclude(email=""))
    to = [contact.email for contact in contacts if contact.is_entitled(now.date())]
    subject = f"Opt-out {case.reference} is in effect"
    _send(case, "logged", subject, to, CaseNote.Direction.OUTGOING, now)


@outbox.handler(DUE_MESSAGE)
def warn_staff(opt_out_id: UUID, now: datetime) -> None:
    """Warn whoever is to answer it, unless that was done meanwhile."""
    case = _case(opt_out_id)
    if case.state not in UNANSWERED or _is_told(case, CaseNote.Direction.INTERNAL):
        return
    to = [user.email for user in _responsible(case)]
    _send(case, "due", f"Opt-out {case.reference} is due", to, CaseNote.Direction.INTERNAL, now)


def _responsible(case: OptOut) -> list[User]:
    """The assignee; else the client's account managers; else the Security Officers."""
    active = User.objects.filter(is_active=True).exclude(email="").order_by("username").distinct()
    managers = active.filter(groups__name=ACCOUNT_MANAGER, assignments__client_id=case.client_id)
    return (
        list(active.filter(pk=case.assignee_id))
        or list(managers)
        or list(active.filter(groups__name=SECURITY_OFFICER))
    )


def _case(opt_out_id: UUID) -> OptOut:
    return OptOut.objects.select_related("client", "brand").get(pk=opt_out_id)


def _is_told(case: OptOut, direction: str) -> bool:
    return CaseNote.objects.filter(
        client_id=case.client_id,
        case_id=case.pk,
        direction=direction,
        by=User.objects.system(),
    ).exists()


def _send(
    case: OptOut, notice: str, subject: str, to: list[str], direction: str, now: datetime
) -> None:
    if not to:
        raise NobodyToInform
    text = render_to_string(
        f"optouts/mail/{notice}.txt", {"case": case, "company": settings.COMPANY_NAME}
    )
    EmailMessage(subject, text, to=list(dict.fromkeys(to))).send()
    thread.add(
        case, direction=direction, channel="email", text=text, by=User.objects.system(), now=now
    )
