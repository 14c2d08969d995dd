"""Roles are groups. Who may do what is asked here and nowhere else."""

from django.contrib.auth.models import AnonymousUser

from portal.errors import Refused
from portal.models import User

SECURITY_OFFICER = "Security Officer"
ACCOUNT_MANAGER = "Account manager"
DISPUTE_STAFF = "Dispute staff"
AUDITOR = "Auditor"
ADMINISTRATOR = "Administrator"
SYSTEM = "System"

ALL_ROLES = (SECURITY_OFFICER, ACCOUNT_MANAGER, DISPUTE_STAFF, AUDITOR, ADMINISTRATOR)
SEES_ALL_CLIENTS = (SECURITY_OFFICER, AUDITOR, ADMINISTRATOR)


def roles_of(user: User | AnonymousUser) -> frozenset[str]:
    """The roles of `user`, read anew for each request so that a change takes effect at the next one."""
    if not isinstance(user, User):
        return frozenset()
    if user.is_system:
        return frozenset({SYSTEM})
    if not user.is_active:
        return frozenset()
    cached: frozenset[str] | None = user.__dict__.get("_roles")
    if cached is None:
        cached = frozenset(user.groups.values_list("name", flat=True)) & frozenset(ALL_ROLES)
        user.__dict__["_roles"] = cached
    return cached


def has_role(user: User | AnonymousUser, *roles: str) -> bool:
    """Whether `user` has one of `roles`. Being a superuser grants nothing: roles do."""
    return not roles_of(user).isdisjoint(roles)


def check_role(user: User, *roles: str) -> None:
    """Raise Refused unless `user` has one of `roles`. Scheduled work (the system user) must be named too."""
    if not has_role(user, *roles):
        wanted = " or ".join(role for role in roles if role != SYSTEM)
        raise Refused(f"Only the {wanted} may do this.", code="role")


def role_name(user: User) -> str:
    """The roles of `user` as the ledger records them."""
    return ", ".join(sorted(roles_of(user))) or "none"
