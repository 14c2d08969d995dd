"""Legal holds on the people of erasures, where several cases are about the same person (R36).

Invariants:
- A hold and the beginning of an erasure of the same client never run at the same time (`one_at_a_time`): the
  later one sees what the earlier has done.
- A person stays on hold until every case that put them on hold has released it.
- A hold that could no longer keep anything is refused, so that nobody relies on it.
"""

from uuid import UUID

from django.db import connection, models

from consumers.models import LegalHold
from portal.errors import Refused
from requests.erasures.models import Erasure, ErasureSubject
from requests.erasures.states import EXECUTION

_LOCK = 0x4C48
"""The first half of the advisory lock's number, so that it meets no other use of such locks."""


def one_at_a_time(client_id: UUID) -> None:
    """Wait for any other transaction that decides about holds of the client, then keep others waiting."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(client_id)])


def holds_on(erasure: Erasure) -> list[LegalHold]:
    """The legal holds in force on the erasure's people."""
    named = erasure.subjects.filter(match=ErasureSubject.Match.ONE).values("consumer_id")
    rows = LegalHold.objects.filter(
        client_id=erasure.client_id, released_at__isnull=True, consumer_id__in=named
    )
    return list(rows[:100])


def check_none(erasure: Erasure) -> None:
    """Raise Refused while somebody of the case is on hold."""
    if holds_on(erasure):
        raise Refused("A legal hold is in force on one of these people.", code="legal_hold")


def check_can_keep(erasure: Erasure) -> None:
    """Raise Refused where another case is erasing one of the people already."""
    other = (
        _others(erasure, EXECUTION).order_by("erasure__reference").select_related("erasure").first()
    )
    if other is not None:
        raise Refused(
            f"{other.erasure.reference} is erasing one of these people already. What has been destroyed "
            "cannot be kept: tell whoever asked for the hold.",
            code="being_erased",
        )


def held_by_others(erasure: Erasure) -> list[UUID]:
    """Those of the erasure's people whom another case keeps on hold."""
    ids = _others(erasure, ("on_hold",)).values_list("consumer_id", flat=True)
    return [pk for pk in ids if pk]


def _others(erasure: Erasure, states: tuple[str, ...]) -> "models.QuerySet[ErasureSubject]":
    mine = erasure.subjects.filter(match=ErasureSubject.Match.ONE).values("consumer_id")
    return ErasureSubject.objects.filter(
        client_id=erasure.client_id,
        match=ErasureSubject.Match.ONE,
        consumer_id__in=mine,
        erasure__state__in=states,
    ).exclude(erasure=erasure)
