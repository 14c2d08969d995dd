"""The bytes of a leaf that are hashed; pure.

Invariants
- One leaf has exactly one canonical form: JSON with sorted keys, no white space, ASCII, times in UTC with
  microseconds and "Z", identifiers in lower case with hyphens, absent identifiers as null.
- Every column is in it but leaf_index and leaf_hash, which follow from it and its place in the tree.
- It never fails on what a database can hold, so that a forged row is hashed and found and does not stop the search.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

COLUMNS = (
    "id",
    "at",
    "actor_id",
    "role",
    "verb",
    "object_kind",
    "object_id",
    "client_id",
    "outcome",
    "reason",
    "counts",
)
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def moment(at: datetime) -> str:
    """A time in UTC, as in "2026-01-31T12:00:00.000000Z"."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def canonical(leaf: tuple[Any, ...]) -> bytes:
    """The canonical bytes of a leaf, given as the values of COLUMNS in that order."""
    return _encode({"v": 1, **dict(zip(COLUMNS, map(_plain, leaf), strict=True))}).encode("ascii")


def _plain(value: datetime | UUID | str | int | Mapping[str, int] | None) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return moment(value)
    return value
