"""The ledger as a Django app."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Leaves, checkpoints and their guards in the database."""

    name = "portal.ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"
