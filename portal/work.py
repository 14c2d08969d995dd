"""Leased, fenced, resumable work: the database hands it out, and a message is a hint.

Invariants:
- A piece of work is held by the one who took the lease last; every lease has a higher token (fencing).
- What a holder writes, it writes under `fence`, which locks the row and refuses a token that was passed by,
  so that a worker that was paused and woke up again changes nothing.
- Progress is stored with the step that made it, so that a killed worker's successor goes on from there.
- A worker never learns a later token than its own: it follows what it has written, and reads no lease anew.
- Work that kills whoever takes it is given up like work that fails, because each lease counts as an attempt.
- A person's stop takes effect at the next fence or renewal; what a step has done by then is stored all the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import models, transaction
from django.db.models import F, Q

from portal.personal import plain

LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 8
PAUSES = (10, 30, 120, 600, 1800, 3600, 7200)


class LeaseLost(Exception):
    """Another worker holds this work now; whoever sees this stops without writing."""


class StopRequested(Exception):
    """A person asked for the work to be stopped."""


class WorkersDied(Exception):
    """As many workers as may try took this work and were never heard of again; trying is over."""


class LeasedWork(models.Model):
    """The columns of work that a worker claims. `work_due` is true while a worker should take it."""

    work_due = plain(models.BooleanField(default=False, editable=False))
    next_attempt_at = plain(models.DateTimeField(null=True, editable=False))
    lease_until = plain(models.DateTimeField(null=True, editable=False))
    lease_token = plain(models.BigIntegerField(default=0, editable=False))
    attempts = plain(models.PositiveSmallIntegerField(default=0, editable=False))
    stop_requested = plain(models.BooleanField(default=False, editable=False))
    progress_done = plain(models.BigIntegerField(default=0, editable=False))
    progress_total = plain(models.BigIntegerField(null=True, editable=False))
    last_fault = plain(models.CharField(max_length=80, blank=True, editable=False))

    class Meta:
        abstract = True

    @property
    def percent(self) -> int | None:
        """Progress in whole percent, or None where the total is not known."""
        if not self.progress_total:
            return None
        return min(100, 100 * self.progress_done // self.progress_total)


AnyWork = TypeVar("AnyWork", bound=LeasedWork)


def due(now: datetime) -> Q:
    """What a worker may take: due, not paused after a fault, and held by nobody."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    ready = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    return Q(work_due=True) & free & ready


def claim(model: type[AnyWork], now: datetime, *, pk: object = None) -> AnyWork | None:
    """Take the lease on one piece of due work (or on `pk` alone), or return None."""
    with transaction.atomic():
        found = model._default_manager.select_for_update(skip_locked=True, of=("self",)).filter(
            due(now)
        )
        if pk is not None:
            found = found.filter(pk=pk)
        work = found.order_by("next_attempt_at", "pk").first()
        if work is None:
            return None
        work.lease_token += 1
        work.attempts += 1
        work.lease_until = now + LEASE
        work.save(update_fields=["lease_token", "attempts", "lease_until"])
        return work


def check_attempts(work: LeasedWork) -> None:
    """Raise WorkersDied where all attempts were used up by workers that died without a word.

    Whoever claims work calls this before anything of it runs, and treats it as any other fault: `give_back`
    then ends the trying. A fault that is an exception was counted there already.
    """
    if work.attempts > MAX_ATTEMPTS:
        raise WorkersDied(str(work.pk))


def follow(work: AnyWork, locked: AnyWork) -> AnyWork:
    """Take over into `work` what was written under its fence.

    Not `refresh_from_db`: a worker that was paused after its commit would read, and so take, the lease of its
    successor.
    """
    for field in work._meta.concrete_fields:
        setattr(work, field.attname, getattr(locked, field.attname))
    return work


def given_up() -> Q:
    """What no worker takes any more, because it failed too often or may not go on; a person decides."""
    return Q(work_due=False, stop_requested=False) & ~Q(last_fault="")


def make_due(work: LeasedWork, now: datetime) -> None:
    """Let a worker take the locked `work` now, with all of its attempts; the caller stores it and hints."""
    work.work_due, work.next_attempt_at = True, now
    work.stop_requested, work.attempts, work.last_fault = False, 0, ""


def request_stop(work: LeasedWork) -> None:
    """Let whoever holds the locked `work` stop, and nobody else take it; the caller stores it."""
    work.work_due, work.stop_requested = False, True


@contextmanager
def fence(work: AnyWork, now: datetime, *, although_stopped: bool = False) -> Iterator[AnyWork]:
    """A transaction in which `work` is locked and surely ours; renews the lease.

    Yields the locked row; the caller changes and saves it. Raises LeaseLost or StopRequested. What cannot be
    undone any more is stored `although_stopped`: the stop takes effect at the next fence then.
    """
    with transaction.atomic():
        locked = type(work)._default_manager.select_for_update(of=("self",)).get(pk=work.pk)
        if locked.lease_token != work.lease_token:
            raise LeaseLost(str(work.pk))
        if locked.stop_requested and not although_stopped:
            raise StopRequested(str(work.pk))
        locked.lease_until = now + LEASE
        yield locked
        locked.save()


def renew(work: LeasedWork, now: datetime) -> None:
    """Prolong the lease in the middle of a long step. Raises LeaseLost or StopRequested."""
    ours = type(work)._default_manager.filter(pk=work.pk, lease_token=work.lease_token)
    if ours.filter(stop_requested=False).update(lease_until=now + LEASE):
        return
    raise StopRequested(str(work.pk)) if ours.exists() else LeaseLost(str(work.pk))


def give_back(work: LeasedWork, now: datetime, *, fault: str = "") -> bool:
    """Let go of the lease: after a fault with a growing pause. Returns False when it was the last attempt.

    `fault` is a short code such as an exception's class name, never its text.
    """
    over = bool(fault) and work.attempts >= MAX_ATTEMPTS
    # A step that was just completed has set the attempts back to 0; the fault is the first of the next one.
    nth = max(1, min(work.attempts, len(PAUSES)))
    pause = PAUSES[nth - 1] if fault else 0
    type(work)._default_manager.filter(pk=work.pk, lease_token=work.lease_token).update(
        lease_until=None,
        next_attempt_at=now + timedelta(seconds=pause),
        work_due=False if over else F("work_due"),
        last_fault=fault[:80],
    )
    return not over
