"""The outbox: what must happen outside the database, sent after commit, at least once.

Invariants: a message is written in the transaction that decided it; a handler is given the object's id and
may run twice, so it is idempotent; a handler that fails is tried again with growing pauses and, failing for
good, stays in the outbox with its fault, where the start page shows it.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal.models import OutboxMessage
from portal.work import LeaseLost, check_attempts, claim, fence, give_back

Handler = Callable[[UUID, datetime], None]
_handlers: dict[str, Handler] = {}
log = logging.getLogger(__name__)


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Register what carries out messages of `kind`: a function of the object's id and the time."""

    def register(function: Handler) -> Handler:
        _handlers[kind] = function
        return function

    return register


def put(kind: str, object_id: UUID, *, now: datetime) -> OutboxMessage:
    """Write a message in the current transaction, and hint to the workers once it has committed."""
    message = OutboxMessage.objects.create(
        kind=kind, object_id=object_id, created_at=now, next_attempt_at=now, work_due=True
    )
    transaction.on_commit(hint)
    return message


def hint() -> None:
    """Tell the workers that there may be something to send. A lost hint only costs time."""
    from portal.tasks import hint_task, send_outbox

    hint_task(send_outbox)


def send_due(now: datetime, *, limit: int = 200) -> int:
    """Send what is due, oldest first. Returns how many messages were sent."""
    sent = 0
    for _ in range(limit):
        result = send_next(now)
        if result is None:
            break
        sent += result
    return sent


def send_next(now: datetime) -> bool | None:
    """Send the message that is due longest: whether it was sent, or None where none is due.

    A worker gives each message the time of its own: with that of the first, a slow mail server would
    let the leases of the later ones end before they begin, and another worker would send them too.
    """
    message = claim(OutboxMessage, now)
    return None if message is None else _send(message, now)


def _send(message: OutboxMessage, now: datetime) -> bool:
    try:
        check_attempts(message)
        _handlers[message.kind](message.object_id, now)
        with fence(message, now) as locked:
            locked.sent_at = now
            locked.work_due = False
            locked.last_fault = ""
    except LeaseLost:
        return False
    except Exception as fault:  # noqa: BLE001  (whatever a handler raises, the message is tried again)
        log.warning(
            "outbox %s of kind %s failed: %s", message.pk, message.kind, type(fault).__name__
        )
        give_back(message, now, fault=type(fault).__name__)
        return False
    return True
