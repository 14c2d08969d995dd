"""What an erasure waits for that happens without it."""

from datetime import timedelta
from typing import Final

from consumers.imports import source
from consumers.models import ImportJob
from portal.errors import Refused
from requests.erasures.models import Erasure

LOOK_AGAIN: Final = timedelta(hours=1)
WAITS: Final = {
    "recipient_open": "A recipient has not confirmed the erasure yet.",
    "import_open": "An import of this client that came before still keeps its file, which may name these people. "
    "Finish or cancel it.",
}
"""Codes of refusals after which the worker looks again and goes on by itself, with what the page says."""


def check_no_file_waits(erasure: Erasure) -> None:
    """Raise Refused while an import keeps a file that came before the erasure's rows were nullified.

    It is sealed under its import's own key, which opens it, and may hold these people until it is gone. Later
    files may name them too; their rows meet the tokens, and such a file goes with its import.
    """
    kept = ImportJob.objects.filter(
        client_id=erasure.client_id, sealed__isnull=False, logged_at__lte=erasure.state_at
    )
    # An import that has ended waits only for the outbox to remove its file: here it need not be waited for.
    for ended in kept.filter(closed_at__isnull=False):
        source.remove(ended)
    if kept.exists():
        raise Refused(WAITS["import_open"], code="import_open")
