"""Two ways to the same answer, measured by turns in one run."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

from django.db import connection
from django.test.utils import CaptureQueriesContext

ROUNDS = 5
Asked = TypeVar("Asked")
Way = Callable[[Asked], object]
"""Finds the answer to a question, and raises AssertionError where it is not the right one."""


class Measured(NamedTuple):
    """Milliseconds a question, round by round."""

    naive: list[float]
    ours: list[float]

    @property
    def ratios(self) -> list[float]:
        return [slow / fast for slow, fast in zip(self.naive, self.ours, strict=True)]

    def __str__(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        return (
            f"{median(self.naive):8.1f} ms naive, {median(self.ours):6.1f} ms ours: "
            f"{median(self.ratios):.1f} times as fast ({low:.1f} to {high:.1f})"
        )


def by_turns(
    naive: Way[Asked], ours: Way[Asked], questions: Sequence[Asked], *, rounds: int = ROUNDS
) -> Measured:
    """Ask the same questions both ways, `rounds` times by turns; each way is warmed up by one of them first."""
    naive(questions[0])
    ours(questions[0])
    measured = Measured([], [])
    for turn in range(rounds):
        pair = [(naive, measured.naive), (ours, measured.ours)]
        for way, times in pair if turn % 2 else reversed(pair):
            begun = time.perf_counter()
            for question in questions:
                way(question)
            times.append((time.perf_counter() - begun) / len(questions) * 1000)
    return measured


def plans_of(way: Callable[[], object]) -> list[str]:
    """How the database carries out each SELECT of `way`, in its own words."""
    with CaptureQueriesContext(connection) as captured:
        way()
    selects = [query["sql"] for query in captured if query["sql"].lstrip().startswith("SELECT")]
    with connection.cursor() as cursor:
        plans = []
        for statement in selects:
            cursor.execute(f"EXPLAIN {statement}")
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
    return plans


def execute(statement: str) -> None:
    """Run a statement of ours."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
