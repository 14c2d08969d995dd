"""What time does to disputes: a complaint that was not answered on day 45 lapses on day 46 (R8)."""

from datetime import datetime

from portal.cases import timekeeping
from portal.cases.models import CaseClock
from portal.cases.verbs import transition
from portal.errors import Refused
from portal.models import User
from requests.disputes.models import Dispute


def lapse_due(now: datetime) -> int:
    """Note every direct complaint whose time has passed. Returns how many; who repeats it changes nothing."""
    overdue = CaseClock.objects.filter(
        kind=CaseClock.Kind.RESPONSE, due_at__lt=now, stopped_at__isnull=True
    )
    rows = Dispute.objects.filter(state="direct_open", pk__in=overdue.values("case_id"))
    return sum(_lapse(row, now) for row in rows.iterator(chunk_size=500))


def _lapse(row: Dispute, now: datetime) -> bool:
    try:
        with transition(row, "lapse", by=User.objects.system(), now=now) as locked:
            view = timekeeping.view(locked, CaseClock.Kind.RESPONSE)
            if view is None or not view.is_late(now):
                raise Refused("It is not late.", code="in_time")
    except Refused:
        return False  # answered since the list was read
    return True
