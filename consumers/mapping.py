"""Which column of a client's file means what.

Invariants: a mapping is plain data that can be stored and shown (it holds names of columns, never
values); a column that is refused by its name is never mapped; `check` says in sentences what is wrong.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import phonenumbers

from consumers import sensitive
from portal.errors import Refused

CONSUMERS, PURCHASES, WEB_EVENTS = "consumers", "purchases", "web_events"
ERASURES: Final = "erasures"
KINDS: Final = (CONSUMERS, PURCHASES, WEB_EVENTS)
"""What an import brings in. A file of ERASURES names people and brings nothing in."""
IDENTIFIERS: Final = ("external_id", "email", "telephone")
CHANNELS: Final = ("email", "mail", "telephone", "sms")
DEMOGRAPHIC: Final = "demographics."
"""`demographics.<name>` is an attribute, too; the name is the client's own."""

# Attribute -> the names that files give it, as words parted by one blank.
CONSUMER_ATTRIBUTES: Final[AnyMapping[str, str]] = {
    "external_id": "external id|customer id|customer no|customer number|cust id|consumer id"
    "|client customer id|member id|user id|account number|account no|person id|rec id|record id|id",
    "given_name": "given name|first name|firstname|forename|fname|first|givenname",
    "surname": "surname|last name|lastname|family name|lname|last",
    "full_name": "name|full name|fullname|customer name",
    "email": "email|e mail|email address|e mail address|mail address|emailaddress",
    "telephone": "telephone|phone|phone number|telephone number|mobile|mobile phone|cell|tel"
    "|cell phone|mobile number|phone no",
    "street_number": "street number|house number|house no|street no|number",
    "street": "street|address 1|address1|address line 1|addr1|street address|street name|addressline1",
    "street2": "address 2|address2|address line 2|addr2|unit|apartment|apt|addressline2",
    "full_address": "address|full address|mailing address|postal address",
    "locality": "suburb|city|town|locality|place",
    "region": "state|region|province|state code|county|territory",
    "postcode": "postcode|zip|zip code|zipcode|postal code|post code|postalcode",
    "country": "country|country code|country name",
    "birthday": "date of birth|dob|birthday|birth date|birthdate|born",
    **{
        f"opt_in.{channel}": "|".join(f"{word} {verb}" for word in words for verb in ("opt in", "optin"))
        + "|" + "|".join(f"{verb} {word}" for word in words for verb in ("opt in", "optin", "allow"))
        for channel, words in {
            "email": ("email", "e mail"), "mail": ("mail", "post", "catalog", "catalogue"),
            "telephone": ("phone", "telephone", "call"), "sms": ("sms", "text"),
        }.items()
    },
}  # fmt: skip
_WHO: Final = {name: CONSUMER_ATTRIBUTES[name] for name in IDENTIFIERS}
PURCHASE_ATTRIBUTES: Final[AnyMapping[str, str]] = {
    **_WHO,
    "date": "date|purchase date|order date|transaction date|purchased at|ordered at",
    "quantity": "quantity|qty|number of cds|number of items|items|units|count",
    "amount": "amount|dollar value|value|total|price|order total|revenue|sales",
    "currency": "currency|currency code",
    "order_number": "order number|order no|order id|transaction id|invoice number|receipt",
    "item": "item|product|sku|description|product name|title",
}
WEB_EVENT_ATTRIBUTES: Final[AnyMapping[str, str]] = {
    **_WHO,
    "date": "date|time|timestamp|event time|occurred at|visited at|event date",
    "event": "event|event type|event name|action|type",
    "url": "url|page|page url|path|link",
    "referrer": "referrer|referer",
}
ERASURE_ATTRIBUTES: Final = {
    name: names for name, names in CONSUMER_ATTRIBUTES.items() if not name.startswith("opt_in.")
}
ATTRIBUTES: Final[AnyMapping[str, AnyMapping[str, str]]] = {
    ERASURES: ERASURE_ATTRIBUTES,
    CONSUMERS: CONSUMER_ATTRIBUTES,
    PURCHASES: PURCHASE_ATTRIBUTES,
    WEB_EVENTS: WEB_EVENT_ATTRIBUTES,
}
REQUIRED: Final = {
    CONSUMERS: (),
    ERASURES: (),
    PURCHASES: ("date",),
    WEB_EVENTS: ("date", "event"),
}


@dataclass(frozen=True, slots=True)
class Mapping:
    """Column -> attribute, and how values are to be read where they do not say it themselves.

    `day_first` reads 03/04/1948 as 3 April; `country` is assumed where a row names none, and gives
    telephone numbers their region; `decimal_comma` reads 1.204,50.
    """

    kind: str
    columns: AnyMapping[str, str] = field(default_factory=dict)
    day_first: bool = False
    country: str = "US"
    decimal_comma: bool = False
    currency: str = "USD"

    def to_json(self) -> dict[str, Any]:
        """Plain data, in a fixed order, for a JSON column."""
        return asdict(self) | {"columns": dict(sorted(self.columns.items()))}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Mapping":
        """The mapping that was stored; names that are not known any more are left out."""
        known = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        return cls(**known)

    def fits(self, headers: Iterable[str]) -> bool:
        """Whether the file has every column that this mapping reads."""
        return set(self.columns) <= set(headers)


def suggest(headers: Sequence[str], *, country: str = "US", kind: str = "") -> Mapping:
    """A mapping that the names of the columns suggest; the kind is the one with the most matches.

    A column refused by its name, or that no attribute has the name of, is left out. An attribute is
    given to one column only, the one whose name stands first in the list of its names.
    """
    welcome = [h for h in headers if sensitive.column_reason(h) is None]
    found = {k: _suggested(welcome, ATTRIBUTES[k]) for k in ([kind] if kind else KINDS)}
    # A purchase is known by its date; without one, the file is about people.
    for k in list(found):
        if not kind and any(need not in found[k].values() for need in REQUIRED[k]):
            found.pop(k)
    best = max(found, key=lambda k: len(found[k])) if found else CONSUMERS
    return Mapping(best, found.get(best, {}), country=country)


def _suggested(headers: Sequence[str], attributes: AnyMapping[str, str]) -> dict[str, str]:
    words = {header: sensitive.words(header) for header in headers}
    columns: dict[str, str] = {}
    for attribute, names in attributes.items():
        wanted = [attribute.replace("_", " "), *names.split("|")]
        free = [h for h in headers if h not in columns and words[h] in wanted]
        if free:
            columns[min(free, key=lambda h: wanted.index(words[h]))] = attribute
    return columns


def attributes(kind: str) -> tuple[str, ...]:
    """What a column of a file of this kind can be mapped to, for a form's choices."""
    return tuple(ATTRIBUTES[kind])


def problems(mapping: Mapping, headers: Iterable[str] | None = None) -> list[str]:
    """What is wrong with a mapping, in sentences that staff can act on; empty if it can be used."""
    if mapping.kind not in ATTRIBUTES:
        return ["Choose what the file holds: consumers, purchases or web events."]
    known, mapped = ATTRIBUTES[mapping.kind], list(mapping.columns.values())
    wrong = [_column_problem(c, a, known, headers) for c, a in mapping.columns.items()]
    wrong += [
        f"More than one column is mapped to {a}."
        for a in sorted(set(mapped))
        if mapped.count(a) > 1
    ]
    wrong += [f"Map a column to {name}." for name in REQUIRED[mapping.kind] if name not in mapped]
    names = {"surname", "full_name"} & set(mapped)
    places = {"street", "full_address", "postcode"} & set(mapped)
    of_people = mapping.kind in (CONSUMERS, ERASURES)
    if not set(IDENTIFIERS) & set(mapped) and not (of_people and names and places):
        wrong.append(
            "Map a column to external_id, email or telephone, so that people can be told apart."
        )
    for whole, parts in (("full_name", ("given_name", "surname")), ("full_address", ("street",))):
        if whole in mapped and set(parts) & set(mapped):
            wrong.append(f"Map either {whole} or {' and '.join(parts)}, not both.")
    if mapping.country not in phonenumbers.SUPPORTED_REGIONS:
        wrong.append("The default country is no ISO code of two letters, such as US.")
    if len(mapping.currency) != 3 or not mapping.currency.isupper():
        wrong.append("The currency is no ISO code of three letters, such as USD.")
    return [sentence for sentence in wrong if sentence]


def _column_problem(
    column: str, attribute: str, known: AnyMapping[str, str], headers: Iterable[str] | None
) -> str:
    if reason := sensitive.column_reason(column):
        return f"The column {column} cannot be mapped. {sensitive.REASONS[reason]}"
    if headers is not None and column not in headers:
        return f"The file has no column {column}."
    if attribute in known or (attribute.startswith(DEMOGRAPHIC) and known is CONSUMER_ATTRIBUTES):
        named = attribute.removeprefix(DEMOGRAPHIC)
        if reason := sensitive.column_reason(named):
            return f"The attribute {attribute} is not accepted. {sensitive.REASONS[reason]}"
        return "" if named else "Give the demographic attribute a name."
    return f"There is no attribute {attribute}."


def check(mapping: Mapping, headers: Iterable[str] | None = None) -> None:
    """Raise `Refused` with every problem if the mapping cannot be used."""
    if wrong := problems(mapping, headers):
        raise Refused(" ".join(wrong), code="mapping")
