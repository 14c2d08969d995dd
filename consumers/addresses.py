"""Postal addresses: the parts of a street line, and one-line addresses taken apart.

Invariants: `street` is idempotent; the parts are casefolded words in their short forms, so that
"12 Pinkerton Circuit, Unit 4" and "Unit 4, 12 PINKERTON CCT." are the same place; no value is in an
exception.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

import usaddress

from consumers import normalise, places
from consumers.normalise import Unusable


class StreetParts(NamedTuple):
    """`number` may be a range ("12-14"); `unit` is empty where there is none."""

    number: str
    name: str
    unit: str


class OneLine(NamedTuple):
    """What a one-line address says; None where it says nothing."""

    street: str | None
    locality: str | None
    region: str | None
    postcode: str | None


_PO_BOX = re.compile(r"^(?:g ?p ?o|p ?o|post office|locked|private) (?:box|bag) ?(?:no )?(\w+)\b.*")
_NUMBER = re.compile(r"\d+[a-z]?(?:-\d+[a-z]?)?")
_SLASHED = re.compile(r"(\w+)/(\d+[a-z]?(?:-\d+[a-z]?)?)")
_PLAIN = re.compile(r"[a-z0-9 ]*")
_MARKS = re.compile(r"[^\w/-]+")
_APOSTROPHES = re.compile("['`\u2019]")
_DASHES = re.compile("[\u2010-\u2015]")
_LOOSE_HYPHEN = re.compile(r"(?<!\d)-|(?<!\d[a-z])(?<!\d)-|-(?!\d)|_|(?<!\w)/|/(?!\w)")
_BOX_WORDS: Final = frozenset({"po", "p", "gpo", "g", "post", "locked", "private"})
NO_STREET: Final = StreetParts("", "", "")


def street_parts(value: str, country: str = "US") -> StreetParts:
    """Number, street name and unit of a street line; a post office box is a street of that name."""
    words = _words(value)
    if not words:
        return NO_STREET
    if words[0] in _BOX_WORDS and (box := _PO_BOX.match(" ".join(words))):
        return StreetParts(box[1], "po box", "")
    unit, words = _take_unit(words)
    number = ""
    if words and (slashed := _SLASHED.fullmatch(words[0])) and country not in ("US", "CA"):
        unit, words = unit or slashed[1], [slashed[2], *words[1:]]
    if len(words) > 1 and _NUMBER.fullmatch(words[0]):
        number, words = words[0], words[1:]
    return StreetParts(number.lstrip("0") or number[:1], _short(words, country), unit)


def _words(value: str) -> list[str]:
    folded = value.lower()
    if folded.isascii() and _PLAIN.fullmatch(folded):
        return folded.split()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", value).casefold())
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    folded = _APOSTROPHES.sub("", _DASHES.sub("-", folded)).replace("#", " unit ")
    return _LOOSE_HYPHEN.sub(" ", _MARKS.sub(" ", folded)).split()


def _take_unit(words: list[str]) -> tuple[str, list[str]]:
    """A unit stands before the number ("unit 4 12 oak st") or at the end ("12 oak st unit 4")."""
    if len(words) > 2 and words[0] in places.UNIT_WORDS and any(c.isdigit() for c in words[1]):
        if slashed := _SLASHED.fullmatch(words[1]):
            return slashed[1], [slashed[2], *words[2:]]
        return words[1], words[2:]
    if len(words) > 2 and words[-2] in places.UNIT_WORDS:
        return words[-1], words[:-2]
    return "", words


def _short(words: list[str], country: str) -> str:
    short = [places.STREET_WORDS.get(word, word) for word in words]
    if country in ("US", "CA"):
        short = [places.DIRECTION_WORDS.get(word, word) for word in short]
    return " ".join(short)


def street(value: str, country: str = "US") -> str | None:
    """The street line in the form in which two lines are compared ("12 pinkerton cct unit 4")."""

    def step(line: str) -> str:
        return _line(street_parts(line, country))

    return normalise.settled(step, step(value)) or None


def _line(parts: StreetParts) -> str:
    number, name, unit = parts
    if name == "po box":
        return f"po box {number}"
    return " ".join(filter(None, (number, name, unit and f"unit {unit}")))


# ------------------------------------------------------------------------------------- one line

_NOT_STREET: Final = {"PlaceName": "locality", "StateName": "region", "ZipCode": "postcode"}


def one_line(value: str, country: str = "US") -> OneLine | None:
    """An address in one cell, taken apart: by usaddress in the US, by its commas elsewhere.

    Raises `address.one_line` where it is ambiguous.
    """
    cleaned = normalise.text(value)
    if cleaned is None:
        return None
    return _us_line(cleaned) if country == "US" else _comma_line(cleaned, country)


def _us_line(value: str) -> OneLine:
    parts: dict[str, list[str]] = {}
    for word, label in usaddress.parse(value):
        parts.setdefault(_NOT_STREET.get(label, "street"), []).append(word.strip(",;"))
    found = {name: " ".join(words) for name, words in parts.items()}
    if "street" not in found or len(found) < 2:
        raise Unusable("address.one_line")
    return OneLine(
        found["street"], found.get("locality"), found.get("region"), found.get("postcode")
    )


def _comma_line(value: str, country: str) -> OneLine:
    pieces = [piece.strip() for piece in value.split(",") if piece.strip()]
    if len(pieces) < 2:
        raise Unusable("address.one_line")
    *lines, last = pieces
    postcode, words = _last_postcode(last.split(), country)
    if not words and len(lines) > 1:
        words = lines.pop().split()
    region, words = _last_region(words, country)
    if not words and len(lines) > 1:
        words = lines.pop().split()
    return OneLine(", ".join(lines), " ".join(words) or None, region, postcode)


def _last_postcode(words: list[str], country: str) -> tuple[str | None, list[str]]:
    """The longest tail of the words that is a postcode; some countries begin the line with it."""
    for taken in (slice(-2, None), slice(-1, None), slice(0, 1)):
        candidate = " ".join(words[taken])
        rest = words[: taken.start] if taken.stop is None else words[1:]
        if any(c.isdigit() for c in candidate) and _is(normalise.postcode, candidate, country):
            return candidate, rest
    return None, words


def _last_region(words: list[str], country: str) -> tuple[str | None, list[str]]:
    if country not in places.REGIONS:
        return None, words
    for count in (3, 2, 1):
        candidate = " ".join(words[-count:])
        if len(words) >= count and _is(normalise.region, candidate, country):
            return candidate, words[:-count]
    return None, words


def _is(normal_form: Callable[[str, str], str | None], value: str, country: str) -> bool:
    try:
        return normal_form(value, country) is not None
    except Unusable:
        return False
