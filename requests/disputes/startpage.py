"""Disputes in the menu and on the start page."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse

from portal.models import User
from portal.roles import has_role
from portal.startpage import Due, StaffPage, add_page, due_provider
from requests.disputes.certifications import alerts
from requests.disputes.models import Dispute, Remedy, day_of
from requests.disputes.states import READERS, STAFF

AHEAD: Final = timedelta(days=7)

add_page(
    StaffPage(
        "Record a complaint",
        "disputes:log",
        STAFF,
        "Directly, from the dispute body, or a notice of arbitration",
    )
)
add_page(StaffPage("Dispute statistics", "disputes:statistics", READERS, "A year of disputes"))
add_page(
    StaffPage(
        "Certifications", "disputes:certifications", READERS, "Frameworks, renewals, arbitral fund"
    )
)


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """Deadlines, remedies, objections to be sent, risks, and certifications that end."""
    if not has_role(user, *STAFF):
        return
    rows = Dispute.objects.filter(closed_at__isnull=True)
    url = reverse("admin:requests_dispute_changelist")
    late = rows.filter(due_at__lt=now).count()
    yield Due("late", "Disputes past a deadline", late, f"{url}?flag=late")
    soon = rows.filter(due_at__gte=now, due_at__lte=now + AHEAD).count()
    yield Due("soon", "Disputes due within a week", soon, url)
    risk = rows.filter(persistent_failure_risk=True).count()
    yield Due("late", "Refused remedies: persistent failure at risk", risk, f"{url}?flag=risk")
    ftc = rows.filter(state="referred_to_ftc").count()
    yield Due("late", "Disputes with the FTC, which have priority", ftc, f"{url}?flag=ftc")
    open_remedies = Remedy.objects.filter(verified_at__isnull=True, dispute__closed_at__isnull=True)
    overdue = open_remedies.filter(due_on__lt=day_of(now)).count()
    yield Due("late", "Remedies past their day", overdue, f"{url}?flag=remedy")
    ahead = open_remedies.filter(due_on__gte=day_of(now)).count()
    yield Due("soon", "Remedies to perform or verify", ahead, f"{url}?flag=remedy")
    objected = rows.filter(state="objected", objection_sent_at__isnull=True).count()
    yield Due("soon", "Objections to be sent", objected, f"{url}?state=objected")
    yield from _renewals(now)


def _renewals(now: datetime) -> Iterator[Due]:
    url = reverse("disputes:certifications")
    for alert in alerts(day_of(now)):
        yield Due("late" if alert.is_urgent else "soon", alert.sentence, 1, url)
