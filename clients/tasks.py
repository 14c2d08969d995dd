"""The scheduled tasks: each calls one function that tests call as well."""

from celery import shared_task
from django.utils import timezone


@shared_task
def expire_instructions() -> None:
    """Expire instructions whose time is over."""
    from clients.instructions.verbs import expire

    expire(timezone.now())


@shared_task
def lock_drops() -> None:
    """Lock the lists of mail drops whose lock date has come."""
    from clients.drops import lock_due

    lock_due(timezone.now())
