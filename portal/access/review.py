"""The access review: a Security Officer looks at what everybody may do, once a quarter.

Invariants: nobody reviews themselves; a review is never changed, the newest counts; whoever was not looked at for 90
days is due, counted from when they were added.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from portal import ledger
from portal.access.models import AccessReview, DeviceReset
from portal.errors import Refused
from portal.models import User
from portal.roles import SECURITY_OFFICER, check_role, roles_of

EVERY: Final = timedelta(days=90)
Outcome = AccessReview.Outcome


def _nobody(users: Collection[UUID]) -> Mapping[UUID, list[str]]:
    return {}


def _none(user: Any) -> list[tuple[UUID, str]]:
    return []


class Clients:
    """What the kernel does not know of clients; the app that knows them sets it when it is ready."""

    assigned: ClassVar[Callable[[Collection[UUID]], Mapping[UUID, list[str]]]] = staticmethod(
        _nobody
    )
    named: ClassVar[Callable[[Any], list[tuple[UUID, str]]]] = staticmethod(_none)


@dataclass(frozen=True)
class Line:
    """One member of staff, as the review shows them."""

    user: User
    roles: list[str]
    clients: list[str]
    set_up_at: datetime | None
    reset: DeviceReset | None
    reviewed_at: datetime | None
    reviewed_by: str
    outcome: str
    is_due: bool


def staff() -> "QuerySet[Any]":
    """Every member of staff with the time and the outcome of the last review."""
    last = AccessReview.objects.filter(user=OuterRef("pk")).order_by("-reviewed_at", "-id")
    return User.objects.filter(is_system=False).annotate(
        last_review_at=Subquery(last.values("reviewed_at")[:1]),
        last_outcome=Subquery(last.values("outcome")[:1]),
        last_reviewer=Subquery(last.values("reviewed_by__username")[:1]),
        looked_at=Coalesce(F("last_review_at"), F("date_joined")),
    )


def due_people(now: datetime) -> "QuerySet[Any]":
    """Who may log in and was not looked at for 90 days."""
    return staff().filter(Q(is_active=True), looked_at__lte=now - EVERY)


def flagged_people() -> "QuerySet[Any]":
    """Who may log in although the last review says that something is wrong with it."""
    return staff().filter(is_active=True, last_outcome=Outcome.FLAGGED)


def lines(now: datetime) -> list[Line]:
    """Everybody, those who are due first."""
    people = list(
        staff().select_related("authenticator").prefetch_related("groups").order_by("username")
    )
    clients = Clients.assigned([user.pk for user in people])
    open_resets = {
        reset.user_id: reset for reset in DeviceReset.objects.filter(decided_at__isnull=True)
    }
    found = [
        _line(user, clients.get(user.pk, []), open_resets.get(user.pk), now) for user in people
    ]
    return sorted(found, key=lambda line: (not line.is_due, not line.user.is_active))


def _line(user: Any, clients: list[str], reset: DeviceReset | None, now: datetime) -> Line:
    device = getattr(user, "authenticator", None)
    return Line(
        user=user,
        roles=sorted(group.name for group in user.groups.all()),
        clients=clients,
        set_up_at=device.confirmed_at if device else None,
        reset=reset,
        reviewed_at=user.last_review_at,
        reviewed_by=user.last_reviewer or "",
        outcome=str(Outcome(user.last_outcome).label) if user.last_outcome else "",
        is_due=user.is_active and user.looked_at <= now - EVERY,
    )


def check_can_review(user: User, by: User) -> None:
    """Raise Refused unless `by` may review the access of `user`."""
    check_role(by, SECURITY_OFFICER)
    if user.pk == by.pk:
        raise Refused("Nobody reviews their own access. Another Security Officer does.", code="own")


def review(user: User, *, outcome: str, by: User, now: datetime) -> AccessReview:
    """Record that `by` looked at what `user` may do, and found it right or not."""
    with transaction.atomic():
        check_can_review(user, by)
        if outcome not in Outcome.values:
            raise Refused("A review confirms the access or flags it.", code="outcome")
        made = AccessReview.objects.create(
            user=user, outcome=outcome, reviewed_at=now, reviewed_by=by
        )
        held = {role.lower().replace(" ", "_"): 1 for role in roles_of(user)}
        ledger.record(
            verb="access.review",
            by=by,
            object_kind="portal.user",
            object_id=user.pk,
            reason=outcome,
            counts=held,
            now=now,
        )
    return made


HEAD: Final = (
    "User name", "Name", "Active", "Roles", "Clients", "Last log-in", "Second factor since",
    "Last review", "By", "Outcome", "Due",
)  # fmt: skip


def csv_rows(now: datetime) -> Iterator[list[str]]:
    """The review as rows of text."""
    for line in lines(now):
        yield [
            line.user.get_username(),
            line.user.get_full_name(),
            "yes" if line.user.is_active else "no",
            "; ".join(line.roles),
            "; ".join(line.clients),
            _iso(line.user.last_login),
            _iso(line.set_up_at),
            _iso(line.reviewed_at),
            line.reviewed_by,
            line.outcome,
            "yes" if line.is_due else "no",
        ]


def _iso(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
