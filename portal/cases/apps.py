"""The cases' shared tables as a Django app."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """Correspondence and files of every kind of case."""

    name = "portal.cases"
    label = "cases"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import leftovers
        from portal.cases.models import CaseFile

        leftovers.register("cases", CaseFile)
