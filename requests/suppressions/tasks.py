"""The schedule's way in. The message carries nothing: the database says what is due."""

from celery import shared_task
from django.utils import timezone


@shared_task
def advance_suppressions() -> None:
    """Close tails, and complete what is six months old."""
    from requests.suppressions.schedule import advance

    advance(timezone.now())
