"""History says who changed a row and when as the verb says it, not as the request or the wall clock does.

The library asks the current request for the user and the clock for the time. A verb is also called by
tasks, imports and commands, which have no request, and its `now` is what its ledger leaf carries; so both
are handed over with the row.
"""

from datetime import datetime
from typing import Any

from django.db.models import Model

from portal.models import User


def save_signed(row: Model, *, by: User, now: datetime, **options: Any) -> None:
    """Save `row`; the entry in its history carries `by` and `now`. `options` are those of `Model.save`."""
    signature = {"_history_user": by, "_history_date": now}
    row.__dict__.update(signature)
    try:
        row.save(**options)
    finally:
        # A later change of the same object is signed by its own verb.
        for name in signature:
            row.__dict__.pop(name, None)
