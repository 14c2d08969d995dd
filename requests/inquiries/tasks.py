"""The schedule's way in. The message carries nothing: the database says what is due."""

from celery import shared_task
from django.utils import timezone


@shared_task
def sweep_inquiries() -> None:
    """Destroy the words of inquiries whose person is gone or whose time is over."""
    from requests.inquiries.public import forget_counts
    from requests.inquiries.words import sweep

    now = timezone.now()
    sweep(now)
    forget_counts(now)
