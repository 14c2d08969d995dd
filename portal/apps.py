"""The kernel as a Django app."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class PortalConfig(AppConfig):
    """Registers the system checks and the roles."""

    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import (
            checks,  # noqa: F401  (registers the checks)
            restore,
        )
        from portal.vault import journal

        post_migrate.connect(make_roles, sender=self)
        journal.register_mark(restore.last_mark)
        connection_created.connect(restore.forget)


def make_roles(using: str, **kwargs: Any) -> None:
    """Make the groups that are the roles, after every migration; an existing one is left alone."""
    from django.contrib.auth.models import Group

    from portal.roles import ALL_ROLES

    if using == "default":
        for name in ALL_ROLES:
            Group.objects.get_or_create(name=name)
