"""The schedule's way in. The message carries nothing: the database says what is due."""

from celery import shared_task
from django.utils import timezone


@shared_task
def lapse_disputes() -> None:
    """Note the complaints that were not answered in time; destroy the words of what has ended."""
    from requests.disputes import sweep, words

    now = timezone.now()
    sweep.lapse_due(now)
    words.sweep(now)
