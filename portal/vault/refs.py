"""The address of a consumer's key."""

from __future__ import annotations

from typing import NamedTuple


class KeyRef(NamedTuple):
    """Page (from 0) and slot (0 to 1,023) of one consumer key of a client."""

    page: int
    slot: int
