"""The scheduled tasks: each calls one function that tests call as well."""

from celery import shared_task
from django.utils import timezone


@shared_task
def long_run_imports() -> None:
    """Run the imports that are due."""
    from consumers.imports.runner import run_due

    run_due(timezone.now)
