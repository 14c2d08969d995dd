"""What can be written: a purpose offers placeholders, and has a text to begin with.

Rooms register their purposes when Django starts; `sync` writes version 1 of each that has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from portal.correspondence.placeholders import check

EMAIL: Final = "email"
LETTER: Final = "letter"


@dataclass(frozen=True)
class Party:
    """Whom a letter goes to. `address_lines` are the lines below the name on a letter by post."""

    name: str = ""
    email: str = ""
    address_lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Purpose:
    """One kind of letter. `placeholders` maps each name to a sample for the preview."""

    code: str
    label: str
    placeholders: Mapping[str, str]
    default_subject: str
    default_body: str
    channel: str = EMAIL
    required: frozenset[str] = field(default_factory=frozenset)


_purposes: dict[str, Purpose] = {}


def register_purpose(
    code: str,
    label: str,
    *,
    placeholders: Mapping[str, str],
    default_subject: str,
    default_body: str,
    channel: str = EMAIL,
    required: frozenset[str] = frozenset(),
) -> Purpose:
    """Register a kind of letter. `required` names placeholders that every version must hold (such as the contact
    of the dispute body in an acknowledgement, document 1).

    Raises Refused where the default text uses what it does not offer.
    """
    purpose = Purpose(
        code, label, dict(placeholders), default_subject, default_body, channel, required
    )
    for text in (default_subject, default_body):
        check(text, purpose.placeholders)
    _purposes[code] = purpose
    return purpose


def purpose(code: str) -> Purpose:
    """The purpose of that code. Raises KeyError."""
    return _purposes[code]


def purposes() -> list[Purpose]:
    """Every purpose, by its label."""
    return sorted(_purposes.values(), key=lambda one: one.label)
