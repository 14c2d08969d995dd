"""What tests run of the mailbox in processes that can be killed (`tests.killing`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def fetch(message: dict[str, Any]) -> dict[str, int]:
    """Fetch from the mailbox as the scheduled task does."""
    from django.conf import settings

    from portal.correspondence import inbox

    settings.PRIVACY_IMAP_URL = message["url"]
    moment = datetime.fromisoformat(message["moment"])
    return inbox.fetch_due(lambda: moment)


VERBS = {"fetch": fetch}
