"""The sessions of a member of staff: at most three, seen and ended by their owner."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.sessions.models import Session

from portal.access.gate import SEEN, moment_of
from portal.access.models import StaffSession
from portal.models import User

CAP: Final = 3


@dataclass(frozen=True)
class Shown:
    """A session as its owner sees it."""

    started_at: datetime
    seen_at: datetime | None
    is_this: bool


def start_session(user: User, key: str, *, replaces: str | None, now: datetime) -> None:
    """Remember a verified session; it takes the place of the one whose key it had before."""
    # Locked, so that two log-ins at once count each other.
    User.objects.select_for_update().get(pk=user.pk)
    started = now
    if replaces:
        before = StaffSession.objects.filter(session_key=replaces, user=user).first()
        started = before.started_at if before else now
        StaffSession.objects.filter(session_key=replaces).delete()
    StaffSession.objects.update_or_create(
        session_key=key, defaults={"user": user, "started_at": started}
    )
    living = _living(user, now)
    _end(living[: max(0, len(living) - CAP)])


def end_sessions(user: User, *, but: str | None = None) -> int:
    """End every session of `user` but the one with the key `but`. Returns how many were ended."""
    keys = StaffSession.objects.filter(user=user).exclude(session_key=but or "")
    return _end(list(keys.values_list("session_key", flat=True)))


def shown(user: User, this: str | None, *, now: datetime) -> list[Shown]:
    """The living sessions of `user`, the newest first."""
    rows = StaffSession.objects.filter(user=user).in_bulk(_living(user, now))
    stored = Session.objects.in_bulk(list(rows))
    found = [
        Shown(row.started_at, moment_of(stored[key].get_decoded(), SEEN), key == this)
        for key, row in rows.items()
        if key in stored
    ]
    return sorted(found, key=lambda one: one.started_at, reverse=True)


def purge_sessions(*, now: datetime) -> int:
    """Delete sessions that are over. Returns how many."""
    over = Session.objects.filter(expire_date__lt=now).delete()[0]
    living = Session.objects.values("session_key")
    StaffSession.objects.exclude(session_key__in=living).delete()
    return over


def _living(user: User, now: datetime) -> list[str]:
    """The keys of the sessions of `user` that are not over, the oldest first."""
    known = StaffSession.objects.filter(user=user).order_by("started_at")
    keys = list(known.values_list("session_key", flat=True))
    living = Session.objects.filter(session_key__in=keys, expire_date__gt=now)
    there = set(living.values_list("session_key", flat=True))
    return [key for key in keys if key in there]


def _end(keys: list[str]) -> int:
    StaffSession.objects.filter(session_key__in=keys).delete()
    ended: int = Session.objects.filter(session_key__in=keys).delete()[0]
    return ended
