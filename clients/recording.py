"""How a verb on something that is no case is recorded: one transaction, and a leaf even for a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal import ledger
from portal.errors import Refused
from portal.models import User


@dataclass
class Leaf:
    """What the body of a verb adds to its leaf while it runs."""

    reason: str = ""
    counts: dict[str, int] = field(default_factory=dict)


@contextmanager
def recorded(
    verb: str,
    *,
    by: User,
    now: datetime,
    object_kind: str,
    object_id: UUID,
    client_id: UUID | None = None,
) -> Iterator[Leaf]:
    """Run the body in one transaction with the leaf of `verb`; a Refused rolls it back and leaves its own leaf."""

    def write(outcome: str, reason: str, counts: dict[str, int] | None = None) -> None:
        ledger.record(
            verb=verb,
            by=by,
            client_id=client_id,
            object_kind=object_kind,
            object_id=object_id,
            outcome=outcome,
            reason=reason,
            counts=counts,
            now=now,
        )

    leaf = Leaf()
    try:
        with transaction.atomic():
            yield leaf
            write("done", leaf.reason, leaf.counts)
    except Refused as refusal:
        write("refused", refusal.code)
        raise
