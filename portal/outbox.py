"""The outbox: what must happen outside the database, sent after commit, at least once.

Invariants: a message is written in the transaction that decided it; a handler is given the object's id and
may run twice, so it is idempotent; a handler that fails is tried again with growing pauses and, failing for
good, stays in the outbox with its fault, where the start page shows it until somebody tries it again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from portal import ledger
from portal.errors import Refused
from portal.ledger.codes import code_of
from portal.models import OutboxMessage, User
from portal.roles import SECURITY_OFFICER, check_role
from portal.work import LeaseLost, check_attempts, claim, fence, give_back, make_due

Handler = Callable[[UUID, datetime], None]
FAILED: Final = Q(work_due=False, sent_at__isnull=True)
"""The messages that failed for good."""


@dataclass(frozen=True)
class Kind:
    """A kind of message: what it does in words, and the model of the object it is about ("requests.optout")."""

    says: str
    about: str


_handlers: dict[str, Handler] = {}
_kinds: dict[str, Kind] = {}
log = logging.getLogger(__name__)


def handler(kind: str, *, says: str, about: str) -> Callable[[Handler], Handler]:
    """Register what carries out messages of `kind`: a function of the object's id and the time.

    `says` is what it does and `about` the label of the object's model, for whoever looks at the outbox.
    """

    def register(function: Handler) -> Handler:
        _handlers[kind], _kinds[kind] = function, Kind(says, about)
        return function

    return register


def kind_of(message: OutboxMessage) -> Kind:
    """What kind of message it is; the bare code where nothing handles it any more."""
    return _kinds.get(message.kind, Kind(message.kind, ""))


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
        name = type(fault).__name__
        log.warning("outbox %s of kind %s failed: %s", message.pk, message.kind, name)
        if not give_back(message, now, fault=name):
            _record(message, "send", User.objects.system(), now, "failed", code_of(name))
        return False
    return True


def check_can_try_again(message: OutboxMessage, by: User) -> None:
    """Raise Refused unless the message failed for good and `by` answers for what leaves the portal."""
    check_role(by, SECURITY_OFFICER)
    if message.sent_at is not None:
        raise Refused("This message was sent.", code="sent")
    if message.work_due:
        raise Refused("This message has not been given up: it is tried by itself.", code="waiting")


def try_again(message: OutboxMessage, *, by: User, now: datetime) -> None:
    """Send a message that failed for good anew, with all of its attempts."""
    try:
        with transaction.atomic():
            locked = OutboxMessage.objects.select_for_update().get(pk=message.pk)
            check_can_try_again(locked, by)
            make_due(locked, now)
            locked.save()
            _record(locked, "try_again", by, now)
            transaction.on_commit(hint)
    except Refused as refusal:
        _record(message, "try_again", by, now, "refused", refusal.code)
        raise


def _record(
    message: OutboxMessage,
    verb: str,
    by: User,
    now: datetime,
    outcome: str = "done",
    reason: str = "",
) -> None:
    ledger.record(
        verb=f"outbox.{verb}",
        by=by,
        object_kind=message._meta.label_lower,
        object_id=message.pk,
        outcome=outcome,
        reason=reason,
        now=now,
    )
