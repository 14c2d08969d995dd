"""Pages about disputes: recording one, its documents, the statistics, the certifications."""

import csv
import io
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from portal.access import step_up
from portal.admin import staff_user
from portal.cases.verbs import record_verb
from portal.errors import Refused
from portal.roles import SECURITY_OFFICER, has_role
from portal.staffpages import render_staff, staff_page
from portal.uploadgate import evidence_size
from requests.disputes import binder, certifications, documents
from requests.disputes.forms import CertificationForm, LogForm, YearForm
from requests.disputes.models import Certification, Dispute, day_of
from requests.disputes.states import READERS, STAFF
from requests.disputes.statistics import Statistics, statistics
from requests.disputes.verbs import open_dispute


@sensitive_post_parameters()
@staff_page(*STAFF, uploads=evidence_size)
def log(request: HttpRequest) -> HttpResponse:
    """Record a complaint, however it arrived."""
    user = staff_user(request)
    if request.method != "POST":
        initial = {"received_at": timezone.now(), "channel": "letter"}
        return _log_page(request, LogForm(user=user, initial=initial), status=200)
    form = LogForm(request.POST, request.FILES, user=user)
    if not form.is_valid():
        return _log_page(request, form, status=422)
    try:
        case = open_dispute(**form.cleaned_data, by=user, now=timezone.now())
    except Refused as refusal:
        form.add_error(None, refusal.sentence)
        return _log_page(request, form, status=409)
    messages.success(request, f"Recorded as {case.reference}: {case.state_name.lower()}.")
    return redirect(reverse("admin:requests_dispute_change", args=[case.pk]))


def _log_page(request: HttpRequest, form: LogForm, *, status: int) -> HttpResponse:
    response = render_staff(
        request, "disputes/log.html", {"form": form}, title="Record a complaint", status=status
    )
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@staff_page(*READERS)
def timeline_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The chronology, which names nobody."""
    case = get_object_or_404(Dispute, pk=pk)
    return _handed_out(
        request, case, "timeline", documents.chronology_pdf(case, now=timezone.now()), "pdf"
    )


@require_safe
@staff_page(*READERS)
def memo_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The arbitration readiness memo (document 12)."""
    case = get_object_or_404(Dispute, pk=pk)
    return _handed_out(request, case, "memo", documents.memo_pdf(case, now=timezone.now()), "pdf")


@require_safe
@staff_page(*READERS)
@step_up
def binder_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Everything about the case as one PDF, for those who handle it."""
    case = get_object_or_404(Dispute, pk=pk)
    return _handed_out(request, case, "binder", binder.binder_pdf(case, now=timezone.now()), "pdf")


@require_safe
@staff_page(*READERS)
@step_up
def binder_zip(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Everything about the case as files with a manifest."""
    case = get_object_or_404(Dispute, pk=pk)
    return _handed_out(request, case, "binder", binder.binder_zip(case, now=timezone.now()), "zip")


def _handed_out(
    request: HttpRequest, case: Dispute, what: str, content: bytes, kind: str
) -> HttpResponse:
    """A document of the case as a download; each one leaves a leaf."""
    record_verb(case, f"export_{what}", by=staff_user(request), now=timezone.now())
    response = HttpResponse(content, content_type=f"application/{kind}")
    response["Content-Disposition"] = f'attachment; filename="{case.reference}-{what}.{kind}"'
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@staff_page(*READERS)
def statistics_page(request: HttpRequest) -> HttpResponse:
    """A year of disputes in the dispute body's shape (document 17)."""
    found = _statistics(request)
    return render_staff(
        request,
        "disputes/statistics.html",
        {"told": found, "last": found.year - 1, "next": found.year + 1},
        title=f"Disputes of {found.year}",
    )


@require_safe
@staff_page(*READERS)
def statistics_csv(request: HttpRequest) -> HttpResponse:
    """The same as a file."""
    found = _statistics(request)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("year", "section", "measure", "value"))
    writer.writerows((found.year, *row) for row in found.rows())
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="disputes-{found.year}.csv"'
    return response


def _statistics(request: HttpRequest) -> Statistics:
    form = YearForm(request.GET)
    this_year = day_of(timezone.now()).year
    return statistics(form.cleaned_data["year"] if form.is_valid() else this_year)


@staff_page(*READERS)
def certifications_page(request: HttpRequest) -> HttpResponse:
    """Certifications, when they end, and what the next one is asked (R12, document 18)."""
    may_record = has_role(request.user, SECURITY_OFFICER)
    form = CertificationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            certifications.record_certification(
                **form.cleaned_data, by=staff_user(request), now=timezone.now()
            )
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, "The certification is on record.")
            return redirect("disputes:certifications")
    now = timezone.now()
    return render_staff(
        request,
        "disputes/certifications.html",
        {
            "form": form if may_record else None,
            "alerts": list(certifications.alerts(day_of(now))),
            "packs": [certifications.pack(row, now) for row in certifications.current()],
            "rows": Certification.objects.select_related("recorded_by")[:100],
        },
        title="Certifications",
        status=422 if form.errors else 200,
    )
