"""One normal form for every value that a client's file may bring.

Invariants:
- Every function takes text and answers its normal form, or None where there is nothing (blank).
- What cannot be used raises `Unusable(code)`. The exception never carries the value, so that it
  may be counted, logged and shown.
- Normalising twice changes nothing: `f(f(x)) == f(x)`.
- Nothing here opens a socket: an e-mail's domain is never looked up.
- Only values that many people share (given names, postcodes, regions) are cached; an e-mail
  address, a telephone number or a birthday is never kept.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import email_validator
import phonenumbers

from consumers import places

TEXT_LIMIT: Final = 500
IDENTIFIER_LIMIT: Final = 200
CACHE: Final = 65_536


class Unusable(ValueError):
    """A value that has no normal form. `code` is machine-readable, such as `email.syntax`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


# Zero-width and direction marks are invisible, so two equal-looking values would differ by them.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def text(value: str) -> str | None:
    """Clean text for display: NFC, blanks collapsed, control and invisible characters gone.

    Raises `text.too_long` above 500 characters.
    """
    value = value.strip()
    if value.startswith('="'):
        value = as_text(value)
    if not (value.isascii() and value.isprintable() and "  " not in value):
        value = clean(value)
    if len(value) > TEXT_LIMIT:
        raise Unusable("text.too_long")
    return value or None


def clean(value: str) -> str:
    """Text on one line: NFC, blanks collapsed, control and invisible characters gone."""
    value = _CONTROL.sub(" ", _INVISIBLE.sub("", value))
    return unicodedata.normalize("NFC", " ".join(value.split()))


def as_text(value: str) -> str:
    """What stands in a cell such as `="00123"`, by which a spreadsheet is told to keep a number as it is."""
    while len(value) > 2 and value.startswith('="') and value.endswith('"'):
        value = value[2:-1].strip()
    return value


_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{2,3}", re.ASCII)
_NOBODY = frozenset([
    "(null)", "n/a", "nan", "nil", "none", "null", "undefined", "unknown", "-", "\\n",
    "#n/a", "#ref!", "#value!", "#name?", "#null!", "#num!", "#div/0!",
])  # fmt: skip


def identifier(value: str) -> str | None:
    """The client's own number for a person, as written: case and leading zeros mean something to a
    client. What a program writes where it has none ("NULL", "#N/A") is nothing, or all who have none would be
    one person; for the same reason a number that a spreadsheet has rounded ("1.23457E+11") is no use.

    Raises `identifier.rounded`, and `identifier.too_long` above 200 characters.
    """
    cleaned = text(value)
    if cleaned is None or cleaned.lower() in _NOBODY:
        return None
    if len(cleaned) > IDENTIFIER_LIMIT:
        raise Unusable("identifier.too_long")
    if _ROUNDED.fullmatch(cleaned):
        raise Unusable("identifier.rounded")
    return cleaned


# ----------------------------------------------------------------------------------------- e-mail

_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_%+'-]+(?:\.[a-z0-9_%+'-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63})"
)
_RESERVED_TLDS = frozenset(
    {"arpa", "example", "internal", "invalid", "lan", "local", "localhost", "onion", "test"}
)


def email(value: str) -> str | None:
    """The whole address in lower case, its domain in IDNA form ("bob@xn--mnchen-3ya.example").

    Raises `email.syntax` and `email.too_long` (more than 254 characters, RFC 5321). Never asks the
    DNS.
    """
    value = value.strip().lower()
    if not value:
        return None
    if len(value) > 254:
        raise Unusable("email.too_long")
    plain = _PLAIN_EMAIL.fullmatch(value)
    if plain and "--" not in value and value.index("@") <= 64 and plain[1] not in _RESERVED_TLDS:
        return value
    return _unusual_email(value)


def _unusual_email(value: str) -> str:
    found = _validated(value)
    if found is None:
        raise Unusable("email.syntax")
    local = unicodedata.normalize("NFC", found.local_part.lower())
    return f"{local}@{found.ascii_domain.lower()}"


def _validated(value: str) -> email_validator.ValidatedEmail | None:
    """None where it is refused: the library's error quotes the value, so ours is raised outside of
    it.
    """
    try:
        return email_validator.validate_email(value, check_deliverability=False, strict=True)
    except (email_validator.EmailNotValidError, UnicodeError):
        return None


# -------------------------------------------------------------------------------------- telephone

_PHONE_MARKS = str.maketrans("", "", " ()-./\u00a0")
_NANP = re.compile(r"\+?1?([2-9](?!11)\d\d[2-9]\d{6})", re.ASCII)
_AU_NATIONAL = re.compile(r"(?:\+61|0)([23478]\d{8})", re.ASCII)


def telephone(value: str, region: str = "US") -> str | None:
    """The number in E.164 ("+12025550123"), read by the rules of `region` where it names no
    country.

    An extension is dropped, because E.164 has none. Raises `telephone.syntax` and
    `telephone.invalid`.
    """
    value = as_text(value.strip()) if '="' in value else value
    digits = value.translate(_PHONE_MARKS)
    if not digits or digits.isspace():
        return None
    if region in ("US", "CA") or digits.startswith("+1"):
        if found := _NANP.fullmatch(digits):
            return "+1" + found[1]
    elif region == "AU" and (found := _AU_NATIONAL.fullmatch(digits)):
        return "+61" + found[1]
    return _unusual_telephone(value, region)


def _unusual_telephone(value: str, region: str) -> str:
    if len(value) > 60:
        raise Unusable("telephone.syntax")
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        raise Unusable("telephone.syntax") from None
    if not phonenumbers.is_valid_number(number):
        raise Unusable("telephone.invalid")
    number.extension = None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


# ------------------------------------------------------------------------------------------ names

_PLAIN_WORDS = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")
_APOSTROPHES = re.compile("['`\u2018\u2019\u201b\u02bc\u00b4]")


@lru_cache(CACHE)
def name(value: str) -> str | None:
    """A name for comparison: NFKC, casefolded, without punctuation; particles ("van der") are kept.

    An apostrophe joins ("O'Brien" is "obrien"), any other mark parts ("Smith-Jones" is "smith
    jones").
    """
    lowered = value.strip().lower()
    if lowered.isascii() and _PLAIN_WORDS.fullmatch(lowered):
        return lowered
    return _words_of(value) or None


def settled(step: Callable[[str], str], value: str) -> str:
    """What `value` comes to if `step` is taken until nothing changes; that makes a step idempotent.

    Odd values go in circles; the least of such a circle stands for all of it.
    """
    seen: list[str] = []
    while value not in seen:
        seen.append(value)
        value = step(value)
    return min(seen[seen.index(value) :])


def _words_of(value: str) -> str:
    """Casefolded words of letters, digits and combining marks."""
    return settled(_folded, value)


def _folded(value: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    folded = _APOSTROPHES.sub("", folded)
    kept = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded)
    return " ".join("".join(kept).split())


@lru_cache(CACHE)
def plain(value: str) -> str:
    """A name or place as bare letters for look-ups and phonetic codes ("José" is "jose")."""
    normal = name(value) or ""
    return normal if normal.isascii() else settled(_bare, normal)


def _bare(value: str) -> str:
    parts = unicodedata.normalize("NFKD", _folded(value))
    return "".join(c for c in parts if not unicodedata.combining(c))


# ------------------------------------------------------------------------------------------ dates

_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ][\d:.+\-Z ]*)?", re.ASCII)
_SPLIT = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})(?: [\d:. APMapm]*)?", re.ASCII)
_SHORT_YEAR = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2}|\d{6}", re.ASCII)
_NAMED = re.compile(r"(\d{1,2})[- ]([a-z]{3})[a-z]*[-, ]+(\d{4})", re.ASCII)
_PARTIAL = re.compile(r"\d{4}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{4}", re.ASCII)
_NOTHING = frozenset({"n/a", "na", "none", "null", "unknown", "-"})
_MONTH_NAMES: Final = "janfebmaraprmayjunjulaugsepoctnovdec"
_MONTHS = {_MONTH_NAMES[at * 3 : at * 3 + 3]: str(at + 1) for at in range(12)}
EARLIEST_YEAR: Final = 1880


def date(value: str, *, day_first: bool = False, not_after: dt.date | None = None) -> str | None:
    """An ISO date ("1948-09-30") from yyyymmdd, ISO with or without a time, "30 Sep 1948" or a
    slashed date.

    A slashed date is month first unless `day_first`; it is never guessed. A partial date (a year, a
    month of a year, or a month or day 00, which is how files say unknown) is None. Raises
    `date.two_digit_year`, `date.impossible`, `date.future` (later than `not_after`),
    `date.too_early` (before 1880) and `date.syntax`.
    """
    value = value.strip()
    if found := _COMPACT.fullmatch(value) or _ISO.fullmatch(value):
        year, month, day = found.groups()
    elif found := _SPLIT.fullmatch(value):
        first, second, year = found.groups()
        day, month = (first, second) if day_first else (second, first)
    elif (found := _NAMED.fullmatch(value.lower())) and found[2] in _MONTHS:
        day, month, year = found[1], _MONTHS[found[2]], found[3]
    else:
        return _no_date(value)
    if int(month) == 0 or int(day) == 0:
        return None
    try:
        parsed = dt.date(int(year), int(month), int(day))
    except ValueError:
        raise Unusable("date.impossible") from None
    if parsed.year < EARLIEST_YEAR:
        raise Unusable("date.too_early")
    if not_after is not None and parsed > not_after:
        raise Unusable("date.future")
    return parsed.isoformat()


_HAS_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:.*")


def moment(value: str, *, day_first: bool = False, not_after: dt.date | None = None) -> str | None:
    """A date, with its time where it is an ISO timestamp: "2026-01-31T09:15:00+00:00", in UTC.

    A time without a zone is taken for UTC. Raises what `date` raises.
    """
    value = value.strip()
    day = date(value, day_first=day_first, not_after=not_after)
    if day is None or not _HAS_TIME.fullmatch(value):
        return day
    try:
        parsed = dt.datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=dt.UTC)
        return parsed.astimezone(dt.UTC).isoformat()
    except (ValueError, OverflowError):
        raise Unusable("date.impossible") from None


def _no_date(value: str) -> str | None:
    if not value or value.casefold() in _NOTHING or _PARTIAL.fullmatch(value):
        return None
    if _SHORT_YEAR.fullmatch(value):
        raise Unusable("date.two_digit_year")
    raise Unusable("date.syntax")


# -------------------------------------------------------- country, region, postcode, truth, numbers


@lru_cache(4_096)
def country(value: str) -> str | None:
    """The country's ISO 3166-1 alpha-2 code. Raises `country.unknown`."""
    key = plain(value)
    if not key:
        return None
    if found := places.COUNTRIES.get(key):
        return found
    if key.upper() in phonenumbers.SUPPORTED_REGIONS:
        return key.upper()
    raise Unusable("country.unknown")


@lru_cache(CACHE)
def region(value: str, country: str = "US") -> str | None:
    """The state, province or territory: its code in the US, Canada and Australia, clean text
    elsewhere.

    Raises `region.unknown`: rules depend on the state, so a state that does not exist is not kept.
    """
    cleaned = text(value)
    table = places.REGIONS.get(country)
    if cleaned is None or table is None:
        return cleaned
    key = plain(cleaned)
    if not key:
        return None
    if found := table.get(key):
        return found
    raise Unusable("region.unknown")


_POSTCODE_MARKS = re.compile(r"[\s.\-\u2010-\u2015]+")


@lru_cache(CACHE)
def postcode(value: str, country: str = "US") -> str | None:
    """The postcode as its country writes it ("12345-6789", "2135", "SW1A 1AA", "K1A 0B1", "1012
    AB").

    A zero that a spreadsheet dropped is put back. Raises `postcode.shape`.
    """
    cleaned = text(value)
    bare = (
        _POSTCODE_MARKS.sub("", unicodedata.normalize("NFKC", cleaned).upper()) if cleaned else ""
    )
    if not bare:
        return None
    shape = places.POSTCODES.get(country)
    if shape is None:
        return _foreign_postcode(bare)
    prefix = places.POSTCODE_PREFIX.get(country)
    if prefix and bare.startswith(prefix):
        bare = bare[len(prefix) :]
    bare = _with_zeros(bare, places.POSTCODE_DIGITS.get(country, 0))
    if not (bare.isascii() and shape.fullmatch(bare)):
        raise Unusable("postcode.shape")
    return _with_break(bare, country)


def _foreign_postcode(bare: str) -> str:
    if len(bare) > 12 or not bare.isalnum():
        raise Unusable("postcode.shape")
    return bare


def _with_zeros(bare: str, digits: int) -> str:
    """Spreadsheets turn 02134 into 2134, and 00501 into 501; more than two zeros are not lost that
    way.
    """
    missing = digits - len(bare)
    return (
        bare.zfill(digits)
        if bare.isdecimal() and 0 < missing <= (2 if digits == 5 else 1)
        else bare
    )


def _with_break(bare: str, country: str) -> str:
    if country == "GB":
        return f"{bare[:-3]} {bare[-3:]}"
    length, position, mark = places.POSTCODE_BREAK.get(country, (0, 0, ""))
    return f"{bare[:position]}{mark}{bare[position:]}" if len(bare) == length else bare


_YES = frozenset([
    "1", "y", "yes", "t", "true", "on", "x", "ja", "oui", "si", "opt-in", "optin", "opted-in",
    "subscribed", "subscribe", "in",
])  # fmt: skip
_NO = frozenset([
    "0", "n", "no", "f", "false", "off", "nein", "non", "opt-out", "optout", "opted-out",
    "unsubscribed", "unsubscribe", "out",
])  # fmt: skip


def boolean(value: str) -> bool | None:
    """Yes or no in the ways that files say it. Raises `boolean.unknown`."""
    key = value.strip().lower().replace("opted ", "opt-").replace("opt ", "opt-")
    if not key:
        return None
    if key in _YES:
        return True
    if key in _NO:
        return False
    raise Unusable("boolean.unknown")


def number(value: str) -> str | None:
    """A whole number without grouping ("1,204" is "1204"). Raises `number.syntax`."""
    found = amount(value)
    if found is None:
        return None
    whole, _, rest = found.partition(".")
    if rest.strip("0"):
        raise Unusable("number.syntax")
    return whole


_AMOUNT = re.compile(r"(-?)(\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.(\d{1,6}))?", re.ASCII)
_MONEY_SIGNS = re.compile(
    r"^(?:US\$|AU\$|CA\$|[$\u20ac\u00a3]|USD|AUD|EUR|GBP)\s*|\s*(?:USD|AUD|EUR|GBP|\u20ac)$"
)


_COMMA_AMOUNT = re.compile(r"-?\d{1,3}(?:\.\d{3})+|-?[\d.]*,\d{1,6}", re.ASCII)


def amount(value: str, *, decimal_comma: bool = False) -> str | None:
    """An amount as a plain decimal: "$1,204.50" is "1204.50", and "1.204,50" with `decimal_comma`.

    Raises `amount.syntax`.
    """
    value = value.strip()
    if not value:
        return None
    if decimal_comma or not (found := _AMOUNT.fullmatch(value)):
        value = _MONEY_SIGNS.sub("", value)
        if decimal_comma and _COMMA_AMOUNT.fullmatch(value):
            value = value.replace(".", "").replace(",", ".")
        found = _AMOUNT.fullmatch(value)
    if not found:
        raise Unusable("amount.syntax")
    return _decimal(*found.groups(""))


def _decimal(sign: str, whole: str, fraction: str) -> str:
    """Plain digits with the decimals that were written, without leading zeros or a negative
    zero.
    """
    digits = (whole.replace(",", "").lstrip("0") or "0") + (f".{fraction}" if fraction else "")
    return f"-{digits}" if sign and digits.strip("0.") else digits
