"""The Django app."""

from django.apps import AppConfig


class ClientsConfig(AppConfig):
    """See the package's docstring."""

    name = "clients"
    default_auto_field = "django.db.models.BigAutoField"
