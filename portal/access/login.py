"""The log-in form: the password, locked after too many wrong ones.

Invariant: whoever is locked, unknown, without a role or wrong is told the same sentence, and nothing that was typed
is stored or written down.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from portal import ledger
from portal.access import lockout
from portal.models import User
from portal.roles import ALL_ROLES, has_role


class RoleAuthenticationForm(AuthenticationForm):
    """Whoever has no role is told the same as whoever has the wrong password."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not has_role(user, *ALL_ROLES):
            raise self.get_invalid_login_error()

    def clean(self) -> dict[str, Any]:
        name, now = self.cleaned_data.get("username"), timezone.now()
        if not name or not self.cleaned_data.get("password"):
            return super().clean()
        subject = lockout.of_name(name)
        subjects = [subject]
        if source := source_of(self.request):
            subjects.append(lockout.of_source(source))
        counted = lockout.begin(subjects, now=now)
        if not counted:
            raise self.get_invalid_login_error()
        try:
            cleaned = super().clean()
        except ValidationError:
            _record_refusal(name, is_locked=lockout.is_locked(subject, now=now))
            raise
        lockout.succeed(counted, subject)
        return cleaned


def _record_refusal(name: str, *, is_locked: bool) -> None:
    """A leaf that names the member of staff whose name was typed, if there is one, and never what was typed."""
    user = User.objects.filter(username=User.normalize_username(name), is_system=False).first()
    ledger.record(
        verb="access.log_in",
        by=User.objects.system(),
        object_kind="portal.user" if user else "",
        object_id=user.pk if user else None,
        outcome="refused",
        reason="locked" if is_locked else "wrong_password",
        now=timezone.now(),
    )


def source_of(request: HttpRequest | None) -> str:
    """The network address that asks: behind a proxy, the one that the proxy itself has added."""
    if request is None:
        return ""
    if settings.SECURE_PROXY_SSL_HEADER:
        return str(request.headers.get("X-Forwarded-For", "")).rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))
