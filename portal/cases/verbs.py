"""How a verb changes a case: lock, check, change, record, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from portal import ledger
from portal.cases.models import Case
from portal.errors import Refused
from portal.history import save_signed
from portal.models import User
from portal.roles import SYSTEM, check_role

AnyCase = TypeVar("AnyCase", bound=Case)


@contextmanager
def transition(
    case: AnyCase,
    verb: str,
    *,
    by: User,
    now: datetime,
    to: str | None = None,
    counts: dict[str, int] | None = None,
    reason: str = "",
) -> Iterator[AnyCase]:
    """Run the body of `verb` on the locked case, then store it in the verb's target state and record it.

    The yielded case is the locked row; `case` itself is refreshed from it afterwards. `to` overrides the
    target where the table leaves it open. A refusal (of the table, the role or the body) rolls everything
    back and leaves a leaf that says so. Fill `counts` while the body runs to have them in the leaf.
    """
    try:
        with transaction.atomic():
            locked = type(case)._default_manager.select_for_update(of=("self",)).get(pk=case.pk)
            permitted = locked.TABLE.check(verb, locked.state)
            check_role(by, *permitted.roles, *((SYSTEM,) if SYSTEM in permitted.roles else ()))
            locked.check_reach(by)
            locked.check_clock(verb, now)
            yield locked
            locked.enter(to or permitted.target or locked.state, now)
            save_signed(locked, by=by, now=now)
            record_verb(locked, verb, by=by, now=now, counts=counts, reason=reason)
    except Refused as refusal:
        record_verb(case, verb, by=by, now=now, outcome="refused", reason=refusal.code)
        raise
    case.__dict__.update(
        {
            k: v
            for k, v in locked.__dict__.items()
            if k not in ("_state", "_prefetched_objects_cache")
        }
    )


def record_verb(
    case: Case,
    verb: str,
    *,
    by: User,
    now: datetime,
    outcome: str = "done",
    reason: str = "",
    counts: dict[str, int] | None = None,
) -> None:
    """Write the leaf of a verb on `case`."""
    ledger.record(
        verb=f"{case.VERB_PREFIX}.{verb}",
        by=by,
        client_id=case.client_id,
        object_kind=case._meta.label_lower,
        object_id=case.pk,
        outcome=outcome,
        reason=reason,
        counts=counts,
        now=now,
    )


def check_can(case: Case, verb: str, by: User, now: datetime) -> None:
    """Raise Refused unless state, role, reach and clock permit `verb`; used before a form is shown."""
    permitted = case.TABLE.check(verb, case.state)
    check_role(by, *permitted.roles)
    case.check_reach(by)
    case.check_clock(verb, now)


def can(case: Case, verb: str, by: User, now: datetime) -> bool:
    """`check_can` as an answer for a template."""
    try:
        check_can(case, verb, by, now)
    except Refused:
        return False
    return True
