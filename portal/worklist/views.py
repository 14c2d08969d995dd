"""The page of the worklist, and assigning many cases at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from portal.admin import staff_user
from portal.cases.assigning import ASSIGNERS, assign
from portal.cases.models import Case
from portal.errors import Refused
from portal.models import User
from portal.roles import AUDITOR, has_role
from portal.staffpages import render_staff, staff_page
from portal.startpage import StaffPage, add_page
from portal.worklist.cases import (
    ALL,
    MINE,
    MOST,
    NOBODYS,
    case_named,
    grouped,
    kinds_for,
    open_cases,
)

READERS = (*ASSIGNERS, AUDITOR)
WHOSE: Final = ((MINE, "Mine"), (NOBODYS, "Nobody's"), (ALL, "Everybody's"))

add_page(StaffPage("Worklist", "worklist", READERS, "Every open case, the soonest first", rank=0))


@staff_page(*READERS)
def worklist(request: HttpRequest) -> HttpResponseBase:
    """Every open case that this member of staff may see, by when it is due."""
    user, now = staff_user(request), timezone.now()
    kinds = kinds_for(request)
    whose = _one_of(request.GET.get("whose", ""), [code for code, _ in WHOSE])
    kind = _one_of(request.GET.get("kind", ""), ["", *(one.code for one in kinds)])
    if request.method == "POST":
        return _assign_many(request, user, now, here=_address(whose, kind))
    items = open_cases(request, user, whose=whose, kind=kind, now=now)
    context = {
        "groups": grouped(items),
        "is_cut": len(items) == MOST,
        "most": MOST,
        "tabs": [(name, _address(code, kind), code == whose) for code, name in WHOSE],
        "kinds": kinds,
        "kind": kind,
        "whose": whose,
        "people": _people() if has_role(user, *ASSIGNERS) else [],
    }
    return render_staff(request, "worklist/worklist.html", context, title="Worklist")


def _assign_many(request: HttpRequest, user: User, now: datetime, *, here: str) -> HttpResponseBase:
    """Give the ticked cases to one person; each refusal is told, the others are given all the same."""
    chosen = request.POST.get("to", "")
    to = _people().filter(username=chosen).first()
    if to is None and chosen != "nobody":
        messages.error(request, "Choose to whom the cases are given.")
        return redirect(here)
    cases = [case_named(request, key) for key in request.POST.getlist("case")[:MOST]]
    given = _assign(request, [case for case in cases if case is not None], to, user, now)
    if given:
        name = str(to) if to else "nobody"
        messages.success(request, f"{given} case{'' if given == 1 else 's'} given to {name}.")
    elif not cases:
        messages.error(request, "Tick the cases first.")
    return redirect(here)


def _assign(
    request: HttpRequest, cases: Iterable[Case], to: User | None, by: User, now: datetime
) -> int:
    given = 0
    for case in cases:
        try:
            assign(case, to=to, by=by, now=now)
        except Refused as refusal:
            messages.error(request, refusal.sentence)
        else:
            given += 1
    return given


def _people() -> "QuerySet[User]":
    """Whoever could work on a case; the verb says on which."""
    return (
        User.objects.filter(is_active=True, is_system=False, groups__name__in=ASSIGNERS)
        .distinct()
        .order_by("first_name", "last_name", "username")
    )


def _one_of(given: str, known: list[str]) -> str:
    return given if given in known else known[0]


def _address(whose: str, kind: str) -> str:
    return f"{reverse('worklist')}?{urlencode({'whose': whose, 'kind': kind})}"
