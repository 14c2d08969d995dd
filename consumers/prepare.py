"""A raw row becomes a normalised profile, or a purchase or web event, with identifiers and reasons.

What is decided here, and nowhere else:
- A row is **refused as a whole** if it cannot be read (`row.<reason>`), if any cell of it holds a
  sensitive number, mapped or not (`sensitive.card`, `sensitive.ssn`; R49, R50), if nothing in it tells
  who it is about (`no_identifier`), or if a purchase or web event has no usable date (`date.<reason>`)
  or a web event no name (`event.missing`).
- A row **loses one attribute** and is accepted with a warning (`email.syntax`, `birthday.impossible`,
  `postcode.shape`, ...) if only that value cannot be used. An unusable e-mail address is left out
  like any other; the row is refused only if nothing else tells who it is about.
- Who has no external id, e-mail address or telephone number is known by name and address together.

Invariants: no value is in a code; cells of columns refused by name are never looked at.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import orjson

from consumers import addresses, matching, normalise, sensitive
from consumers.mapping import CONSUMERS, DEMOGRAPHIC, ERASURES, IDENTIFIERS, Mapping
from consumers.normalise import Unusable
from consumers.profile import EMPTY, Profile
from consumers.readers import Row
from consumers.sensitive import Finding, Meaning

NO_IDENTIFIER: Final = "no_identifier"
OPT_IN: Final = "opt_in."

Identifier = tuple[str, str]
"""Kind (`external_id`, `email`, `telephone`) and normal form, as the blind index digests them."""


class PreparedRow(NamedTuple):
    """One consumer of a file. `refused` is the code of the whole row's refusal, "" if it is accepted.

    `codes` are match codes; they include `p|...`, the exact name and address, for who has no identifier.
    `preferences` is channel -> opted in.
    """

    number: int
    profile: Profile = EMPTY
    identifiers: tuple[Identifier, ...] = ()
    codes: tuple[str, ...] = ()
    preferences: dict[str, bool] = {}
    warnings: tuple[str, ...] = ()
    refused: str = ""
    findings: tuple[Finding, ...] = ()


class PreparedFact(NamedTuple):
    """One purchase or web event. `date` is ISO (with a time for a web event that names one); `details`
    are the other attributes in their normal forms.
    """

    number: int
    identifiers: tuple[Identifier, ...] = ()
    date: str = ""
    details: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    refused: str = ""
    findings: tuple[Finding, ...] = ()

    def fingerprint_input(self, occurrence: int = 1) -> bytes:
        """The bytes whose keyed digest makes the same row of a second file the same fact.

        `occurrence` counts equal rows within a file: who buys the same twice a day bought twice.
        """
        facts = [self.identifiers, self.date, self.details, occurrence]
        return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)


Reader = Callable[[str], str | None]
Prepare = Callable[[Row], PreparedRow | PreparedFact]


# ---------------------------------------------------------------------------------------- scanning

_MEANINGS: Final = {
    "external_id": Meaning.IDENTIFIER,
    "order_number": Meaning.IDENTIFIER,
    "item": Meaning.IDENTIFIER,
    "telephone": Meaning.TELEPHONE,
    **dict.fromkeys(("postcode", "birthday", "date", "quantity", "amount"), Meaning.NUMBER),
}
_NUMBERED: Final = frozenset(
    ("id", "no", "number", "num", "code", "sku", "ean", "ref", "reference")
)
_CALLED: Final = frozenset(("phone", "telephone", "mobile", "cell", "tel", "fax"))


def _meaning(header: str, attribute: str | None) -> Meaning:
    """What a column holds, by its attribute or, where it is not mapped, by the words of its name."""
    if attribute is not None:
        return _MEANINGS.get(attribute, Meaning.ANY)
    words = set(sensitive.words(header).split())
    if words & _CALLED:
        return Meaning.TELEPHONE
    return Meaning.IDENTIFIER if words & _NUMBERED else Meaning.ANY


class Scanner:
    """Looks for sensitive numbers in the rows of one file."""

    def __init__(self, mapping: Mapping, headers: Sequence[str]) -> None:
        self.meanings = tuple(_meaning(header, mapping.columns.get(header)) for header in headers)
        self.skip = frozenset(
            place for place, header in enumerate(headers) if sensitive.column_reason(header)
        )

    def findings(self, row: Row) -> tuple[Finding, ...]:
        """What was found; in a row that cannot be read, no cell's column is known."""
        if row.bad:
            return tuple(f._replace(column=-1) for f in sensitive.scan_row(row.values))
        return tuple(sensitive.scan_row(row.values, self.meanings, self.skip))

    def refusal(self, row: Row) -> tuple[str, tuple[Finding, ...]]:
        """Why a row is refused before a value of it is used ("" if it is not), and what was found."""
        if found := self.findings(row):
            return f"sensitive.{found[0].kind}", found
        return (f"row.{row.bad}" if row.bad else ""), ()


# --------------------------------------------------------------------------------------- consumers

_SLOT: Final = {name: place for place, name in enumerate(Profile._fields)}
_EXTRA: Final = ("street_number", "full_name", "full_address")
_EXTRA_SLOT: Final = {name: len(_SLOT) + place for place, name in enumerate(_EXTRA)}
_NUMBER, _NAME, _ADDRESS = _EXTRA_SLOT.values()
_WIDTH: Final = len(_SLOT) + len(_EXTRA)


class ConsumerRows:
    """Prepares the rows of a file of consumers; call it with a row."""

    def __init__(self, mapping: Mapping, headers: Sequence[str], *, today: dt.date) -> None:
        self.mapping, self.today = mapping, today
        self.scanner = Scanner(mapping, headers)
        columns = [(headers.index(column), name) for column, name in mapping.columns.items()]
        slots = _SLOT | _EXTRA_SLOT
        self.columns = [(place, slots[name], name) for place, name in columns if name in slots]
        self.opt_ins = [(p, n.removeprefix(OPT_IN)) for p, n in columns if n.startswith(OPT_IN)]
        self.traits = [
            (p, n.removeprefix(DEMOGRAPHIC)) for p, n in columns if n.startswith(DEMOGRAPHIC)
        ]
        self.country_place = next((p for p, name in columns if name == "country"), None)
        self.readers: dict[str, list[tuple[int, int, str, Reader]]] = {}

    def __call__(self, row: Row) -> PreparedRow:
        refused, findings = self.scanner.refusal(row)
        if refused:
            return PreparedRow(row.number, refused=refused, findings=findings)
        warnings: list[str] = []
        profile = self._profile(row.values, warnings)
        preferences = self._preferences(row.values, warnings) if self.opt_ins else {}
        identifiers = _identifiers(profile.external_id, profile.email, profile.telephone)
        codes = self._codes(profile, bool(identifiers))
        if codes is None:
            return PreparedRow(row.number, warnings=tuple(warnings), refused=NO_IDENTIFIER)
        return PreparedRow(row.number, profile, identifiers, codes, preferences, tuple(warnings))

    def _codes(self, profile: Profile, is_identified: bool) -> tuple[str, ...] | None:
        """The match codes of a person, or None where nothing tells who it is."""
        codes = matching.codes(profile)
        if is_identified:
            return codes
        key = matching.level_keys(profile).get(matching.Level.INDIVIDUAL)
        return None if key is None else (*codes, f"p|{key}")

    def _profile(self, values: list[str], warnings: list[str]) -> Profile:
        country = self._country(values, warnings)
        found: list[str | None] = [None] * _WIDTH
        for place, slot, name, reader in self.readers.get(country) or self._readers(country):
            if cell := values[place]:
                try:
                    found[slot] = reader(cell)
                except Unusable as error:
                    warnings.append(_warning(name, error))
        if found[_ADDRESS]:
            self._take_apart(found, country, warnings)
        if found[_NAME]:
            found[_SLOT["given_name"]], found[_SLOT["surname"]] = split_name(found[_NAME] or "")
        if found[_NUMBER]:
            found[_SLOT["street"]] = " ".join(
                filter(None, (found[_NUMBER], found[_SLOT["street"]]))
            )
        found[_SLOT["country"]] = country if any(found[5:10]) else None
        profile = Profile(*found[:12])  # type: ignore[arg-type]
        traits = self._traits(values, warnings) if self.traits else {}
        return profile._replace(demographics=traits) if traits else profile

    def _country(self, values: list[str], warnings: list[str]) -> str:
        if self.country_place is not None:
            try:
                return normalise.country(values[self.country_place]) or self.mapping.country
            except Unusable as error:
                warnings.append(error.code)
        return self.mapping.country

    def _readers(self, country: str) -> list[tuple[int, int, str, Reader]]:
        """How each column is read in rows of a country; made once for each country of a file."""
        special: dict[str, Reader] = {
            "external_id": normalise.identifier,
            "email": normalise.email,
            "telephone": partial(normalise.telephone, region=country),
            "region": lambda value: normalise.region(value, country),
            "postcode": lambda value: normalise.postcode(value, country),
            "birthday": partial(
                normalise.date, day_first=self.mapping.day_first, not_after=self.today
            ),
        }
        self.readers[country] = [
            (place, slot, name, special.get(name, normalise.text))
            for place, slot, name in self.columns
            if name != "country"
        ]
        return self.readers[country]

    def _take_apart(self, found: list[str | None], country: str, warnings: list[str]) -> None:
        """A one-line address fills in what has no column of its own."""
        try:
            line = addresses.one_line(found[_ADDRESS] or "", country)
            if line is None:
                return
            region = normalise.region(line.region or "", country)
            parts = (
                line.street,
                line.locality,
                region,
                normalise.postcode(line.postcode or "", country),
            )
        except Unusable as error:
            warnings.append(_warning("full_address", error))
            return
        for name, value in zip(("street", "locality", "region", "postcode"), parts, strict=True):
            found[_SLOT[name]] = found[_SLOT[name]] or value

    def _preferences(self, values: list[str], warnings: list[str]) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for place, channel in self.opt_ins:
            try:
                said = normalise.boolean(values[place])
            except Unusable as error:
                warnings.append(_warning(OPT_IN + channel, error))
            else:
                if said is not None:
                    found[channel] = said
        return found

    def _traits(self, values: list[str], warnings: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for place, name in self.traits:
            try:
                value = normalise.text(values[place])
            except Unusable as error:
                warnings.append(_warning("demographics", error))
            else:
                if value:
                    found[name] = value
        return found


def _warning(name: str, error: Unusable) -> str:
    """The attribute and what is wrong with it, such as `birthday.impossible`."""
    return f"{name}.{error.code.rpartition('.')[2]}"


def _identifiers(*values: str | None) -> tuple[Identifier, ...]:
    return tuple((kind, value) for kind, value in zip(IDENTIFIERS, values, strict=True) if value)


class NamedRows(ConsumerRows):
    """Prepares the rows of a file that names people who are on file already, as one of erasures does.

    A surname with any match code will do there: whoever merely looks alike is a candidate for staff to see.
    """

    def _codes(self, profile: Profile, is_identified: bool) -> tuple[str, ...] | None:
        codes = matching.codes(profile)
        return codes if is_identified or (codes and profile.surname) else None


_PARTICLES: Final = frozenset(
    [
        "van",
        "von",
        "der",
        "den",
        "de",
        "del",
        "della",
        "di",
        "da",
        "do",
        "dos",
        "du",
        "la",
        "le",
        "ter",
        "ten",
        "bin",
        "al",
        "st",
    ]
)
_TITLES: Final = frozenset(["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir"])
_SUFFIXES: Final = frozenset(["jr", "sr", "ii", "iii", "iv"])


def split_name(value: str) -> tuple[str | None, str | None]:
    """Given names and surname of a full name: "Dr Alice van der Berg", "Berg, Alice"."""
    last, comma, first = value.partition(",")
    if comma and normalise.plain(first) not in _SUFFIXES:
        return normalise.text(first), normalise.text(last)
    words = last.split()
    while len(words) > 1 and normalise.plain(words[0]) in _TITLES:
        words.pop(0)
    while len(words) > 1 and normalise.plain(words[-1]) in _SUFFIXES:
        words.pop()
    at = len(words) - 1
    while at > 1 and normalise.plain(words[at - 1]) in _PARTICLES:
        at -= 1
    return " ".join(words[:at]) or None, " ".join(words[at:]) or None


# -------------------------------------------------------------------------- purchases and web events


class FactRows:
    """Prepares the rows of a file of purchases or web events; call it with a row."""

    def __init__(self, mapping: Mapping, headers: Sequence[str], *, today: dt.date) -> None:
        self.mapping = mapping
        self.scanner = Scanner(mapping, headers)
        when = normalise.moment if mapping.kind != "purchases" else normalise.date
        readers: dict[str, Reader] = {
            "external_id": normalise.identifier,
            "email": normalise.email,
            "telephone": partial(normalise.telephone, region=mapping.country),
            "date": partial(when, day_first=mapping.day_first, not_after=today),
            "quantity": normalise.number,
            "amount": partial(normalise.amount, decimal_comma=mapping.decimal_comma),
        }
        self.columns = [
            (headers.index(column), name, readers.get(name, normalise.text))
            for column, name in mapping.columns.items()
        ]

    def __call__(self, row: Row) -> PreparedFact:
        refused, findings = self.scanner.refusal(row)
        if refused:
            return PreparedFact(row.number, refused=refused, findings=findings)
        found: dict[str, str] = {}
        warnings: list[str] = []
        for place, name, reader in self.columns:
            try:
                value = reader(row.values[place])
            except Unusable as error:
                warnings.append(_warning(name, error))
            else:
                if value:
                    found[name] = value
        return self._fact(row.number, found, warnings)

    def _fact(self, number: int, found: dict[str, str], warnings: list[str]) -> PreparedFact:
        who = tuple((kind, found.pop(kind)) for kind in IDENTIFIERS if kind in found)
        date = found.pop("date", "")
        refused = ""
        if not who:
            refused = NO_IDENTIFIER
        elif not date:
            refused = next((w for w in warnings if w.startswith("date.")), "date.missing")
        elif self.mapping.kind == "web_events" and "event" not in found:
            refused = "event.missing"
        if refused:
            return PreparedFact(number, warnings=tuple(warnings), refused=refused)
        if "amount" in found:
            found.setdefault("currency", self.mapping.currency)
        return PreparedFact(number, who, date, found, tuple(warnings))


def preparer(mapping: Mapping, headers: Sequence[str], *, today: dt.date) -> Prepare:
    """What prepares each row of a file. The mapping must have passed `mapping.check`.

    `today` bounds birthdays and dates, which cannot lie in the future.
    """
    kinds: dict[str, type[ConsumerRows | FactRows]] = {CONSUMERS: ConsumerRows, ERASURES: NamedRows}
    return kinds.get(mapping.kind, FactRows)(mapping, headers, today=today)
