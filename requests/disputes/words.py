"""When a dispute's words end: with the person whom it concerns, or 24 months after it closed (R47).

Invariants:
- The words of a dispute that is still open are evidence of a legal claim and stay until it closes.
- What stays are the facts that the statistics count: dates, nature, steps, outcome, remedies.
- An inquiry that the dispute has taken on ends with it.
- Idempotent, and found in the database alone: a sweep takes up what an erasure or a restore left behind.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from consumers.models import Consumer
from portal.cases.verbs import transition
from portal.clocks import add_months
from portal.errors import Refused
from portal.models import User
from portal.retire import retire
from requests.disputes.models import Dispute, day_of
from requests.inquiries import words as inquiry_words
from requests.inquiries.models import Inquiry

KEPT_MONTHS: Final = 24
BATCH: Final = 200


def empty(case: Dispute, *, now: datetime, reason: str) -> None:
    """Destroy the complaint, the thread, the letters and the files of a closed dispute; the facts remain."""
    with transition(case, "empty", by=User.objects.system(), now=now, reason=reason) as locked:
        retire(locked, "empty")
    # Its inquiry was kept as evidence here; where its own sweep was first, there is nothing left to end.
    taken_on = Inquiry.objects.filter(dispute_id=case.pk, state="linked_to_dispute").first()
    if taken_on is not None:
        inquiry_words.empty(taken_on, now=now, reason=reason)


def sweep(now: datetime) -> int:
    """Destroy the words of every dispute whose time has come. Returns of how many."""
    return sum(_tried(case, now, reason) for case, reason in list(_due(now)))


def after_erasure(client_id: UUID, consumer_ids: Sequence[UUID], now: datetime) -> None:
    """Look at once at the closed disputes of people who were just erased."""
    concerned = _closed().filter(controller_id=client_id, consumer_id__in=list(consumer_ids))
    for case in _of_the_erased(concerned).order_by("pk"):
        _tried(case, now, "person_erased")


def _tried(case: Dispute, now: datetime, reason: str) -> bool:
    try:
        empty(case, now=now, reason=reason)
    except Refused:
        return False  # A letter of it is on its way, or it was opened again; the next sweep looks anew.
    return True


def _due(now: datetime) -> Iterator[tuple[Dispute, str]]:
    for case in _of_the_erased(_closed()).order_by("pk")[:BATCH]:
        yield case, "person_erased"
    before = add_months(day_of(now), -KEPT_MONTHS)
    for case in _closed().filter(closed_at__date__lt=before).order_by("closed_at")[:BATCH]:
        yield case, "kept_long_enough"


def _closed() -> "QuerySet[Dispute]":
    return Dispute.objects.filter(state="closed", sealed__isnull=False)


def _of_the_erased(rows: "QuerySet[Dispute]") -> "QuerySet[Dispute]":
    gone = Consumer.objects.filter(
        client_id=OuterRef("controller_id"),
        pk=OuterRef("consumer_id"),
        state=Consumer.State.ERASED,
    )
    return rows.filter(Exists(gone))
