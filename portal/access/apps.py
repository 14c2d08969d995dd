"""Access as a Django app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Second factors, lock-out and sessions of the staff."""

    name = "portal.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # They register receivers, what the outbox sends and what the start page shows.
        from portal.access import due, resets, signals  # noqa: F401
