"""Counting within bounds, so that a list of ten million rows opens as quickly as one of ten.

Measured: an exact count of ten million rows takes a second, and a page in the middle by OFFSET as long. Nobody
pages through that: whoever is looking for something narrows the list, so its count and its pages end at a bound.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

BOUND = 10_000


class BoundedPaginator(Paginator[Any]):
    """A paginator whose count stops at `BOUND` rows; `is_bounded` says that there are more."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        # The order is of no use to a count and would make the database sort what it counts.
        return min(rows.order_by()[: BOUND + 1].count(), BOUND)

    @property
    def is_bounded(self) -> bool:
        return self.count >= BOUND


class NewestPaginator(BoundedPaginator):
    """The newest rows of a few clients among many, each client's from its own end of an index (client, -id).

    Such an index holds an order within one client only. Asked for several at once, the database would read all of
    their rows and sort them, or pass by everybody else's: with a million rows most of a second (measured).
    `clients` None is everybody, whom the primary key's index serves.
    """

    def __init__(self, *arguments: Any, clients: Sequence[UUID] | None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.clients = clients

    def page(self, number: int | str) -> Page[Any]:
        rows = self.object_list
        if not isinstance(rows, QuerySet) or not self.clients or not self.count:
            return super().page(number)
        number = self.validate_number(number)
        bottom = (number - 1) * self.per_page
        top = min(bottom + self.per_page, self.count)
        of_each = [
            rows.filter(client_id=pk).select_related(None).order_by("-id").values("id")[:top]
            for pk in self.clients
        ]
        one, *others = of_each
        newest = one.union(*others, all=True).order_by("-id") if others else one
        ids = [row["id"] for row in newest[bottom:top]]
        return Page(list(rows.filter(pk__in=ids).order_by("-id")), number, self)
