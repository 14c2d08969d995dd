"""What the start page shows. Apps register what may be due and which pages of their own they have.

Invariants: every number is a link to the list behind it; every provider's query is bounded or answered by a
partial index, so that the start page does not slow down with the tables.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from portal.models import User
from portal.roles import has_role


@dataclass(frozen=True)
class Due:
    """One line of the start page. `urgency` is late, soon, waiting or fault, and orders the lines."""

    urgency: str
    label: str
    count: int
    url: str


@dataclass(frozen=True)
class StaffPage:
    """A page of its own that the menu offers to `roles`; the lowest `rank` comes first."""

    label: str
    route: str
    roles: Sequence[str]
    hint: str = ""
    rank: int = 1

    @property
    def url(self) -> str:
        return reverse(self.route)


Provider = Callable[[User, datetime], Iterable[Due]]
ORDER = ("late", "fault", "soon", "waiting")
_providers: list[Provider] = []
_pages: list[StaffPage] = []


def due_provider(function: Provider) -> Provider:
    """Register a function that yields what is due for a user; lines with a count of 0 are left out."""
    _providers.append(function)
    return function


def add_page(page: StaffPage) -> None:
    """Offer a page in the menu."""
    _pages.append(page)


def due_for(user: User, now: datetime) -> list[Due]:
    """What `user` must look at now, the most urgent first."""
    lines = [line for provider in _providers for line in provider(user, now) if line.count]
    return sorted(lines, key=lambda line: (ORDER.index(line.urgency), line.label))


def pages_for(user: User | AnonymousUser) -> list[StaffPage]:
    """The pages of their own that `user` may open, by rank and in the order in which they were offered."""
    offered = [page for page in _pages if has_role(user, *page.roles)]
    return sorted(offered, key=lambda page: page.rank)
