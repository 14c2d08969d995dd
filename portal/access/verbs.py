"""Second factors: setting one up, giving it, and what a session does with it.

Every verb writes its leaf in the transaction of its change. A code that is refused is counted (`lockout`) outside
of it, so that the count stays whatever follows.
"""

from datetime import datetime

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from portal import ledger
from portal.access import codes, gate, lockout
from portal.access.models import Authenticator, RecoveryCode
from portal.access.sessions import end_sessions, start_session
from portal.errors import Refused
from portal.house import ensure_house
from portal.models import User

WRONG = Refused(
    "This code was not taken. Wait for the next one in your app and type that; "
    "after several wrong ones, nothing is taken for 15 minutes.",
    code="wrong_code",
)
KIND = "portal.user"


def has_authenticator(user: User) -> bool:
    """Whether `user` has set up the second factor."""
    return Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists()


def secret_of(authenticator: Authenticator) -> bytes:
    """The secret, opened. It is shown to its owner while it is set up, and to nobody else."""
    return bytes.fromhex(str(authenticator.unseal_content()["secret"]))


def begin_set_up(user: User, *, now: datetime) -> Authenticator:
    """The authenticator that `user` is setting up; made at the first call, the same one until it is confirmed."""
    ensure_house()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        found = Authenticator.objects.select_for_update().filter(user=user).first()
        if found is not None and found.confirmed_at is not None:
            raise Refused("Your authenticator app is set up already.", code="set_up")
        if found is None or found.sealed is None:
            found = found or Authenticator(user=user, made_at=now)
            found.seal_content({"secret": codes.new_secret().hex()})
            found.save()
    return found


def confirm_set_up(user: User, code: str, *, now: datetime) -> list[str]:
    """Take the app's first code as the proof that it is set up. Returns the recovery codes, for this once."""
    counted = lockout.begin([lockout.of_codes(user.pk)], now=now)
    with transaction.atomic():
        pending = Authenticator.objects.select_for_update().filter(user=user).first()
        if pending is None or pending.confirmed_at is not None or not counted:
            raise WRONG
        step = codes.matching_step(secret_of(pending), code, after=pending.last_step, now=now)
        if step is None:
            raise WRONG
        pending.confirmed_at, pending.last_step = now, step
        pending.save()
        fresh = _new_recovery_codes(pending)
        _record("access.set_up", user, by=user, now=now)
    lockout.succeed(counted, lockout.of_codes(user.pk))
    return fresh


def _new_recovery_codes(authenticator: Authenticator) -> list[str]:
    fresh = codes.new_recovery_codes()
    authenticator.recovery.all().delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(
            authenticator=authenticator, digest=codes.recovery_digest(authenticator.pk, code)
        )
        for code in fresh
    )
    return fresh


def give_code(user: User, typed: str, *, now: datetime) -> None:
    """Take a code of the app or a recovery code of `user`; raises Refused where it is not taken."""
    subject = lockout.of_codes(user.pk)
    counted = lockout.begin([subject], now=now)
    if counted and _take(user, typed, now):
        lockout.succeed(counted, subject)
        return
    # What the lock turns away leaves no leaf each: the fifth that was counted says that it is locked.
    if counted:
        _record(
            "access.code",
            user,
            by=user,
            now=now,
            outcome="refused",
            reason="locked" if lockout.is_locked(subject, now=now) else "wrong_code",
        )
    raise WRONG


@transaction.atomic
def _take(user: User, typed: str, now: datetime) -> bool:
    found = Authenticator.objects.select_for_update().filter(user=user).first()
    if found is None or found.confirmed_at is None:
        return False
    step = codes.matching_step(secret_of(found), typed, after=found.last_step, now=now)
    if step is not None:
        found.last_step = step
        found.save(update_fields=["last_step"])
        return True
    digest = codes.recovery_digest(found.pk, typed)
    used = found.recovery.filter(digest=digest, used_at__isnull=True).update(used_at=now)
    if used:
        _record("access.recovery_code", user, by=user, now=now)
    return bool(used)


def let_in(session: SessionBase, user: User, *, now: datetime) -> None:
    """Mark the session as verified, under a key that nobody knew before; the oldest beyond the cap end."""
    again = gate.VERIFIED in session
    old_key = session.session_key
    session.cycle_key()
    gate.mark_verified(session, now=now)
    session.save()
    with transaction.atomic():
        start_session(user, session.session_key or "", replaces=old_key if again else None, now=now)
        _record("access.step_up" if again else "access.log_in", user, by=user, now=now)


def end_other_sessions(user: User, this: str | None, *, now: datetime) -> int:
    """End the sessions of `user` but the one with the key `this`. Returns how many."""
    with transaction.atomic():
        ended = end_sessions(user, but=this)
        _record("access.end_others", user, by=user, now=now, counts={"sessions": ended})
    return ended


def _record(
    verb: str,
    user: User,
    *,
    by: User,
    now: datetime,
    outcome: str = "done",
    reason: str = "",
    counts: dict[str, int] | None = None,
) -> None:
    ledger.record(
        verb=verb,
        by=by,
        object_kind=KIND,
        object_id=user.pk,
        outcome=outcome,
        reason=reason,
        counts=counts,
        now=now,
    )
