"""Inquiries in the menu, on the start page and on a consumer's page."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.urls import reverse

from clients.access import within_reach
from consumers.models import Consumer
from consumers.related import Related, related_provider
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER, has_role
from portal.startpage import Due, StaffPage, add_page, due_provider
from requests.inquiries.deadlines import SOON
from requests.inquiries.models import Inquiry, InquiryBranch
from requests.inquiries.states import INTAKE, UNTRIAGED

MOST_SHOWN = 50

add_page(StaffPage("Log an inquiry", "inquiries:log", INTAKE, "A call, a letter or an e-mail"))
add_page(
    StaffPage(
        "Triage", "inquiries:triage_first", (SECURITY_OFFICER,), "One inquiry after the other"
    )
)
add_page(
    StaffPage(
        "Log of requests",
        "inquiries:register",
        (SECURITY_OFFICER, AUDITOR),
        "The CCPA's log and its figures, without personal data",
    )
)


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """What waits for triage, what is late or nearly, replies that nobody has read; a client's unanswered parts."""
    if has_role(user, SECURITY_OFFICER):
        yield from _of_the_house(now)
    if has_role(user, ACCOUNT_MANAGER, SECURITY_OFFICER):
        yield from _of_clients(user, now)


def _of_the_house(now: datetime) -> Iterator[Due]:
    url = reverse("admin:requests_inquiry_changelist")
    rows = Inquiry.objects.filter(closed_at__isnull=True)
    yield Due(
        "waiting",
        "Inquiries to be triaged",
        rows.filter(state__in=UNTRIAGED).count(),
        reverse("inquiries:triage_first"),
    )
    yield Due(
        "late",
        "Inquiries past a deadline",
        rows.filter(due_at__lt=now).count(),
        f"{url}?clock=late",
    )
    soon = rows.filter(due_at__gte=now, due_at__lte=now + SOON).count()
    yield Due("soon", "Inquiries due soon", soon, f"{url}?clock=soon")
    unread = Inquiry.objects.filter(reply_at__isnull=False).count()
    yield Due("soon", "Replies to be read", unread, f"{url}?clock=unread")


def _of_clients(user: User, now: datetime) -> Iterator[Due]:
    url = reverse("admin:requests_inquirybranch_changelist")
    rows = within_reach(
        InquiryBranch.objects.filter(closed_at__isnull=True, state="handed_off"), user
    )
    yield Due(
        "waiting", "Inquiries that await a client's answer", rows.count(), f"{url}?state=handed_off"
    )
    late = rows.filter(due_at__lt=now).count()
    yield Due("late", "Clients' answers past the deadline", late, f"{url}?clock=late")


@related_provider
def inquiries_of(consumer: Consumer) -> Iterable[Related]:
    """The branches that are about this consumer."""
    rows = InquiryBranch.objects.filter(client_id=consumer.client_id, consumer_id=consumer.pk)
    for case in rows.order_by("-received_at")[:MOST_SHOWN]:
        url = reverse("admin:requests_inquirybranch_change", args=[case.pk])
        yield Related(case.reference, url, case.state_name)
