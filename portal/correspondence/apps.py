"""Correspondence as a Django app."""

from django.apps import AppConfig


class CorrespondenceConfig(AppConfig):
    """Letters, e-mails and their templates."""

    name = "portal.correspondence"
    label = "correspondence"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import leftovers
        from portal.correspondence import (
            rawmail,
            sending,  # noqa: F401  (registers the outbox's handler)
            startpage,  # noqa: F401  (registers what is due)
        )
        from portal.correspondence.models import InboundMessage

        leftovers.register(rawmail.FOLDER, InboundMessage)
