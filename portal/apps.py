"""The kernel as a Django app."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Registers the system checks and the roles."""

    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import checks  # noqa: F401  (registers the checks)
