"""After a restore of the main database: is it older than the erasures in the journal? (R41)

The main database keeps the number of the last journal entry that was carried out in it. A restored one
holds a lower number than the journal, and then the portal serves 503 until `manage.py replay_erasures`.
"""

import time

from django.db import DatabaseError

_CHECK_EVERY_SECONDS = 10.0
_state: dict[str, float | bool] = {"checked": 0.0, "pending": False}


def replay_pending() -> bool:
    """Whether erasures in the journal are missing from this database; asked at most every ten seconds."""
    elapsed = time.monotonic()
    if elapsed - float(_state["checked"]) > _CHECK_EVERY_SECONDS or not _state["checked"]:
        _state["pending"] = _journal_is_ahead()
        _state["checked"] = elapsed
    return bool(_state["pending"])


def forget() -> None:
    """Ask anew at the next request."""
    _state["checked"] = 0.0


def _journal_is_ahead() -> bool:
    from portal.vault import journal

    try:
        return journal.unreplayed() > 0
    except DatabaseError:
        return False
