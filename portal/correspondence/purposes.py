"""What can be written: a purpose offers placeholders, and has a text to begin with.

Rooms register their purposes when Django starts; `sync` writes version 1 of each that has none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from portal.correspondence.placeholders import check

EMAIL: Final = "email"
LETTER: Final = "letter"


@dataclass(frozen=True)
class Party:
    """Whom a letter goes to. `address_lines` are the lines below the name on a letter by post."""

    name: str = ""
    email: str = ""
    address_lines: tuple[str, ...] = ()


Values = Callable[[Any, datetime], tuple[Party, Mapping[str, str]]]
"""What a room fills a letter of one of its cases with: whom it goes to, and a value for each placeholder."""


@dataclass(frozen=True)
class Purpose:
    """One kind of letter. `placeholders` maps each name to a sample for the preview.

    Where `values` is given, staff can write it from the page of a case whose kind `case_kinds` names
    ("requests.inquiry").
    """

    code: str
    label: str
    placeholders: Mapping[str, str]
    default_subject: str
    default_body: str
    channel: str = EMAIL
    required: frozenset[str] = field(default_factory=frozenset)
    case_kinds: frozenset[str] = field(default_factory=frozenset)
    values: Values | None = None


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
    case_kinds: frozenset[str] = frozenset(),
    values: Values | None = None,
) -> Purpose:
    """Register a kind of letter. `required` names placeholders that every version must hold (such as the contact
    of the dispute body in an acknowledgement, document 1).

    Raises Refused where the default text uses what it does not offer.
    """
    purpose = Purpose(
        code,
        label,
        dict(placeholders),
        default_subject,
        default_body,
        channel,
        required,
        case_kinds,
        values,
    )
    for text in (default_subject, default_body):
        check(text, purpose.placeholders)
    _purposes[code] = purpose
    return purpose


def purpose(code: str) -> Purpose:
    """The purpose of that code. Raises KeyError."""
    return _purposes[code]


def writable_for(case_kind: str) -> list[Purpose]:
    """The purposes that staff can write from the page of such a case, by their labels."""
    return [one for one in purposes() if one.values and case_kind in one.case_kinds]


def purposes() -> list[Purpose]:
    """Every purpose, by its label."""
    return sorted(_purposes.values(), key=lambda one: one.label)
