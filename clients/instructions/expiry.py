"""The schedule's expiry of instructions: one UPDATE, their history and their leaves, in one transaction."""

from datetime import datetime

from django.db import transaction

from clients.instructions.models import Instruction
from portal.cases.verbs import record_verb
from portal.models import User


def expire_due(now: datetime) -> int:
    """Expire every instruction whose time is over. Rows that somebody holds are left to the next run."""
    expirable = Instruction.TABLE.transitions["expire"].sources
    system = User.objects.system()
    with transaction.atomic():
        rows = list(
            Instruction.objects.select_for_update(skip_locked=True, of=("self",)).filter(
                state__in=expirable, effective_until__lte=now
            )
        )
        for row in rows:
            row.enter("expired", now)
        Instruction.objects.filter(pk__in=[row.pk for row in rows]).update(
            state="expired", state_at=now, closed_at=now
        )
        Instruction.history.bulk_history_create(
            rows, update=True, default_user=system, default_date=now
        )
        for row in rows:
            record_verb(row, "expire", by=system, now=now)
    return len(rows)
