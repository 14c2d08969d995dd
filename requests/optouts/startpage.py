"""Opt-outs in the menu, on the start page and on a consumer's page; and what the outbox sends for them."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from clients.access import within_reach
from consumers.models import Consumer
from consumers.related import Related, related_provider
from consumers.vaulting import open_profiles
from portal.models import User
from portal.roles import has_role
from portal.startpage import Due, StaffPage, add_page, due_provider
from requests.optouts import notices
from requests.optouts.deadlines import AHEAD, UNANSWERED
from requests.optouts.effect import tokens_of
from requests.optouts.lookup import known_by
from requests.optouts.models import OptOut
from requests.optouts.states import STAFF

__all__ = ["due", "notices", "opt_outs_of"]
MOST_SHOWN = 50

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
    """Opt-outs that nobody has answered: those past their deadline, and those near it."""
    if not has_role(user, *STAFF):
        return
    rows = within_reach(OptOut.objects.filter(closed_at__isnull=True, state__in=UNANSWERED), user)
    url = reverse("admin:requests_optout_changelist")
    late = rows.filter(due_at__lt=now).count()
    yield Due("late", "Opt-outs past their deadline", late, f"{url}?clock=late")
    soon = rows.filter(due_at__gte=now, due_at__lte=now + AHEAD).count()
    yield Due("soon", "Opt-outs due soon", soon, f"{url}?clock=soon")


@related_provider
def opt_outs_of(consumer: Consumer) -> Iterable[Related]:
    """The opt-outs that matched this consumer alone, and those of an address that the consumer has now."""
    about = Q(consumer_id=consumer.pk)
    profile = open_profiles([consumer]).get(consumer.pk)
    if profile is not None:
        tokens = tokens_of(consumer.client_id, profile)
        about |= Q(pk__in=known_by(consumer.client_id, tokens).values("pk"))
    rows = OptOut.objects.filter(about, client_id=consumer.client_id)
    for case in rows.order_by("-received_at")[:MOST_SHOWN]:
        yield Related(
            case.reference,
            reverse("admin:requests_optout_change", args=[case.pk]),
            case.state_name,
        )
