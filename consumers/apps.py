"""The Django app."""

from django.apps import AppConfig


class ConsumersConfig(AppConfig):
    """See the package's docstring."""

    name = "consumers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from consumers import startpage  # noqa: F401  (offers the pages of this room)
        from consumers.imports import runner  # noqa: F401  (handles the outbox)
        from consumers.imports.models import ImportJob
        from portal import leftovers

        leftovers.register("imports", ImportJob)
