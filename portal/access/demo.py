"""The demo's authenticators, so that a newcomer needs no telephone. Only the demo's commands call this."""

from datetime import datetime

from django.conf import settings

from portal.access import codes, verbs
from portal.access.models import Authenticator
from portal.models import User


def load_authenticator(user: User, *, now: datetime) -> None:
    """Set up the authenticator of one of the cast by the real verbs, as its owner would. Idempotent."""
    if settings.DEMO and not verbs.has_authenticator(user):
        secret = verbs.secret_of(verbs.begin_set_up(user, now=now))
        # The code before: the one of now is still to be typed by whoever logs in at once.
        verbs.confirm_set_up(user, codes.code_at(secret, codes.step_at(now) - 1), now=now)


def next_code(user: User, *, now: datetime) -> str:
    """The code that `user` of the demo types now, or "" where none is taken at this moment."""
    found = Authenticator.objects.filter(user=user, confirmed_at__isnull=False).first()
    if not settings.DEMO or found is None:
        return ""
    step = max(codes.step_at(now), found.last_step + 1)
    late = step > codes.step_at(now) + codes.TOLERANCE
    return "" if late else codes.code_at(verbs.secret_of(found), step)
