"""Erasures in the menu, on the start page and on a consumer's page."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.urls import reverse

from clients.access import within_reach
from consumers.models import Consumer
from consumers.related import Related, related_provider
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, has_role
from portal.startpage import Due, StaffPage, add_page, due_provider
from requests.erasures.models import Erasure
from requests.erasures.steering import FAILED, RETRIED, SENT_BACK, STOPPED

add_page(
    StaffPage(
        "Log an erasure",
        "erasures:log",
        (SECURITY_OFFICER, ACCOUNT_MANAGER),
        "On a client's approved instruction",
    )
)
add_page(
    StaffPage(
        "Log an erasure from a file",
        "erasures:log_file",
        (SECURITY_OFFICER, ACCOUNT_MANAGER),
        "Of the many people whom a client's file names",
    )
)
LINES = (
    ("ambiguous", "soon", "Erasures with an ambiguous match"),
    ("no_match", "waiting", "Erasures that matched nobody"),
    ("uploaded", "waiting", "Files of erasures wait to be told what their columns mean"),
    ("residue_found", "fault", "Erasures stopped by residue"),
    ("on_hold", "waiting", "Erasures on legal hold"),
)
WORK = (
    ("failed", FAILED, "fault", "Erasures failed and were given up"),
    ("sent_back", SENT_BACK, "soon", "Erasures whose approval was taken back"),
    ("retried", RETRIED, "waiting", "Erasures are tried again after a fault"),
    ("stopped", STOPPED, "waiting", "Erasures are stopped"),
)


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """Erasures that wait for somebody, by state; and those that are late or stuck."""
    if not has_role(user, SECURITY_OFFICER, ACCOUNT_MANAGER):
        return
    open_cases = within_reach(Erasure.objects.filter(closed_at__isnull=True), user)
    url = reverse("admin:requests_erasure_changelist")
    may_approve = has_role(user, SECURITY_OFFICER)
    awaits = (
        ("matched", "soon", "Erasures to approve")
        if may_approve
        else ("matched", "waiting", "Erasures await a Security Officer's approval")
    )
    for state, urgency, label in (awaits, *LINES):
        yield Due(urgency, label, open_cases.filter(state=state).count(), f"{url}?state={state}")
    yield Due("late", "Erasures past their date", open_cases.filter(due_at__lt=now).count(), url)
    for name, condition, urgency, label in WORK:
        yield Due(urgency, label, open_cases.filter(condition).count(), f"{url}?work={name}")


@related_provider
def erasures_of(consumer: Consumer) -> Iterable[Related]:
    """The erasures that a consumer is, or was, a subject of."""
    cases = Erasure.objects.filter(
        client_id=consumer.client_id, subjects__consumer_id=consumer.pk
    ).distinct()
    for case in cases:
        yield Related(
            case.reference,
            reverse("admin:requests_erasure_change", args=[case.pk]),
            case.state_name,
        )
