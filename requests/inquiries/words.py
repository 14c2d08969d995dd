"""When an inquiry's words end: with the last person whom it concerns, or 24 months after it closed (R47).

Invariants:
- The words of an inquiry that is still open are needed to answer it; they go when it ends.
- What stays are the facts of the log of requests: dates, nature, manner, outcome, ground (document 16).
- An inquiry that a dispute has taken on is evidence there; the room of disputes ends it (`empty`).
- Idempotent, and found in the database alone: a sweep takes up what an erasure or a restore left behind.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from consumers.models import Consumer
from portal.cases.models import CaseFile, CaseNote
from portal.cases.verbs import transition
from portal.clocks import add_months
from portal.correspondence.models import Letter
from portal.errors import Refused
from portal.models import User
from portal.retire import retire
from requests.inquiries.models import Inquiry, InquiryBranch
from requests.inquiries.states import DONE

KEPT_MONTHS = 24
BATCH = 200


def empty(inquiry: Inquiry, *, now: datetime, reason: str) -> None:
    """Destroy what was written, the thread, the letters and the files; the facts remain."""
    with transition(inquiry, "empty", by=User.objects.system(), now=now, reason=reason) as locked:
        retire(locked, "empty")
        _empty_branches(locked)


def sweep(now: datetime) -> int:
    """Destroy the words of every inquiry whose time has come. Returns of how many."""
    done = 0
    for inquiry, reason in list(_due(now)):
        try:
            empty(inquiry, now=now, reason=reason)
        except Refused:
            continue  # A letter of it is on its way, or somebody took it up again; the next sweep looks anew.
        done += 1
    return done


def _due(now: datetime) -> Iterator[tuple[Inquiry, str]]:
    over = _over()
    for inquiry in _of_the_erased(over).order_by("pk")[:BATCH]:
        yield inquiry, "person_erased"
    today = now.astimezone(ZoneInfo("UTC")).date()
    before = add_months(today, -KEPT_MONTHS)
    for inquiry in over.filter(closed_at__date__lt=before).order_by("closed_at")[:BATCH]:
        yield inquiry, "kept_long_enough"


def _over() -> "QuerySet[Inquiry]":
    """The inquiries that have ended with their words still there."""
    ended = [state for state in DONE if state != "linked_to_dispute"]
    return Inquiry.objects.filter(state__in=ended, sealed__isnull=False)


def _of_the_erased(rows: "QuerySet[Inquiry]") -> "QuerySet[Inquiry]":
    """Those with a branch of somebody who was erased, and with none of anybody who still exists."""
    of_inquiry = InquiryBranch.objects.filter(
        Q(inquiry=OuterRef("pk")) & Q(consumer_id__isnull=False)
    ).exclude(state="dropped")
    gone = Consumer.objects.filter(
        client_id=OuterRef("client_id"), pk=OuterRef("consumer_id"), state=Consumer.State.ERASED
    )
    erased = of_inquiry.filter(Exists(gone))
    living = of_inquiry.filter(~Exists(gone))
    return rows.filter(Exists(erased), ~Exists(living))


def after_erasure(client_id: UUID, consumer_ids: Sequence[UUID], now: datetime) -> None:
    """Look at once at the inquiries of people who were just erased; what is still open is left to its end."""
    concerned = InquiryBranch.objects.filter(
        client_id=client_id, consumer_id__in=list(consumer_ids)
    ).values("inquiry_id")
    for inquiry in _of_the_erased(_over().filter(pk__in=concerned)).order_by("pk"):
        try:
            empty(inquiry, now=now, reason="person_erased")
        except Refused:
            continue  # A letter of it is on its way; the sweep comes again.


def _empty_branches(inquiry: Inquiry) -> None:
    """What was handed off to clients of people who are nobody on file goes with the inquiry."""
    for branch in InquiryBranch.objects.filter(inquiry=inquiry):
        of_branch = {"client_id": branch.client_id, "case_id": branch.pk}
        for model in (CaseNote, CaseFile):
            model._default_manager.filter(**of_branch, sealed__isnull=False).update(sealed=None)
        sent = Letter.objects.filter(**of_branch, sealed__isnull=False)
        sent.exclude(state__in=Letter.ON_ITS_WAY).update(sealed=None)
