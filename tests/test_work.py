"""Leases, fences and the outbox: who holds a piece of work, and what becomes of work that nobody survives."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from portal import outbox, tasks
from portal.ids import new_id
from portal.models import OutboxMessage
from portal.work import (
    LEASE,
    MAX_ATTEMPTS,
    LeaseLost,
    WorkersDied,
    check_attempts,
    claim,
    fence,
    follow,
    renew,
)

pytestmark = pytest.mark.django_db


def put(now: datetime, kind: str = "test.work") -> OutboxMessage:
    return outbox.put(kind, new_id(), now=now)


def taken(now: datetime) -> OutboxMessage:
    message = claim(OutboxMessage, now)
    assert message is not None
    return message


def test_nobody_else_gets_what_is_held_and_the_successor_passes_the_holder_by(
    now: datetime,
) -> None:
    put(now)
    first = taken(now)
    assert claim(OutboxMessage, now + LEASE) is None
    late = now + LEASE + timedelta(seconds=1)
    second = taken(late)
    assert second.lease_token == first.lease_token + 1
    with pytest.raises(LeaseLost):
        renew(first, late)
    with pytest.raises(LeaseLost), fence(first, late):
        pytest.fail("A worker that was passed by must not come this far.")


def test_a_worker_that_follows_its_own_write_does_not_take_its_successors_lease(
    now: datetime,
) -> None:
    put(now)
    first = taken(now)
    with fence(first, now) as locked:
        locked.progress_done = 7
    successor = taken(now + LEASE + timedelta(seconds=1))
    follow(first, locked)
    assert (first.progress_done, first.lease_token) == (7, successor.lease_token - 1)
    with pytest.raises(LeaseLost):
        renew(first, now)


def test_work_that_kills_every_worker_is_given_up_and_says_so(now: datetime) -> None:
    """A worker that was killed gives nothing back, so only the leases tell how often it was tried."""
    message = put(now, "test.deadly")
    for attempt in range(MAX_ATTEMPTS):
        check_attempts(taken(now + attempt * timedelta(hours=1)))
    with pytest.raises(WorkersDied):
        check_attempts(taken(now + timedelta(hours=MAX_ATTEMPTS)))
    assert outbox.send_due(now + timedelta(hours=MAX_ATTEMPTS + 1)) == 0
    message.refresh_from_db()
    assert (message.work_due, message.last_fault) == (False, "WorkersDied")


def test_messages_behind_a_slow_one_have_a_whole_lease_each(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the time of the first message the lease of the third would be over before it begins."""
    clock = [now]
    leases = []

    def slow(object_id: UUID, at: datetime) -> None:
        until = OutboxMessage.objects.get(object_id=object_id).lease_until
        leases.append(until and until - clock[0])
        clock[0] += timedelta(seconds=90)

    monkeypatch.setitem(outbox._handlers, "test.slow", slow)
    monkeypatch.setattr(timezone, "now", lambda: clock[0])
    for _ in range(3):
        put(now, "test.slow")
    tasks.send_outbox()
    assert leases == [LEASE] * 3
