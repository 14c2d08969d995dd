"""Mail drops: planned, locked, merged, printed, mailed, in home (R35).

Invariants:
- Until `lock_at` the list can change; a list that was locked stays locked as of then, wherever the mailing
  is moved to, so that nobody who was promised to be left out is turned into somebody who was too late.
- From `lock_at` on a list is locked for every verb, whether or not the schedule has written that down yet.
- Whatever classifies drops hears of each change by `drop_changed`, within the transaction of the change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.dispatch import Signal

from clients.access import check_reach
from clients.controllers import Brand, Client, MailDrop, lock_time
from clients.recording import recorded
from clients.states import DROP_TABLE, PLANNERS
from clients.verbs import check_valid, lock_client
from portal import ledger
from portal.errors import Refused
from portal.history import save_signed
from portal.models import User
from portal.roles import check_role

drop_changed = Signal()
"""Sent with `drop`, `by` and `now`, in the transaction, after a drop was planned, moved or changed its state."""


def plan_drop(
    *,
    client: Client,
    name: str,
    mail_date: date,
    lead_days: int,
    by: User,
    now: datetime,
    brand: Brand | None = None,
    key_code: str = "",
    kill_file_deadline: datetime | None = None,
) -> MailDrop:
    """Plan a mailing. Lead and processing days together may not pass 181 (R35).

    A mailing that is already under way may be planned with a lock date that has passed.
    """
    drop = MailDrop(
        client=client,
        brand=brand,
        name=name,
        key_code=key_code,
        mail_date=mail_date,
        lead_days=lead_days,
        kill_file_deadline=kill_file_deadline,
    )
    with _drop_verb(drop, "plan", by=by, now=now):
        lock_client(client)
        _check_dates(drop, now)
        check_valid(drop)
        save_signed(drop, by=by, now=now, force_insert=True)
        _tell(drop, by=by, now=now)
    return drop


def move_drop(
    drop: MailDrop,
    *,
    mail_date: date,
    lead_days: int,
    kill_file_deadline: datetime | None = None,
    by: User,
    now: datetime,
) -> None:
    """Move a drop to another date; refused after mailing. Its lead days can change until it is locked."""
    with _transition(drop, "move", by=by, now=now) as locked:
        if locked.state != MailDrop.State.PLANNED and lead_days != locked.lead_days:
            raise Refused(
                "The list is locked already; only the mail date can change.", code="locked"
            )
        is_open = locked.state == MailDrop.State.PLANNED
        if not is_open:
            _check_last_call(locked, kill_file_deadline, now)
        locked.mail_date, locked.lead_days = mail_date, lead_days
        locked.kill_file_deadline = kill_file_deadline
        _check_dates(locked, now)
        if is_open and lock_of(locked) <= now:
            raise Refused(
                "With this date the list would have been locked already, and people who were promised "
                f"to be left out would get it. Choose a date at least {lead_days + 1} days ahead.",
                code="lock_passed",
            )
        check_valid(locked)


def lock_drop(drop: MailDrop, *, by: User, now: datetime) -> None:
    """Lock the list, once its lock date has come. The schedule does so by itself."""
    with _transition(drop, "lock", by=by, now=now) as locked:
        if locked.lock_at > now:
            raise Refused(
                f"The list stays open until {locked.lock_at:%Y-%m-%d %H:%M} UTC: whoever opts out "
                "before is left out. Move the drop to lock it earlier.",
                code="too_early",
            )


def merge_drop(drop: MailDrop, *, by: User, now: datetime) -> None:
    """Record that merge and purge were run."""
    with _transition(drop, "merge", by=by, now=now):
        pass


def print_drop(drop: MailDrop, *, by: User, now: datetime) -> None:
    """Record that the list went to the printer."""
    with _transition(drop, "print", by=by, now=now):
        pass


def mail_drop(drop: MailDrop, *, by: User, now: datetime) -> None:
    """Record that the catalogs were mailed; not before the planned date, by which tails are judged."""
    with _transition(drop, "mail", by=by, now=now) as locked:
        if locked.mail_date > _today(locked.client, now):
            raise Refused(
                "Its mail date is still to come. If it was mailed earlier, move it to today first.",
                code="too_early",
            )


def arrive_drop(drop: MailDrop, *, by: User, now: datetime) -> None:
    """Record that the catalogs are in the homes."""
    with _transition(drop, "arrive", by=by, now=now):
        pass


def cancel_drop(drop: MailDrop, *, by: User, now: datetime) -> None:
    """Cancel a drop that was not mailed."""
    with _transition(drop, "cancel", by=by, now=now):
        pass


def lock_due(now: datetime) -> int:
    """Lock every planned drop whose `lock_at` has passed. Returns how many; each leaves its leaf."""
    system = User.objects.system()
    with transaction.atomic():
        drops = list(
            MailDrop.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("client")
            .filter(state=MailDrop.State.PLANNED, lock_at__lte=now)
        )
        for drop in drops:
            drop.state = MailDrop.State.LOCKED
        MailDrop.objects.filter(pk__in=[drop.pk for drop in drops]).update(
            state=MailDrop.State.LOCKED
        )
        MailDrop.history.bulk_history_create(
            drops, update=True, default_user=system, default_date=now
        )
        for drop in drops:
            _leaf(drop, "lock", by=system, now=now)
            _tell(drop, by=system, now=now)
    return len(drops)


def state_of(drop: MailDrop, now: datetime) -> str:
    """The state that the drop is in by the clock."""
    is_locked = drop.state == MailDrop.State.PLANNED and drop.lock_at <= now
    return str(MailDrop.State.LOCKED if is_locked else drop.state)


def check_can_drop(drop: MailDrop, verb: str, by: User, now: datetime) -> None:
    """Raise Refused unless state, clock, role and reach permit `verb`."""
    permitted = DROP_TABLE.check(verb, drop.state if verb == "lock" else state_of(drop, now))
    check_role(by, *permitted.roles)
    check_reach(by, drop.client_id)


def lock_of(drop: MailDrop) -> datetime:
    """When the list of a planned drop is locked, by its dates as they stand."""
    return lock_time(drop.mail_date, drop.lead_days, drop.client.time_zone)


@contextmanager
def _transition(drop: MailDrop, verb: str, *, by: User, now: datetime) -> Iterator[MailDrop]:
    with _drop_verb(drop, verb, by=by, now=now):
        locked = (
            MailDrop.objects.select_for_update(of=("self",))
            .select_related("client")
            .get(pk=drop.pk)
        )
        if verb != "lock":
            _lock_by_clock(locked, now=now)
        target = DROP_TABLE.check(verb, locked.state).target
        yield locked
        locked.state = target or locked.state
        save_signed(locked, by=by, now=now)
        _tell(locked, by=by, now=now)
    for name in ("state", "mail_date", "lead_days", "lock_at", "kill_file_deadline"):
        setattr(drop, name, getattr(locked, name))


def _lock_by_clock(locked: MailDrop, *, now: datetime) -> None:
    """Write down that the lock date of a planned drop has come, as the schedule would have."""
    if state_of(locked, now) != locked.state:
        system = User.objects.system()
        locked.state = MailDrop.State.LOCKED
        save_signed(locked, by=system, now=now)
        _leaf(locked, "lock", by=system, now=now)
        _tell(locked, by=system, now=now)


@contextmanager
def _drop_verb(drop: MailDrop, verb: str, *, by: User, now: datetime) -> Iterator[None]:
    with recorded(
        f"drop.{verb}",
        by=by,
        now=now,
        client_id=drop.client_id,
        object_kind=drop._meta.label_lower,
        object_id=drop.pk,
    ):
        roles = DROP_TABLE.transitions[verb].roles if verb in DROP_TABLE.transitions else PLANNERS
        check_role(by, *roles)
        check_reach(by, drop.client_id)
        yield


def _leaf(drop: MailDrop, verb: str, *, by: User, now: datetime) -> None:
    ledger.record(
        verb=f"drop.{verb}",
        by=by,
        client_id=drop.client_id,
        object_kind=drop._meta.label_lower,
        object_id=drop.pk,
        now=now,
    )


def _tell(drop: MailDrop, *, by: User, now: datetime) -> None:
    drop_changed.send(sender=MailDrop, drop=drop, by=by, now=now)


def _today(client: Client, now: datetime) -> date:
    return now.astimezone(ZoneInfo(client.time_zone)).date()


def _check_last_call(locked: MailDrop, new: datetime | None, now: datetime) -> None:
    """Once the list is locked, its last call may be put off while it is still to come, and no more.

    Whoever opted out before it was promised to be left out; whoever did after it was too late.
    """
    old = locked.kill_file_deadline
    if new == old:
        return
    if old is not None and old <= now:
        raise Refused(
            "The printer's deadline has passed; names were taken out until then.",
            code="kill_passed",
        )
    if new is None or new <= now:
        raise Refused(
            "The list is locked, so the printer's deadline for taking names out must be still to come.",
            code="kill_not_ahead",
        )


def _check_dates(drop: MailDrop, now: datetime) -> None:
    if drop.mail_date < _today(drop.client, now):
        raise Refused("The mail date has passed.", code="mail_date_passed")
    deadline = drop.kill_file_deadline
    if deadline is None:
        return
    planned = drop.state == MailDrop.State.PLANNED
    if deadline < (lock_of(drop) if planned else drop.lock_at):
        raise Refused(
            "The printer's deadline for taking names out must come after the lock date.",
            code="kill_before_lock",
        )
    if deadline.astimezone(ZoneInfo(drop.client.time_zone)).date() > drop.mail_date:
        raise Refused(
            "The printer's deadline for taking names out must come before the mailing.",
            code="kill_after_mailing",
        )
