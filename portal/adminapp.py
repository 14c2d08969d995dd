"""The admin as an app whose default site is the portal's own."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """Makes `django.contrib.admin.site` the portal's site."""

    default_site = "portal.admin.PortalAdminSite"

    def ready(self) -> None:
        super().ready()
        # The kernel's own admin classes are not in a module that autodiscovery finds, because
        # `portal.admin` holds the base classes that every app imports.
        from portal import outboxadmin, staffadmin  # noqa: F401
