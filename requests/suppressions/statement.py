"""Which catalogs may still come after an opt-out, and until when, in words for the consumer (document 9).

Invariants:
- It is made on demand from the frozen tail and never stored: it says what is true on the day it is made.
- Days are days where the client is. Whoever makes the letter, which opens the address, leaves a leaf.
"""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from clients.access import check_reach
from clients.recording import recorded
from portal.clocks import local_day
from portal.letters import render_pdf
from portal.models import User
from portal.roles import check_role
from requests.optouts.addresses import lines
from requests.optouts.states import STAFF
from requests.optouts.verbs import address_of
from requests.suppressions.classification import TAIL, VIOLATION
from requests.suppressions.models import CatalogSuppression, SuppressedDrop
from requests.suppressions.verbs import STILL_TO_MAIL

TITLE = "Catalogs after your opt-out"


def statement(suppression: CatalogSuppression, *, now: datetime) -> dict[str, Any]:
    """What the statement says, without the address; all values are words, as the template wants them."""
    tz = ZoneInfo(suppression.client.time_zone)
    coming = list(_coming(suppression))
    return {
        "title": TITLE,
        "company": settings.COMPANY_NAME,
        "client": suppression.client.name,
        "reference": suppression.reference,
        "written_on": in_words(local_day(now, tz)),
        "brand": suppression.brand.name if suppression.brand else "",
        "opted_out_on": in_words(local_day(suppression.effective_at, tz)),
        "final_on": in_words(suppression.tail_ends_on),
        "tail": [_line(row, tz) for row in coming if row.classification == TAIL],
        "violations": sum(row.classification == VIOLATION for row in coming),
        "contact": "the privacy office",
        "address": [],
    }


def letter(suppression: CatalogSuppression, *, by: User, now: datetime) -> bytes:
    """The statement as a PDF addressed to the consumer, as far as an address was given and not erased.

    Raises Refused for whoever may not write to this client's consumers.
    """
    with recorded(
        "suppression.statement",
        by=by,
        now=now,
        client_id=suppression.client_id,
        object_kind=suppression._meta.label_lower,
        object_id=suppression.pk,
    ):
        check_role(by, *STAFF)
        check_reach(by, suppression.client_id)
        address = address_of(suppression.opt_out)
        content = statement(suppression, now=now)
        content["address"] = lines(address) if address else []
        return render_pdf("tail_statement.typ", content, made_at=now)


def in_words(day: date) -> str:
    """A day as a letter writes it: 3 March 2026."""
    return f"{day.day} {day:%B %Y}"


def _coming(suppression: CatalogSuppression) -> Any:
    """The rows of the drops that are still to be mailed, in the order in which they will be."""
    return (
        SuppressedDrop.objects.filter(suppression=suppression, drop__state__in=STILL_TO_MAIL)
        .select_related("drop")
        .order_by("mail_date", "pk")
    )


def _line(row: SuppressedDrop, tz: ZoneInfo) -> dict[str, str]:
    return {
        "name": row.drop.name,
        "locked_on": in_words(local_day(row.lock_at, tz)),
        "mailed_on": in_words(row.mail_date),
    }
