"""The pages of access: everybody's, one member's, and the audit trail."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal import ledger
from portal.access import resets, review, trail
from portal.access.forms import TrailForm
from portal.access.gate import step_up
from portal.access.models import AccessReview, DeviceReset
from portal.access.sheets import csv_file
from portal.admin import page_of, staff_user
from portal.errors import Refused
from portal.models import User
from portal.roles import ADMINISTRATOR, AUDITOR, SECURITY_OFFICER, has_role
from portal.staffpages import render_staff, staff_page

READERS: Final = (SECURITY_OFFICER, ADMINISTRATOR, AUDITOR)
SEARCHERS: Final = (SECURITY_OFFICER, AUDITOR)


@require_safe
@staff_page(*READERS)
def people(request: HttpRequest) -> HttpResponse:
    """Every member of staff with what they may do, those whose review is due first."""
    found = review.lines(timezone.now())
    return render_staff(request, "access/people.html", {"lines": found}, title="Access")


@require_safe
@staff_page(*READERS)
@step_up
def people_csv(request: HttpRequest) -> HttpResponseBase:
    """The access review as a file."""
    now = timezone.now()
    _record_export(request, "access.export_review")
    return csv_file(f"access-review-{now:%Y-%m-%d}.csv", review.HEAD, review.csv_rows(now))


@require_safe
@staff_page(*READERS)
def person(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One member of staff: what may be done about their access, and the reviews so far."""
    line = next((one for one in review.lines(timezone.now()) if one.user.pk == pk), None)
    if line is None:
        raise Http404
    user = staff_user(request)
    context = {
        "line": line,
        "is_locked": resets.is_locked(line.user, now=timezone.now()),
        "reviews": AccessReview.objects.filter(user=line.user).select_related("reviewed_by")[:20],
        "is_officer": has_role(user, SECURITY_OFFICER),
        "is_administrator": has_role(user, ADMINISTRATOR),
        "why_no_review": _why(review.check_can_review, line.user, user),
        "why_no_ask": _why(resets.check_can_ask, line.user, user),
        "why_no_decision": _why(resets.check_can_decide, line.reset, user) if line.reset else "",
    }
    return render_staff(request, "access/person.html", context, title=f"Access of {line.user}")


def _why(check: Any, about: Any, by: User) -> str:
    try:
        check(about, by)
    except Refused as refusal:
        return refusal.sentence
    return ""


@require_POST
@staff_page(*READERS)
@step_up
def act(request: HttpRequest, pk: UUID, deed: str) -> HttpResponse:
    """Review, ask for a reset, decide it, or unlock; each asks for a fresh code."""
    user = get_object_or_404(User, pk=pk, is_system=False)
    try:
        messages.success(request, _do(deed, user, staff_user(request)))
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    return redirect("access:person", pk=pk)


def _do(deed: str, user: User, by: User) -> str:
    now = timezone.now()
    if deed in AccessReview.Outcome.values:
        review.review(user, outcome=deed, by=by, now=now)
        return f"The access of {user} was reviewed."
    if deed == "ask-reset":
        resets.ask(user, by=by, now=now)
        return "A Security Officer was asked to confirm the reset."
    if deed in ("confirm-reset", "refuse-reset"):
        reset = get_object_or_404(DeviceReset, user=user, decided_at__isnull=True)
        resets.decide(reset, confirm=deed == "confirm-reset", by=by, now=now)
        return "It was decided; they are told by e-mail."
    if deed == "unlock":
        resets.unlock(user, by=by, now=now)
        return f"{user} can try again."
    raise Http404


@require_safe
@staff_page(*SEARCHERS)
def search(request: HttpRequest) -> HttpResponse:
    """Search the audit trail."""
    form = TrailForm(request.GET or None, user=staff_user(request))
    asked = form.question() if form.is_valid() else trail.Question()
    rows, mark = ([], "") if form.errors else trail.page(asked, request.GET.get("after", ""))
    narrowed = {name: value for name, value in request.GET.items() if name != "after" and value}
    names = dict(review.Clients.named(staff_user(request)))
    context = {
        "form": form,
        "rows": [_shown(leaf, names) for leaf in rows],
        "query": urlencode(narrowed),
        "further": urlencode({**narrowed, "after": mark}) if mark else "",
        "is_further": "after" in request.GET,
        "limit": trail.EXPORT,
    }
    return render_staff(request, "access/trail.html", context, title="Audit trail")


def _shown(leaf: Any, clients: dict[UUID, str]) -> dict[str, Any]:
    return {
        "leaf": leaf,
        "url": page_of(leaf.object_kind, leaf.object_id) if leaf.object_id else "",
        "client": clients.get(leaf.client_id, ""),
    }


@require_safe
@staff_page(*SEARCHERS)
@step_up
def search_csv(request: HttpRequest) -> HttpResponseBase:
    """What was found in the audit trail, as a file."""
    form = TrailForm(request.GET or None, user=staff_user(request))
    if form.errors:
        raise Http404
    asked = form.question() if form.is_valid() else trail.Question()
    _record_export(request, "access.export_trail")
    return csv_file("audit-trail.csv", trail.HEAD, trail.csv_rows(asked))


def _record_export(request: HttpRequest, verb: str) -> None:
    ledger.record(verb=verb, by=staff_user(request), now=timezone.now())
