"""What happens when somebody logs out."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from portal import ledger
from portal.access.gate import VERIFIED
from portal.access.models import StaffSession
from portal.models import User


@receiver(user_logged_out)
def logged_out(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Forget the session and leave a leaf, where somebody was in."""
    key = request.session.session_key
    if not isinstance(user, User) or key is None or VERIFIED not in request.session:
        return
    StaffSession.objects.filter(session_key=key).delete()
    ledger.record(
        verb="access.log_out",
        by=user,
        object_kind="portal.user",
        object_id=user.pk,
        now=timezone.now(),
    )
