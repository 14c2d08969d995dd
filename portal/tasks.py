"""The kernel's scheduled tasks, and how a hint is given."""

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)
MOST_MESSAGES = 200
"""Sent by one task at most, so that the other short tasks have their turn."""


def hint_task(task: Any, *ids: str) -> None:
    """Ask a worker to look now rather than at the next tick. Without a broker the tick finds it."""
    try:
        task.apply_async(ids, retry=False, ignore_result=True)
    except OperationalError:
        log.warning("the broker is away; %s will be found by the schedule", task.name)


@shared_task
def send_outbox() -> None:
    """Send what the outbox holds."""
    from portal import outbox

    for _ in range(MOST_MESSAGES):
        if outbox.send_next(timezone.now()) is None:
            break


@shared_task
def seal_ledger() -> None:
    """Seal the leaves that are not yet under a checkpoint."""
    from portal import ledger

    ledger.seal(now=timezone.now())


@shared_task
def purge_access() -> None:
    """Forget sessions that are over and attempts to get in that are older than 30 days."""
    from portal.access import lockout, sessions

    sessions.purge_sessions(now=timezone.now())
    lockout.purge(now=timezone.now())


@shared_task
def shred_retired_keys() -> None:
    """Shred the keys of what cases held that have ended."""
    from portal import retire

    retire.shred_retired(timezone.now())


@shared_task
def sweep_files() -> None:
    """Remove the files that crashes have left without a row."""
    from portal import leftovers

    leftovers.sweep(timezone.now())


@shared_task
def long_roll_vault() -> None:
    """Finish what a crash cut off, and roll every root, so that keys shredded outside of erasures are gone."""
    from portal import vault

    vault.recover()
    for client in vault.status():
        if client.pages and not client.pending:
            try:
                vault.roll(client.client_id)
            except (vault.VaultError, OSError) as fault:
                # The others must not wait for this one: their shreds are not sealed until they roll.
                log.error("client %s was not rolled: %s", client.client_id, type(fault).__name__)
