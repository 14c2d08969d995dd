"""Members of staff: what an Administrator changes of them, and who hears of it.

Invariants:
- Each change leaves a leaf that says which roles were given and taken, not only that something was changed.
- Nobody changes their own roles, or whether they may log in themselves.
- Who becomes or ceases to be a Security Officer, and whose password somebody else has set, is told by e-mail
  to that person and to every Security Officer: an Administrator cannot become one of them unseen.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from portal import ledger, outbox
from portal.access.sessions import end_sessions
from portal.errors import Refused
from portal.models import User
from portal.roles import ADMINISTRATOR, SECURITY_OFFICER, check_role, roles_of

ROLES_MESSAGE = "staff.roles"
PASSWORD_MESSAGE = "staff.password"  # noqa: S105  (the name of a message)
KIND = "portal.user"


def record_staff(
    user: User,
    *,
    is_new: bool,
    before: Collection[str],
    after: Collection[str],
    switched: bool,
    by: User,
    now: datetime,
) -> None:
    """Record that `user` was added or changed, from the roles `before` to those `after`; the caller stores it.

    `switched` says that it was changed whether they may log in. Call it in the transaction of the change.
    """
    check_role(by, ADMINISTRATOR)
    gave, took = set(after) - set(before), set(before) - set(after)
    if user.pk == by.pk and (gave or took or switched):
        raise Refused(
            "Nobody changes their own roles or access. Ask another Administrator.", code="own_roles"
        )
    counts = {f"gave.{_code(role)}": 1 for role in gave} | {
        f"took.{_code(role)}": 1 for role in took
    }
    if switched:
        counts["let_in" if user.is_active else "shut_out"] = 1
    if not user.is_active:
        end_sessions(user)
    _record("staff.add" if is_new else "staff.change", user, counts, by=by, now=now)
    if SECURITY_OFFICER in gave | took:
        outbox.put(ROLES_MESSAGE, user.pk, now=now)


def record_password(user: User, *, by: User, this: str | None = None, now: datetime) -> None:
    """Record that `by` has set the password of `user`, in the transaction that stores it.

    Their sessions end, but for the one with the key `this` in which they change it themselves.
    """
    end_sessions(user, but=this)
    if user.pk == by.pk:
        _record("staff.change_password", user, {}, by=by, now=now)
        return
    _record("staff.set_password", user, {}, by=by, now=now)
    outbox.put(PASSWORD_MESSAGE, user.pk, now=now)


def _code(role: str) -> str:
    return role.lower().replace(" ", "_")


def _record(verb: str, user: User, counts: dict[str, int], *, by: User, now: datetime) -> None:
    ledger.record(verb=verb, by=by, object_kind=KIND, object_id=user.pk, counts=counts, now=now)


@outbox.handler(ROLES_MESSAGE, says="Tell the officers of a change of roles", about="portal.user")
def tell_roles(user_id: UUID, now: datetime) -> None:
    """Tell the officers and the person that somebody is one of them now, or is no longer."""
    _tell(user_id, "roles", "Security Officers have changed")


@outbox.handler(
    PASSWORD_MESSAGE, says="Tell the officers that a password was set", about="portal.user"
)
def tell_password(user_id: UUID, now: datetime) -> None:
    """Tell the officers and the person that an Administrator has set the person's password."""
    _tell(user_id, "password", "A password was set by an Administrator")


def _tell(user_id: UUID, notice: str, subject: str) -> None:
    user = User.objects.get(pk=user_id)
    officers = User.objects.filter(is_active=True, groups__name=SECURITY_OFFICER)
    text = render_to_string(
        f"staff/mail/{notice}.txt",
        {
            "user": user,
            "is_officer": SECURITY_OFFICER in roles_of(user),
            "company": settings.COMPANY_NAME,
        },
    )
    addresses = [one.email for one in (user, *officers.order_by("username")) if one.email]
    for address in dict.fromkeys(addresses):
        EmailMessage(subject, text, to=[address]).send()
