"""Writing a leaf."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from portal.ledger.codes import ROLE, VERB, NotACode, check_code, check_counts
from portal.ledger.models import Leaf, Outcome
from portal.models import User
from portal.roles import role_name


def record(
    *,
    verb: str,
    by: User,
    client_id: UUID | None = None,
    object_kind: str = "",
    object_id: UUID | None = None,
    outcome: str = "done",
    reason: str = "",
    counts: Mapping[str, int] | None = None,
    now: datetime,
) -> Leaf:
    """Write one leaf in the current transaction; it goes if the transaction is rolled back.

    `verb` is like "erasure.approve", `outcome` one of done, refused, failed, `reason` a short code, `counts`
    whole numbers by code. Raises NotACode, which names no value, for anything that could be free text: nothing
    personal may enter the ledger, because nothing ever leaves it (architecture, "Ledger").
    """
    check_code("verb", verb, VERB)
    if object_kind:
        check_code("object_kind", object_kind)
    if reason:
        check_code("reason", reason)
    if outcome not in Outcome.values:
        raise NotACode("The outcome in the ledger is done, refused or failed.")
    counts = dict(counts or {})
    check_counts(counts)
    _check_identifiers(client_id, object_id)
    if now.tzinfo is None:
        raise NotACode("The ledger takes only a time with its zone.")
    role = role_name(by)
    check_code("role", role, ROLE, 160)
    return Leaf.objects.create(
        at=now,
        actor=by,
        role=role,
        verb=verb,
        object_kind=object_kind,
        object_id=object_id,
        client_id=client_id,
        outcome=outcome,
        reason=reason,
        counts=counts,
    )


def _check_identifiers(*identifiers: UUID | None) -> None:
    if not all(item is None or isinstance(item, UUID) for item in identifiers):
        raise NotACode("The ledger names clients and objects by their UUID only.")
