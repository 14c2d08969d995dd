"""Who works on a case: given to a member of staff, or to nobody."""

from datetime import datetime

from django.db import transaction

from portal.cases.models import Case
from portal.cases.verbs import record_verb
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, DISPUTE_STAFF, SECURITY_OFFICER, check_role, roles_of

ASSIGNERS = (SECURITY_OFFICER, ACCOUNT_MANAGER, DISPUTE_STAFF)


def check_can_work(case: Case, user: User) -> None:
    """Raise Refused where `user` could do nothing about this kind of case, or may not see this client's."""
    doing = {role for one in case.TABLE.transitions.values() for role in one.roles}
    if not user.is_active or roles_of(user).isdisjoint(doing):
        raise Refused(f"{user} can do nothing about {case.reference}: choose another.", code="role")
    try:
        case.check_reach(user)
    except Refused:
        raise Refused(
            f"{user} does not look after the client of {case.reference}: choose another.",
            code="reach",
        ) from None


def assign(case: Case, *, to: User | None, by: User, now: datetime) -> None:
    """Give an open case to `to`, or to nobody. Raises Refused; giving it to who has it already does nothing."""
    check_role(by, *ASSIGNERS)
    case.check_reach(by)
    with transaction.atomic():
        locked = type(case)._default_manager.select_for_update(of=("self",)).get(pk=case.pk)
        if not locked.is_open:
            raise Refused(f"{locked.reference} is closed.", code="closed")
        if to is not None:
            check_can_work(locked, to)
        if locked.assignee_id == (to.pk if to else None):
            return
        locked.assignee = to
        locked.save(update_fields=["assignee"])
        record_verb(locked, "assign" if to else "unassign", by=by, now=now)
    case.assignee = to
