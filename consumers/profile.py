"""The packed profile of one consumer: everything personal that is sealed under one key.

Invariants:
- Every attribute is declared once in `ATTRIBUTES`: category, fate on erasure, Fides taxonomy label.
- `unpack(pack(p)) == p` (no demographics are None, not an empty mapping), and equal profiles pack
  to equal bytes, so that a digest of the bytes tells "unchanged" from "updated".
- The packed form begins with its version; attributes are only ever appended.
- Nothing here prints a value: `masked` is what a screen may show, and `repr` names no value.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from portal.personal import Category, Declaration, Fate

VERSION: Final = 1


class ProfileBroken(ValueError):
    """Bytes that are no packed profile. Carries no part of them."""


class Profile(NamedTuple):
    """What is known of one consumer; None where a client has told nothing.

    Texts are clean; `email`, `telephone`, `postcode`, `region`, `country` and `birthday` are in
    their normal forms.
    """

    external_id: str | None = None
    given_name: str | None = None
    surname: str | None = None
    email: str | None = None
    telephone: str | None = None
    street: str | None = None
    street2: str | None = None
    locality: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    birthday: str | None = None
    demographics: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        """The names of the attributes that are there: an exception's text may quote a `repr`."""
        return f"Profile({', '.join(name for name in self._fields if getattr(self, name))})"


def _sealed(category: Category, label: str) -> Declaration:
    return Declaration((category,), Fate.NULLIFY, label, sealed=True)


ATTRIBUTES: Final[Mapping[str, Declaration]] = {
    "external_id": _sealed(Category.IDENTIFIER, "user.unique_id"),
    "given_name": _sealed(Category.NAME, "user.name.first"),
    "surname": _sealed(Category.NAME, "user.name.last"),
    "email": _sealed(Category.EMAIL, "user.contact.email"),
    "telephone": _sealed(Category.TELEPHONE, "user.contact.phone_number"),
    "street": _sealed(Category.ADDRESS, "user.contact.address.street"),
    "street2": _sealed(Category.ADDRESS, "user.contact.address.street"),
    "locality": _sealed(Category.ADDRESS, "user.contact.address.city"),
    "region": _sealed(Category.ADDRESS, "user.contact.address.state"),
    "postcode": _sealed(Category.ADDRESS, "user.contact.address.postal_code"),
    "country": _sealed(Category.ADDRESS, "user.contact.address.country"),
    "birthday": _sealed(Category.BIRTHDAY, "user.demographic.date_of_birth"),
    "demographics": _sealed(Category.DEMOGRAPHICS, "user.demographic"),
}
ADDRESS: Final = ("street", "street2", "locality", "region", "postcode", "country")
CATEGORIES: Final = tuple(dict.fromkeys(d.categories[0] for d in ATTRIBUTES.values()))
EMPTY: Final = Profile()


def pack(profile: Profile) -> bytes:
    """The profile as compact JSON, `[1, external_id, given_name, ...]`, without trailing nulls."""
    values: list[object] = [VERSION, *profile]
    while values[-1] is None or values[-1] == {}:
        values.pop()
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)


def unpack(packed: bytes) -> Profile:
    """The profile that was packed. Raises `ProfileBroken`, also for a version from the future."""
    try:
        values = orjson.loads(packed)
    except ValueError:
        values = None
    if not isinstance(values, list) or not values or values[0] != VERSION or len(values) > 14:
        raise ProfileBroken("This is no packed profile of a version that is known here.")
    return Profile(*values[1:])


def digest_input(profile: Profile) -> bytes:
    """The bytes whose keyed digest tells whether an import changes anything."""
    return pack(profile)


def merge(old: Profile, new: Profile) -> Profile:
    """What is known after `new` has been told: a missing value never wipes what is there.

    An address is one thing: who has both a new street and a new postcode has moved, and nothing of
    the old address (a unit number, say) is carried over into the new one.
    """
    told: dict[str, Any] = {
        name: value for name, value in zip(Profile._fields, new, strict=True) if value
    }
    if _moved(old, new):
        told |= {name: getattr(new, name) for name in ADDRESS}
    if new.demographics and old.demographics:
        told["demographics"] = {**old.demographics, **new.demographics}
    return old._replace(**told)


def _moved(old: Profile, new: Profile) -> bool:
    return bool(new.street and new.postcode) and (
        new.street != old.street and new.postcode != old.postcode
    )


# ------------------------------------------------------------------------------------ for screens

_STARS: Final = "***"


def masked(profile: Profile) -> dict[str, str]:
    """What a screen may show of each attribute before it is revealed; absent ones are left out.

    The number of stars says nothing of the value's length.
    """
    return {
        name: _MASKS[name](value)
        for name, value in zip(Profile._fields, profile, strict=True)
        if isinstance(value, str) and value
    } | ({"demographics": ", ".join(sorted(profile.demographics))} if profile.demographics else {})


def _initial(value: str) -> str:
    return " ".join(f"{word[0]}******" for word in value.split()[:4])


def _mask_email(value: str) -> str:
    local, _, domain = value.partition("@")
    name, _, tld = domain.rpartition(".")
    return f"{local[:1]}{_STARS}@{name[:1]}{_STARS}.{tld}"


def _mask_telephone(value: str) -> str:
    return f"***-***-{value[-4:]}" if len(value) > 8 else _STARS


def _mask_postcode(value: str) -> str:
    return value[: 3 if len(value) > 4 else 2] + "**"


def _mask_identifier(value: str) -> str:
    return f"{_STARS}{value[-2:]}" if len(value) > 5 else _STARS


def _mask_street(value: str) -> str:
    first = next((word for word in value.split() if word[0].isalpha()), "")
    return f"{_STARS} {first[:1]}{_STARS}"


_MASKS: Final[Mapping[str, Callable[[str], str]]] = {
    "external_id": _mask_identifier,
    "given_name": _initial,
    "surname": _initial,
    "email": _mask_email,
    "telephone": _mask_telephone,
    "street": _mask_street,
    "street2": lambda _: _STARS,
    "locality": _initial,
    "region": str,
    "postcode": _mask_postcode,
    "country": str,
    "birthday": lambda _: "****-**-**",
}
