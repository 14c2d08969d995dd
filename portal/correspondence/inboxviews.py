"""Pages of the privacy mailbox: what was put aside, and what to do with it."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from portal import ledger
from portal.admin import staff_user
from portal.correspondence import inbox, rawmail
from portal.correspondence.models import InboundMessage, Mailbox
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import SECURITY_OFFICER
from portal.staffpages import render_staff, staff_page
from portal.vault import VaultError

LOOKED_AFTER: Final = timedelta(days=1)
WHY: Final = {
    "broken": "It could not be read.",
    "too_many_headers": "It has more headers than a person's e-mail ever has.",
    "too_many_parts": "It has more parts than a person's e-mail ever has.",
    "too_large": "It is too large. Only its headers were fetched; the whole lies in the mailbox for 30 days.",
    "no_sender": "It names no sender to whom one could answer.",
    "empty": "It holds nothing.",
    "automatic": "A machine sent it. It may still be a request, from an agent of a consumer.",
    "mailing_list": "It came by a mailing list.",
    "nobody_took_it": "No kind of case takes it.",
    "workers_died": "It ended whoever tried to read it.",
}
"""Why an e-mail was put aside, as staff read it."""
OTHERWISE: Final = "It could not be handled by itself."


def why(row: InboundMessage) -> str:
    """The reason in words."""
    return WHY.get(row.reason, OTHERWISE)


@staff_page(SECURITY_OFFICER)
def mailbox(request: HttpRequest) -> HttpResponseBase:
    """Whether the mailbox can be read, and what was put aside."""
    context = {
        "is_configured": inbox.is_configured(),
        "box": Mailbox.objects.first(),
        "rows": [{"row": row, "why": why(row)} for row in inbox.quarantined()],
    }
    return render_staff(request, "correspondence/mailbox.html", context, title="Privacy mailbox")


@staff_page(SECURITY_OFFICER)
def inbound(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One e-mail that was put aside: read it, take it in, or ignore it with a reason."""
    row = _quarantined(pk)
    user, now = staff_user(request), timezone.now()
    if request.method == "POST":
        response = _act(request, row, user, now)
        if response is not None:
            return response
    _record(row, "mail.read", user, now)
    content = row.unseal_content()
    context = {
        "row": row,
        "why": why(row),
        "content": content,
        "sender": content.get("sender", ["", ""]),
        "reasons": inbox.IGNORE_REASONS,
    }
    return render_staff(request, "correspondence/inbound.html", context, title=str(row))


def _act(
    request: HttpRequest, row: InboundMessage, user: User, now: datetime
) -> HttpResponse | None:
    try:
        if request.POST.get("do") == "take":
            taken = inbox.take_in(row, by=user, now=now)
            messages.success(request, f"Taken in as {taken.case_reference}.")
        else:
            inbox.ignore(row, request.POST.get("reason", ""), by=user, now=now)
            messages.success(request, "Ignored. Its words will be destroyed in 30 days.")
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return None
    return redirect("correspondence:mailbox")


@staff_page(SECURITY_OFFICER)
def original(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The e-mail as it came, to be saved; never shown in the browser."""
    row = _quarantined(pk)
    try:
        raw = rawmail.read_raw(row)
    except (OSError, VaultError):
        raise Http404 from None
    _record(row, "mail.download", staff_user(request), timezone.now())
    response = HttpResponse(raw, content_type="application/octet-stream")
    response["Content-Disposition"] = 'attachment; filename="e-mail.eml"'
    return response


def _quarantined(pk: UUID) -> InboundMessage:
    return get_object_or_404(InboundMessage, pk=pk, state=InboundMessage.State.QUARANTINED)


def _record(row: InboundMessage, verb: str, user: User, now: datetime) -> None:
    """A leaf for whoever looks at it; once a day is enough."""
    seen = Leaf.objects.filter(object_id=row.pk, verb=verb, actor=user, at__gt=now - LOOKED_AFTER)
    if not seen.exists():
        ledger.record(
            verb=verb,
            by=user,
            client_id=row.client_id,
            object_kind=row._meta.label_lower,
            object_id=row.pk,
            now=now,
        )
