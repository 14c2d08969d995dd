"""A member of staff with an authenticator app at hand."""

from datetime import datetime, timedelta

from django.utils import timezone

from portal.access import codes, verbs
from portal.access.models import Authenticator
from portal.models import User


def secret_of(user: User) -> bytes:
    return verbs.secret_of(Authenticator.objects.get(user=user))


def with_app(user: User, *, now: datetime | None = None) -> list[str]:
    """Set the app up, a while ago; the recovery codes."""
    before = (now or timezone.now()) - timedelta(minutes=5)
    secret = verbs.secret_of(verbs.begin_set_up(user, now=before))
    return verbs.confirm_set_up(user, codes.code_at(secret, codes.step_at(before)), now=before)


def code_of(user: User, *, now: datetime | None = None) -> str:
    """A code that is taken now, of an app that is set up where it is not yet."""
    at = now or timezone.now()
    if not verbs.has_authenticator(user):
        with_app(user, now=at)
    here, last = codes.step_at(at), Authenticator.objects.get(user=user).last_step
    if last > here:
        # Somebody else would wait for half a minute; a test does not.
        Authenticator.objects.filter(user=user).update(last_step=here - 1)
        last = here - 1
    return codes.code_at(secret_of(user), max(here, last + 1))
