"""The address by which somebody opts out: read, checked, and nothing more than it (R24). Pure.

Invariants:
- Whatever is written is read by the same rules as a client's file, so that a token made here meets the one
  made there.
- What cannot be read is said by field, in a sentence that holds no value.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from consumers import matching, normalise
from consumers.forms import SENTENCES
from consumers.profile import Profile

POSTAL: Final = ("given_name", "surname", "street", "postcode", "locality")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("email", "external_id"),
    "mail": (*POSTAL, "external_id"),
    "telephone": ("telephone", "external_id"),
    "sms": ("telephone", "external_id"),
    "web": ("email", "external_id"),
    "": ("email", "telephone", *POSTAL, "external_id"),
}
"""Which parts of an address are asked for, by marketing channel; "" is every channel."""
NEEDED: Final[Mapping[str, str]] = {
    "email": "Write the e-mail address that is opted out.",
    "mail": "Write name, street with its number, and postcode as on the catalog's label.",
    "telephone": "Write the telephone number that is opted out.",
    "sms": "Write the telephone number that is opted out.",
    "web": "Write the e-mail address or the client's number for the person.",
    "": "Write an e-mail address, a telephone number, or a name with street and postcode.",
}
UNREADABLE: Final = "This value cannot be read; check it."
KNOWN: Final = FIELDS[""]


def read(given: Mapping[str, str | None], country: str) -> tuple[Profile, dict[str, str]]:
    """The address in its normal form, and what is wrong with it: a sentence by field, empty if all is well."""
    readers: dict[str, Callable[[str], str | None]] = {
        "email": normalise.email,
        "telephone": lambda value: normalise.telephone(value, country),
        "postcode": lambda value: normalise.postcode(value, country),
        "external_id": normalise.identifier,
    }
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name in KNOWN:
        try:
            values[name] = readers.get(name, normalise.text)(given.get(name) or "")
        except normalise.Unusable:
            faults[name] = SENTENCES.get(name, UNREADABLE)
    return Profile(**values, country=country), faults


def is_usable(address: Profile) -> bool:
    """Whether somebody can be known by the address: an identifier, or a name at a street and postcode."""
    return bool(
        address.email
        or address.telephone
        or address.external_id
        or matching.level_keys(address).get(matching.Level.INDIVIDUAL)
    )


def lines(address: Profile) -> list[str]:
    """The address block of a letter; empty where no postal address was given."""
    if not address.street:
        return []
    name = " ".join(part for part in (address.given_name, address.surname) if part)
    town = " ".join(part for part in (address.locality, address.region, address.postcode) if part)
    return [line for line in (name, address.street, address.street2, town) if line]
