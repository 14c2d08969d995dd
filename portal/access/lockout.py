"""Lock-out: too many wrong passwords or codes, and nothing is taken for a while.

Invariants:
- Kept is a keyed digest of the typed name or the source address, and the time: neither can be read back, and what
  somebody typed by mistake (a password as a user name) is not stored.
- An attempt is counted before it is tried, so that many at once do not get through.
- A name that does not exist is locked like one that does, and the answer is the same sentence.
- What is refused by the lock is not counted, so that it ends by itself however often somebody knocks.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from portal.access.models import Attempt
from portal.models import User

WINDOW: Final = timedelta(minutes=15)
KEPT: Final = timedelta(days=30)
PER_NAME: Final = 5
PER_SOURCE: Final = 50
Subject = tuple[bytes, int]


def of_name(typed: str) -> Subject:
    """The passwords tried for a user name."""
    return _digest("name", User.normalize_username(typed).casefold()), PER_NAME


def of_source(address: str) -> Subject:
    """The passwords tried from a network address."""
    return _digest("source", address), PER_SOURCE


def of_codes(user_id: UUID) -> Subject:
    """The second factors tried for a member of staff."""
    return _digest("code", str(user_id)), PER_NAME


def _digest(kind: str, value: str) -> bytes:
    key = hashlib.sha256(b"portal.access.lockout" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).digest()


def begin(subjects: Iterable[Subject], *, now: datetime) -> list[int]:
    """Count an attempt. Returns what was counted, for `succeed`; nothing where it may not be tried."""
    asked = list(subjects)
    if any(_recent(subject, now).count() >= limit for subject, limit in asked):
        return []
    made = [Attempt.objects.create(subject=subject, at=now).pk for subject, _ in asked]
    # Counted again with this one, because others may have been counted at the same moment.
    within = all(_recent(subject, now).count() <= limit for subject, limit in asked)
    return made if within else []


def succeed(counted: list[int], *forgotten: Subject) -> None:
    """An attempt that succeeded is not counted, and of `forgotten` the earlier ones are not either."""
    Attempt.objects.filter(pk__in=counted).delete()
    forget(*forgotten)


def is_locked(subject: Subject, *, now: datetime) -> bool:
    """Whether nothing is taken for `subject` now."""
    return _recent(subject[0], now).count() >= subject[1]


def forget(*subjects: Subject) -> int:
    """Begin to count anew, after a success or by an Administrator. Returns how many attempts were counted."""
    return Attempt.objects.filter(subject__in=[subject for subject, _ in subjects]).delete()[0]


def purge(*, now: datetime) -> int:
    """Delete what is older than 30 days. Returns how many."""
    return Attempt.objects.filter(at__lt=now - KEPT).delete()[0]


def _recent(subject: bytes, now: datetime) -> "QuerySet[Attempt]":
    return Attempt.objects.filter(subject=subject, at__gt=now - WINDOW)
