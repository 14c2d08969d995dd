"""The scheduled tasks: each calls functions that tests call as well."""

from celery import shared_task
from django.utils import timezone


@shared_task
def fetch_mail() -> None:
    """Fetch from the privacy mailbox, and empty what was ignored long ago."""
    from portal.correspondence import inbox

    inbox.fetch_due(timezone.now)
    inbox.empty_ignored(timezone.now())
