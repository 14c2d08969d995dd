"""The open cases of all kinds that a member of staff may see, by when they are due.

Invariants:
- A kind is in the list because its admin class is a `CaseAdmin`; who sees which of its rows is asked there.
- Each kind gives its soonest rows only, so the list does not slow down with the tables (a partial index on what
  is open serves each).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from portal.admin import CaseAdmin
from portal.cases.models import Case
from portal.models import User

MOST: Final = 200
WEEK: Final = timedelta(days=7)
MINE, NOBODYS, ALL = "mine", "nobody", "all"
GROUPS: Final = (
    ("late", "Overdue"),
    ("today", "Due today"),
    ("week", "Due within a week"),
    ("later", "Later"),
    ("waits", "Waiting for somebody else, without a date"),
)


@dataclass(frozen=True)
class Item:
    """One case in the list. `key` names it in a form: its kind and its id."""

    case: Case
    kind: str
    url: str
    group: str

    @property
    def key(self) -> str:
        return f"{self.case._meta.label_lower}:{self.case.pk}"


@dataclass(frozen=True)
class Kind:
    """One kind of case, as the list's filter names it."""

    code: str
    name: str
    page: "CaseAdmin[Any]"


def kinds_for(request: HttpRequest) -> list[Kind]:
    """The kinds of cases that this member of staff may see, by their names."""
    found = [
        Kind(model._meta.label_lower, str(capfirst(model._meta.verbose_name_plural)), page)
        for model, page in admin.site._registry.items()
        if isinstance(page, CaseAdmin) and page.has_view_permission(request)
    ]
    return sorted(found, key=lambda kind: kind.name)


def open_cases(
    request: HttpRequest, user: User, *, whose: str = MINE, kind: str = "", now: datetime
) -> list[Item]:
    """The open cases that are due, or assigned to `user`, the soonest first; at most `MOST`."""
    items = [
        item
        for one in kinds_for(request)
        if not kind or one.code == kind
        for item in _of_kind(one, request, user, whose, now)
    ]
    return sorted(items, key=_soonest)[:MOST]


def grouped(items: Iterable[Item]) -> list[tuple[str, str, list[Item]]]:
    """The list's groups with their items; groups without any are left out."""
    rows = list(items)
    parts = [(code, name, [i for i in rows if i.group == code]) for code, name in GROUPS]
    return [part for part in parts if part[2]]


def case_named(request: HttpRequest, key: str) -> Case | None:
    """The case that a form names by its kind and id, or None where this user may not see it."""
    code, _, pk = key.partition(":")
    page = next((kind.page for kind in kinds_for(request) if kind.code == code), None)
    try:
        wanted = UUID(pk)
    except ValueError:
        return None
    if page is None:
        return None
    found: Case | None = page.get_queryset(request).filter(pk=wanted).first()
    return found


def _of_kind(
    kind: Kind, request: HttpRequest, user: User, whose: str, now: datetime
) -> Iterator[Item]:
    rows: QuerySet[Any] = kind.page.get_queryset(request).filter(closed_at__isnull=True)
    if whose == MINE:
        rows = rows.filter(assignee=user)
    else:
        # What nobody must do by a date is listed for the one who has it, and for nobody else.
        rows = rows.filter(Q(due_at__isnull=False) | Q(assignee=user))
    if whose == NOBODYS:
        rows = rows.filter(assignee__isnull=True)
    rows = rows.select_related("assignee", *kind.page.list_select_related)
    for case in rows.order_by("due_at", "pk")[:MOST]:
        yield Item(
            case, str(capfirst(case._meta.verbose_name)), kind.page.url_of(case), _group(case, now)
        )


def _group(case: Case, now: datetime) -> str:
    if case.due_at is None:
        return "waits"
    if case.due_at < now:
        return "late"
    zone = ZoneInfo(settings.COMPANY_TIME_ZONE)
    if case.due_at.astimezone(zone).date() <= now.astimezone(zone).date():
        return "today"
    return "week" if case.due_at <= now + WEEK else "later"


def _soonest(item: Item) -> tuple[bool, float, str]:
    due = item.case.due_at
    return (due is None, due.timestamp() if due else 0.0, item.case.reference)
