"""The log of requests (CCPA 7101, document 16) and its figures per client; no personal data."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from statistics import mean, median

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal import ledger
from portal.admin import staff_user
from portal.clocks import end_of_day, local_day
from portal.house import HOUSE_ID
from portal.roles import AUDITOR, SECURITY_OFFICER
from portal.staffpages import render_staff, staff_page
from requests.inquiries.deadlines import house_zone
from requests.inquiries.models import Denial, Inquiry, InquiryBranch, Outcome

HEADINGS = (
    "Reference",
    "Date of request",
    "Nature of request",
    "Law",
    "Manner of request",
    "Clients",
    "Date of response",
    "Nature of response",
    "Basis of denial",
)


class PeriodForm(forms.Form):
    """The days of receipt, both included."""

    start = forms.DateField(label="Received from", widget=forms.DateInput({"type": "date"}))
    end = forms.DateField(label="until", widget=forms.DateInput({"type": "date"}))


@dataclass(frozen=True)
class Figures:
    """One client's figures. `mean_days` and `median_days` are of those that were answered."""

    client: str
    received: int
    complied: int
    partly: int
    denied: int
    mean_days: float | None
    median_days: float | None


def received_in(start: date, end: date) -> "Iterable[Inquiry]":
    """The inquiries that were received in these days of the company's, advertising left out."""
    zone = house_zone()
    rows = Inquiry.objects.filter(
        received_at__gt=end_of_day(date.fromordinal(start.toordinal() - 1), zone),
        received_at__lte=end_of_day(end, zone),
    )
    return (
        rows.exclude(denial=Denial.NO_REQUEST)
        .prefetch_related("branches__client")
        .order_by("received_at", "pk")
    )


def lines(inquiries: "Iterable[Inquiry]") -> Iterator[tuple[str, ...]]:
    """A line for each inquiry: what CCPA 7101 asks for."""
    for one in inquiries:
        clients = sorted({branch.client.code for branch in one.branches.all()})
        yield (
            one.reference,
            _day(one.received_at),
            one.get_kind_display() if one.kind else "Not yet triaged",
            one.rule.name if one.rule else "",
            one.get_channel_display(),
            " ".join(clients),
            _day(one.responded_at or (one.closed_at if one.state == "rejected" else None)),
            one.get_outcome_display() if one.outcome else one.state_name,
            one.get_denial_display() if one.denial else "",
        )


def figures(inquiries: "Iterable[Inquiry]") -> list[Figures]:
    """The figures per client, by name; each client counts its own part and its own days."""
    of_client: dict[str, list[InquiryBranch]] = {}
    for inquiry in inquiries:
        for branch in inquiry.branches.all():
            if branch.state != "dropped":
                of_client.setdefault(branch.client.name, []).append(branch)
    return [_figures(name, parts) for name, parts in sorted(of_client.items())]


def _figures(name: str, parts: list[InquiryBranch]) -> Figures:
    zone = house_zone()
    days = [
        (local_day(one.answered_at, zone) - local_day(one.received_at, zone)).days
        for one in parts
        if one.answered_at
    ]
    told = [one.outcome for one in parts]
    return Figures(
        name,
        len(parts),
        told.count(Outcome.COMPLIED),
        told.count(Outcome.PARTLY),
        told.count(Outcome.DENIED),
        round(mean(days), 1) if days else None,
        float(median(days)) if days else None,
    )


@staff_page(SECURITY_OFFICER, AUDITOR)
def register_page(request: HttpRequest) -> HttpResponse:
    """Choose a period; see its figures; take its log away."""
    form = _period(request)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        found = list(received_in(form.cleaned_data["start"], form.cleaned_data["end"]))
        context |= {"figures": figures(found), "number": len(found), "is_valid": True}
    return render_staff(request, "inquiries/register.html", context, title="Log of requests")


@staff_page(SECURITY_OFFICER, AUDITOR)
def log_csv(request: HttpRequest) -> HttpResponse:
    """The log of a period as CSV; that it was taken away goes into the ledger."""
    form = _period(request)
    if not form.is_valid():
        return HttpResponse("Give both days of the period.", status=422, content_type="text/plain")
    found = list(received_in(form.cleaned_data["start"], form.cleaned_data["end"]))
    ledger.record(
        verb="inquiry.export_log",
        by=staff_user(request),
        client_id=HOUSE_ID,
        counts={"inquiries": len(found)},
        now=timezone.now(),
    )
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADINGS)
    writer.writerows(lines(found))
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="requests.csv"'
    return response


def _period(request: HttpRequest) -> PeriodForm:
    today = local_day(timezone.now(), house_zone())
    given = {"start": date(today.year, 1, 1).isoformat(), "end": today.isoformat()}
    return PeriodForm({name: request.GET.get(name) or value for name, value in given.items()})


def _day(at: datetime | None) -> str:
    return local_day(at, house_zone()).isoformat() if at else ""
