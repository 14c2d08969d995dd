"""Counting within bounds, so that a list of ten million rows opens as quickly as one of ten.

Measured: an exact count of ten million rows takes a second, and a page in the middle by OFFSET as long. Nobody
pages through that: whoever is looking for something narrows the list, so its count and its pages end at a bound.
"""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
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
