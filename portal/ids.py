"""Identifiers that the application makes itself, so that a row can be sealed before it is stored.

Invariant: ids made later sort later (to the millisecond), so that an index grows at its end.
"""

import os
import time
from uuid import UUID


def uuid7(at: float | None = None) -> UUID:
    """Make a UUID of version 7 (RFC 9562) for `at`, seconds since the epoch (default: this moment)."""
    milliseconds = int((time.time() if at is None else at) * 1000)
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & ((1 << 62) - 1)
    return UUID(int=value)


def new_id() -> UUID:
    """The default of primary keys."""
    return uuid7()
