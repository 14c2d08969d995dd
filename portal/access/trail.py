"""Searching the audit trail: the leaves of the ledger by who, what, when and whose.

Invariant: a page is found by an index whatever is asked, newest first, and continued from the last row shown (its time
and number), so that the thousandth page costs what the first did.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db.models import Q, QuerySet

from portal.cases.models import Case
from portal.ledger.models import Leaf

PAGE: Final = 50
EXPORT: Final = 100_000
"""The most rows of one file; a narrower search gives the rest."""


@dataclass(frozen=True)
class Question:
    """What is asked for. Empty fields ask for everything."""

    actor: UUID | None = None
    verb: str = ""
    outcome: str = ""
    reference: str = ""
    client: UUID | None = None
    begin: datetime | None = None
    end: datetime | None = None


def search(asked: Question) -> "QuerySet[Leaf]":
    """The leaves that were asked for, the newest first."""
    rows = Leaf.objects.order_by("-at", "-id")
    exact: dict[str, Any] = {
        "actor_id": asked.actor,
        "client_id": asked.client,
        "outcome": asked.outcome,
        "at__gte": asked.begin,
        "at__lt": asked.end,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if asked.verb:
        # "erasure.approve" is a verb, "erasure" all verbs of a kind.
        rows = (
            rows.filter(verb=asked.verb)
            if "." in asked.verb
            else rows.filter(verb__startswith=f"{asked.verb}.")
        )
    if asked.reference:
        rows = rows.filter(object_id__in=_cases(asked.reference))
    return rows


def _cases(reference: str) -> list[UUID]:
    """The ids of the cases of any kind that have this reference."""
    kinds = [model for model in apps.get_models() if issubclass(model, Case)]
    return [
        pk
        for model in kinds
        for pk in model._default_manager.filter(reference=reference.upper()).values_list(
            "pk", flat=True
        )
    ]


def page(asked: Question, after: str = "") -> "tuple[list[Leaf], str]":
    """One page, and the mark that continues it, or "" at the end. A mark that is none begins anew."""
    rows = search(asked).select_related("actor")
    if place := _place(after):
        at, pk = place
        rows = rows.filter(at__lte=at).filter(Q(at__lt=at) | Q(id__lt=pk))
    found = list(rows[: PAGE + 1])
    more = len(found) > PAGE
    shown = found[:PAGE]
    return shown, f"{shown[-1].at.isoformat()}_{shown[-1].pk}" if more else ""


def _place(mark: str) -> tuple[datetime, int] | None:
    at, _, pk = mark.partition("_")
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (found, int(pk)) if found.tzinfo and pk.isdecimal() and len(pk) < 19 else None


HEAD: Final = (
    "Number", "Time", "Who", "Role", "Verb", "Outcome", "Reason", "Object kind", "Object", "Client",
    "Counts",
)  # fmt: skip


def csv_rows(asked: Question) -> Iterator[list[str]]:
    """The leaves as rows of text, at most `EXPORT` of them."""
    for leaf in search(asked).select_related("actor")[:EXPORT].iterator(chunk_size=2000):
        yield [
            str(leaf.pk),
            leaf.at.isoformat(),
            leaf.actor.get_username(),
            leaf.role,
            leaf.verb,
            leaf.outcome,
            leaf.reason,
            leaf.object_kind,
            str(leaf.object_id or ""),
            str(leaf.client_id or ""),
            "; ".join(f"{name}={number}" for name, number in sorted(leaf.counts.items())),
        ]
