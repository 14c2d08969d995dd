"""The watch over deadlines: whoever works on an opt-out is warned once, before it is late."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef

from portal import outbox
from portal.cases.verbs import record_verb
from portal.ledger.models import Leaf
from portal.models import User
from requests.optouts.models import OptOut

AHEAD: Final = timedelta(days=3)
"""How long before its deadline an open opt-out is warned of: a weekend and a day."""
UNANSWERED: Final = ("received", "suppressed")
"""The states in which the deadline still asks for something; what is confirmed has been answered."""
BATCH = 500
DUE_MESSAGE: Final = "optout.due"


def watch(now: datetime) -> int:
    """Warn of every unanswered opt-out that is due within `AHEAD` or late. Returns how many; each only once.

    The leaf of the warning is what remembers it. Rows that somebody holds are left to the next run.
    """
    warned, system = 0, User.objects.system()
    while batch := _warn_some(system, now):
        warned += batch
    return warned


def _warn_some(system: User, now: datetime) -> int:
    told = Leaf.objects.filter(object_id=OuterRef("pk"), verb=f"{OptOut.VERB_PREFIX}.warn")
    with transaction.atomic():
        rows = list(
            OptOut.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(
                ~Exists(told),
                closed_at__isnull=True,
                due_at__lte=now + AHEAD,
                state__in=UNANSWERED,
            )
            .order_by("due_at")[:BATCH]
        )
        for row in rows:
            outbox.put(DUE_MESSAGE, row.pk, now=now)
            record_verb(row, "warn", by=system, now=now)
    return len(rows)
