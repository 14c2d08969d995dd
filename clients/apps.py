"""The Django app."""

from django.apps import AppConfig


class ClientsConfig(AppConfig):
    """See the package's docstring."""

    name = "clients"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from clients import ending  # noqa: F401  (registers what the outbox sends)
        from clients.access import names_of_assigned, names_of_visible, within_reach

        # They register what the outbox sends and what the start page shows.
        from clients.instructions import due, notices  # noqa: F401
        from portal.access.review import Clients
        from portal.admin import PortalAdminSite

        # The kernel knows no client; this is how its lists learn which rows are whose.
        PortalAdminSite.within_reach = within_reach
        Clients.assigned, Clients.named = names_of_assigned, names_of_visible
