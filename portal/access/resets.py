"""Lost devices and locks: how somebody who cannot get in gets in again.

Invariants:
- A second factor is reset by two people: an Administrator asks, a Security Officer who is neither the asker nor
  the person confirms. The person and every Security Officer are told of both.
- After a reset nothing of the old device opens anything: its secret and recovery codes are replaced, every session ends.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from portal import ledger, outbox
from portal.access import lockout
from portal.access.models import Authenticator, DeviceReset
from portal.access.sessions import end_sessions
from portal.errors import Refused
from portal.models import User
from portal.roles import ADMINISTRATOR, SECURITY_OFFICER, check_role

ASKED_MESSAGE = "access.reset_asked"
DECIDED_MESSAGE = "access.reset_decided"


def check_can_ask(user: User, by: User) -> None:
    """Raise Refused unless `by` may ask for the reset of the second factor of `user`."""
    check_role(by, ADMINISTRATOR)
    if user.pk == by.pk:
        raise Refused(
            "Nobody resets their own second factor. Ask another Administrator.", code="own"
        )
    if not Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists():
        raise Refused(
            "There is no second factor to reset: it is set up at the next log-in.", code="none"
        )
    if DeviceReset.objects.filter(user=user, decided_at__isnull=True).exists():
        raise Refused("A reset was asked for already. A Security Officer decides it.", code="asked")


def ask(user: User, *, by: User, now: datetime) -> DeviceReset:
    """Ask for the reset of the second factor of `user`, who has lost the device."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        check_can_ask(user, by)
        reset = DeviceReset.objects.create(user=user, asked_at=now, asked_by=by)
        _record("access.ask_reset", user, by=by, now=now)
        outbox.put(ASKED_MESSAGE, reset.pk, now=now)
    return reset


def check_can_decide(reset: DeviceReset, by: User) -> None:
    """Raise Refused unless `by` may confirm or refuse the reset: four eyes."""
    check_role(by, SECURITY_OFFICER)
    if reset.decided_at is not None:
        raise Refused("This was decided already.", code="decided")
    if by.pk in (reset.asked_by_id, reset.user_id):
        raise Refused(
            "Another Security Officer decides this: you asked for it, or it is your own.",
            code="four_eyes",
        )


def decide(reset: DeviceReset, *, confirm: bool, by: User, now: datetime) -> None:
    """Confirm or refuse a reset. Confirmed, the person sets a new device up at the next log-in."""
    with transaction.atomic():
        locked = DeviceReset.objects.select_for_update().get(pk=reset.pk)
        check_can_decide(locked, by)
        locked.decided_at, locked.decided_by, locked.is_confirmed = now, by, confirm
        locked.save()
        if confirm:
            _forget_device(locked.user)
        verb = "access.confirm_reset" if confirm else "access.refuse_reset"
        _record(verb, locked.user, by=by, now=now)
        outbox.put(DECIDED_MESSAGE, locked.pk, now=now)


def _forget_device(user: User) -> None:
    found = Authenticator.objects.select_for_update().get(user=user)
    found.recovery.all().delete()
    # A new secret is drawn when the person comes to set it up.
    found.sealed, found.confirmed_at = None, None
    found.save()
    end_sessions(user)
    lockout.forget(lockout.of_codes(user.pk))


def unlock(user: User, *, by: User, now: datetime) -> None:
    """Begin to count the wrong passwords and codes of `user` anew."""
    with transaction.atomic():
        check_role(by, ADMINISTRATOR)
        if user.pk == by.pk:
            raise Refused("Nobody unlocks themselves. Ask another Administrator.", code="own")
        lockout.forget(lockout.of_name(user.get_username()), lockout.of_codes(user.pk))
        _record("access.unlock", user, by=by, now=now)


def is_locked(user: User, *, now: datetime) -> bool:
    """Whether no password or no code of `user` is taken now."""
    subjects = (lockout.of_name(user.get_username()), lockout.of_codes(user.pk))
    return any(lockout.is_locked(subject, now=now) for subject in subjects)


@outbox.handler(
    ASKED_MESSAGE,
    says="Tell that the reset of a second factor was asked for",
    about="access.devicereset",
)
def tell_asked(reset_id: UUID, now: datetime) -> None:
    """Tell the person and the Security Officers, of whom one decides."""
    _tell(reset_id, "The reset of a second factor was asked for")


@outbox.handler(
    DECIDED_MESSAGE,
    says="Tell how the reset of a second factor was decided",
    about="access.devicereset",
)
def tell_decided(reset_id: UUID, now: datetime) -> None:
    """Tell the person and the Security Officers what was decided."""
    _tell(reset_id, "The reset of a second factor was decided")


def _tell(reset_id: UUID, subject: str) -> None:
    reset = DeviceReset.objects.select_related("user").get(pk=reset_id)
    officers = User.objects.filter(is_active=True, groups__name=SECURITY_OFFICER)
    text = render_to_string(
        "staff/mail/device_reset.txt", {"reset": reset, "company": settings.COMPANY_NAME}
    )
    addresses = [one.email for one in (reset.user, *officers.order_by("username")) if one.email]
    for address in dict.fromkeys(addresses):
        EmailMessage(subject, text, to=[address]).send()


def _record(verb: str, user: User, *, by: User, now: datetime) -> None:
    ledger.record(verb=verb, by=by, object_kind="portal.user", object_id=user.pk, now=now)
