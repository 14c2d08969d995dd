"""The worker's way in. The message carries nothing: the database says what is due."""

from celery import shared_task
from django.utils import timezone


@shared_task
def long_run_erasures() -> None:
    """Carry out the erasures that are due."""
    from requests.erasures.execution import run_due

    run_due(timezone.now)
