"""The schedule's way in. The message carries nothing: the database says what is due."""

from celery import shared_task
from django.utils import timezone


@shared_task
def watch_deadlines() -> None:
    """Warn of opt-outs that are due soon."""
    from requests.optouts.deadlines import watch

    watch(timezone.now())
