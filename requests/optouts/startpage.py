"""Opt-outs in the menu, on the start page and on a consumer's page; and what the outbox sends for them."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.urls import reverse

from clients.access import within_reach
from consumers.models import Consumer
from consumers.related import Related, related_provider
from portal.models import User
from portal.roles import has_role
from portal.startpage import Due, StaffPage, add_page, due_provider
from requests.optouts import notices
from requests.optouts.deadlines import AHEAD
from requests.optouts.models import OptOut
from requests.optouts.states import STAFF

__all__ = ["due", "notices", "opt_outs_of"]

add_page(
    StaffPage(
        "Log an opt-out",
        "optouts:log",
        STAFF,
        "Honoured at once, whether or not anybody matches",
    )
)


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """Opt-outs that nobody has closed: those past their deadline, and those near it."""
    if not has_role(user, *STAFF):
        return
    rows = within_reach(OptOut.objects.filter(closed_at__isnull=True), user)
    url = reverse("admin:requests_optout_changelist")
    late = rows.filter(due_at__lt=now).count()
    yield Due("late", "Opt-outs past their deadline", late, f"{url}?clock=late")
    soon = rows.filter(due_at__gte=now, due_at__lte=now + AHEAD).count()
    yield Due("soon", "Opt-outs due soon", soon, f"{url}?clock=soon")


@related_provider
def opt_outs_of(consumer: Consumer) -> Iterable[Related]:
    """The opt-outs that matched this consumer alone."""
    rows = OptOut.objects.filter(client_id=consumer.client_id, consumer_id=consumer.pk)
    for case in rows:
        yield Related(
            case.reference,
            reverse("admin:requests_optout_change", args=[case.pk]),
            case.state_name,
        )
