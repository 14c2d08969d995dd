"""Finds what this company never accepts: card and social security numbers, and columns that hold
such things.

Invariants:
- A finding carries the kind and a mask with the last two digits, never the value (R49).
- A card number needs Luhn, a known issuer prefix and that issuer's length, within one cell (R49).
- A social security number needs its hyphens or a keyword before it, and a structure that was ever
  issued: no 000, 666 or 9xx, no 00, no 0000. `12345-6789` is a ZIP+4 and no number of a person
  (R50).
- A column is refused by its name before a value of it is read (policy: "We do not collect sensitive
  information such as credit card information or social security information").
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from stdnum import luhn


class Kind(StrEnum):
    """What was found. The value is the code that incidents and ledger leaves carry."""

    CARD = "card"
    SSN = "ssn"


class Meaning(StrEnum):
    """What a column is known to hold, as far as it changes what counts as a finding."""

    ANY = "any"
    # A bare number is expected here, so only the long forms of a card are taken for one.
    TELEPHONE = "telephone"
    NUMBER = "number"
    # A client's own numbers: a card number of 15 or 16 digits is refused even so.
    IDENTIFIER = "identifier"


class Finding(NamedTuple):
    """One sensitive value: its kind and its mask. `column` is the position in the row, -1 if
    unknown.
    """

    kind: Kind
    masked: str
    column: int = -1


def mask(value: str) -> str:
    """Stars for every letter and digit but the last two digits ("***-**-**89"); never the value
    itself.

    A value of fewer than seven digits shows none, because two of them would say too much.
    """
    digits = sum(c.isdigit() for c in value)
    hidden = digits - 2 if digits >= 7 else digits
    shown: list[str] = []
    for char in value[:64]:
        if char.isdigit() and hidden <= 0:
            shown.append(char)
        else:
            hidden -= char.isdigit()
            shown.append("*" if char.isalnum() else char)
    return "".join(shown)


# ------------------------------------------------------------------------------------------ values

# A row of ASCII is judged by what its bytes look like: digits become zeros, capitals small
# letters. What passes is a superset of everything that can be a finding, and takes a tenth of a
# regular expression's time.
_SHAPE: Final = bytes.maketrans(
    b"123456789" + bytes(range(65, 91)), b"000000000" + bytes(range(97, 123))
)
_SEPARATORS: Final = b" .-"
_THIRTEEN: Final = b"0" * 13
# `\d` and `\W` also take in digits and dashes of other scripts, which the close look folds.
_SUSPECT = re.compile(r"\d{3}[^\w\s]\d\d[^\w\s]\d{4}|(?<!\d)\d(?:\W?\d){12}")
_KEYWORD = re.compile(r"(?i)ss\W?n|soc\W?sec|social.{0,3}sec")
_CELL_BREAK: Final = "\x1f"

_UUID = re.compile(r"(?i)(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])")
_DASHES = re.compile("[\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_SSN = re.compile(r"(?<![0-9A-Za-z])(?<![0-9]-)(\d{3})-(\d\d)-(\d{4})(?![0-9A-Za-z]|-\d)")
_KEYWORD_SSN = re.compile(
    r"(?i)(?:\bss\W?n|soc\W?sec|social.{0,3}sec)[^\d]{0,24}(\d{3})[ .-]?(\d\d)[ .-]?(\d{4})(?!\d)"
)
# A whole run of digits with at most one blank, hyphen or dot between two of them.
_RUN = re.compile(r"(?<![0-9A-Za-z])(?<!\d[ .-])\d(?:[ .-]?\d){12,}(?![0-9A-Za-z])")
_GROUP = re.compile(r"\d+")
# The ways in which cards are printed, as lengths of groups.
_PRINTED: Final = (
    (4, 4, 4, 4),
    (4, 6, 5),
    (4, 6, 4),
    (4, 4, 4, 4, 3),
    (4, 4, 4, 4, 2),
    (4, 3, 3, 3),
    (6, 13),
    (8, 8),
)
# Prefix, and the lengths that the issuer uses. Maestro is left out: its cards were withdrawn,
# and its many prefixes would take three order numbers for cards where now two are (R49).
_ISSUERS: Final = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|64[4-9]|65"), (16, 17, 18, 19)),
    (re.compile(r"30[0-5]|3095|3[689]"), (14,)),
    (re.compile(r"352[89]|35[3-8]"), (16, 17, 18, 19)),
    (re.compile(r"62"), (16, 17, 18, 19)),
)


def is_card(digits: str) -> bool:
    """Whether the digits can be a payment card: Luhn, issuer prefix and the issuer's length
    (R49).
    """
    length = len(digits)
    for prefix, lengths in _ISSUERS:
        if length in lengths and prefix.match(digits):
            return len(set(digits)) > 1 and bool(luhn.is_valid(digits))
    return False


def is_ssn(area: str, group: str, serial: str) -> bool:
    """Whether the three parts can be a social security number (R50)."""
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def scan(value: str, meaning: Meaning = Meaning.ANY) -> Finding | None:
    """The first sensitive number in one cell, or None."""
    return _look(value, meaning) if _suspect(value) else None


def _suspect(joined: str) -> bool:
    if not joined.isascii():
        return bool(_SUSPECT.search(joined) or _KEYWORD.search(joined))
    shape = joined.encode().translate(_SHAPE)
    return (
        b"000-00-0000" in shape
        or _THIRTEEN in shape.translate(None, _SEPARATORS)
        or ((b"ss" in shape or b"soc" in shape) and _KEYWORD.search(joined) is not None)
    )


def scan_row(
    values: Sequence[str],
    meanings: Sequence[Meaning] | None = None,
    skip: Iterable[int] = (),
) -> list[Finding]:
    """Every finding of a row, one a cell at most; a clean row costs about a microsecond.

    `meanings` runs parallel to `values`. `skip` names the columns that were refused as a whole.
    """
    # The break is neither a digit nor a separator, so that no number is read across two cells.
    if not _suspect(_CELL_BREAK.join(values)):
        return []
    found: list[Finding] = []
    for column, value in enumerate(values):
        if column in skip:
            continue
        finding = scan(value, meanings[column] if meanings else Meaning.ANY)
        if finding is not None:
            found.append(finding._replace(column=column))
    return found


def _look(value: str, meaning: Meaning) -> Finding | None:
    if not value.isascii():
        value = _DASHES.sub("-", unicodedata.normalize("NFKC", _DASHES.sub("-", value)))
        value = "".join(_ascii_digit(c) for c in value)
    value = _UUID.sub(" ", value)
    return _find_ssn(value) or _find_card(value, meaning)


def _ascii_digit(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)


def _find_ssn(value: str) -> Finding | None:
    for pattern in (_SSN, _KEYWORD_SSN):
        for match in pattern.finditer(value):
            if is_ssn(*match.groups()):
                start = match.start(1)
                return Finding(Kind.SSN, mask(value[start : match.end()]))
    return None


def _find_card(value: str, meaning: Meaning) -> Finding | None:
    for match in _RUN.finditer(value):
        for digits, written in _numbers(match[0]):
            if _counts(digits, written, meaning) and is_card(digits):
                return Finding(Kind.CARD, mask(written))
    return None


def _counts(digits: str, written: str, meaning: Meaning) -> bool:
    """Whether a number of this length is looked at in such a column, so that there is no flood.

    13 bare digits are an article number (EAN) far more often than one of the extinct Visa cards of
    that length, so they need the printed form. No telephone number has more than 15 digits (E.164).
    """
    if meaning in (Meaning.TELEPHONE, Meaning.NUMBER):
        return len(digits) >= 16
    if meaning is Meaning.IDENTIFIER:
        return len(digits) in (15, 16)
    return len(digits) != 13 or written != digits


def _numbers(run: str) -> Iterable[tuple[str, str]]:
    """The whole run, then every stretch of it that is grouped as cards are printed."""
    spans = [match.span() for match in _GROUP.finditer(run)]
    yield "".join(run[a:b] for a, b in spans), run
    lengths = tuple(b - a for a, b in spans)
    for first in range(len(spans)):
        if 15 <= lengths[first] <= 19 and len(spans) > 1:
            yield run[slice(*spans[first])], run[slice(*spans[first])]
        for shape in _PRINTED:
            last = first + len(shape)
            if lengths[first:last] == shape and len(shape) < len(spans):
                written = run[spans[first][0] : spans[last - 1][1]]
                yield "".join(run[a:b] for a, b in spans[first:last]), written


# ----------------------------------------------------------------------------------------- columns

REASONS: Final[Mapping[str, str]] = {
    "ssn": "Social security numbers are never accepted.",
    "card": "Payment card data is never accepted.",
    "government_id": "Numbers of identity documents and tax numbers are never accepted.",
    "bank": "Bank account data is never accepted.",
    "health": "Data about health is never accepted.",
    "religion": "Data about religion or belief is never accepted.",
    "ethnicity": "Data about race or ethnic origin is never accepted.",
    "sexuality": "Data about sex life or sexual orientation is never accepted.",
    "biometric": "Biometric and genetic data is never accepted.",
    "politics": "Data about political opinions or union membership is never accepted.",
    "justice": "Data about criminal records or immigration status is never accepted.",
    "credential": "Passwords and other secrets are never accepted.",
}

# One pattern a line, matched as whole words of the header's words, which are parted by one blank.
# ` ?` lets "creditcard" through as well as "credit card"; <n> stands for "no", "number" and the
# like.
_COLUMN_PATTERNS: Final[Mapping[str, str]] = {
    "ssn": r"""
        ssn\d?|ssn ?<n>|ss ?<n>
        soc ?sec\w*|social ?sec\w*
    """,
    "card": r"""
        (?:credit|debit|payment|bank|charge) ?card.*
        cc ?<n>|cc ?exp\w*|cvv2?|cvc2?|security code
        <not:gift|loyalty|member|membership|library|reward|rewards|store|club|business>card ?<n>
        card ?(?:holder|exp|expiry|expiration|cvv|security|pin|pan)\w*
        (?:amex|visa) card.*|primary account number|pan number
    """,
    "government_id": r"""
        passport|passport ?<n>|passport ?id
        drivers? ?(?:s )?licen[cs]e.*|driving licen[cs]e.*|dl ?<n>
        tax ?file.*|tfn|itin|tin ?<n>|tax ?(?:payer )?id.*
        national ?(?:id|identity|identification|insurance).*|nino|ni ?<n>
        social ?insurance.*|sin ?<n>|(?:alien|visa) ?<n>
        medicare.*|medicaid.*|nhs ?<n>|(?:voter|military|govt?|government) id.*
    """,
    "bank": r"""
        iban|bank ?(?:account|acct|acc|details?|routing|sort).*
        routing ?<n>|sort ?code|bsb|bsb ?<n>|aba ?<n>
        swift ?(?:code|bic)|^bic$|bic code|checking account.*|direct debit.*
    """,
    "health": r"""
        ^health$|mental health.*
        health (?:status|condition|record|data|info\w*|insurance|plan|history|problem|issue|id)s?.*
        health (?:card|score|risk)s?.*
        diagnos[ie]s.*|diagnosed.*|icd ?(?:9|10|code).*|medical.*|illness.*|disease.*
        disabilit(?:y|ies).*|medications?|prescriptions?|allerg(?:y|ies)|pregnan(?:t|cy).*
        blood (?:type|group)|hiv.*|patient id
    """,
    "religion": r"""
        religio(?:n|us).*|faith|creed|church (?:member\w*|affiliation)
    """,
    "ethnicity": r"""
        race<race>
        racial.*|ethnic.*|skin colou?r|national origin
    """,
    "sexuality": r"""
        sex (?:orientation|preference|life)|sexual.*|transgender.*|lgbt\w*
    """,
    "biometric": r"""
        biometric.*|<not:device|browser|file|key|cert>fingerprints?(?! js\b)
        face ?(?:id|print|scan|template)s?|voice ?prints?|retina.*|iris scan.*
        dna.*|genetic.*|genom\w*
    """,
    "politics": r"""
        political.*|party affiliation|(?:trade|labou?r) union.*|union member\w*
    """,
    "justice": r"""
        criminal.*|convictions?|arrest.*|immigration.*|citizenship.*
    """,
    "credential": r"""
        passwords?(?! (?:re)?set| changed| updated| expir)|passwd|pwd|passphrase
        security (?:answer|question).*|secret question.*|(?:api|private) ?key|mothers? maiden name
    """,
}
_NUMBER: Final = r"(?:no|num|number|nr|nbr)s?"
# People run races, too: `race_time` is about a run.
_RUNS: Final = (
    r"(?! (?:time|date|day|result|distance|number|no|bib|event|track|id|name|place|pace"
    r"|season|car|course|start|finish|category|series|entry|fee)s?\b)"
)


def _compiled(patterns: str) -> re.Pattern[str]:
    def refuse_before(match: re.Match[str]) -> str:
        return "".join(rf"(?<!\b{word} )" for word in match[1].split("|"))

    alternatives = "|".join(patterns.split("\n        ")).strip("| \n")
    alternatives = alternatives.replace("<n>", _NUMBER).replace("<race>", _RUNS)
    return re.compile(rf"\b(?:{re.sub(r'<not:([^>]*)>', refuse_before, alternatives)})\b")


_COLUMN_RULES: Final = tuple((reason, _compiled(text)) for reason, text in _COLUMN_PATTERNS.items())
# Written in one word, these mean one thing only, whatever stands around them.
_ONE_WORD: Final = (
    ("ssn", re.compile(r"socialsecurity|socsec|ssnumber")),
    (
        "card",
        re.compile(r"creditcard|debitcard|(?<!gift)(?<!dis)(?<!loyalty)(?<!member)cardnumber"),
    ),
    ("government_id", re.compile(r"passportn|driverslicen|driverlicen|taxfilen")),
    ("bank", re.compile(r"bankaccount|bankacct")),
    ("sexuality", re.compile(r"sexualorientation")),
    ("ethnicity", re.compile(r"ethnicity|ethnicgroup")),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[\W_]+")


def words(header: str) -> str:
    """The words of a header, parted by one blank: "dateOfBirth" and "date_of_birth" are the same."""
    parted = _CAMEL.sub(" ", unicodedata.normalize("NFKC", header))
    return _NOT_WORD.sub(" ", parted).lower().strip()


@lru_cache(4_096)
def column_reason(header: str) -> str | None:
    """Why a column of this name is refused (a key of `REASONS`), or None if it is welcome."""
    named = words(header)
    for reason, pattern in _COLUMN_RULES:
        if pattern.search(named):
            return reason
    if " " in named:
        return None
    return next((reason for reason, pattern in _ONE_WORD if pattern.search(named)), None)


def refused_columns(headers: Iterable[str]) -> dict[str, str]:
    """The headers that name sensitive data, each with its reason (a key of `REASONS`)."""
    return {header: reason for header in headers if (reason := column_reason(header))}
