"""The packed profile: whole, small, declared, merged without loss, masked on screens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.profile import (
    ATTRIBUTES,
    EMPTY,
    Profile,
    ProfileBroken,
    digest_input,
    masked,
    merge,
    pack,
    unpack,
)

ALICE = Profile(
    external_id="00042",
    given_name="Alice",
    surname="Neumann",
    email="alice@example.com",
    telephone="+12025550123",
    street="8 Stanley Street",
    street2="Unit 3",
    locality="Winston Hills",
    region="NSW",
    postcode="4223",
    country="AU",
    birthday="1948-09-30",
    demographics={"household": "2"},
)
TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PROFILES = st.builds(
    Profile,
    **{name: TEXT for name in Profile._fields if name != "demographics"},
    demographics=st.none()
    | st.dictionaries(st.text("abc", min_size=1), st.text("xyz"), min_size=1, max_size=3),
)


@given(PROFILES)
def test_what_is_packed_comes_back(profile: Profile) -> None:
    assert unpack(pack(profile)) == profile


def test_equal_profiles_pack_to_equal_bytes_whatever_the_order() -> None:
    one = ALICE._replace(demographics={"a": "1", "b": "2"})
    two = ALICE._replace(demographics={"b": "2", "a": "1"})
    assert digest_input(one) == digest_input(two)
    assert digest_input(one) != digest_input(ALICE)


def test_an_empty_profile_is_three_bytes() -> None:
    assert pack(EMPTY) == b"[1]"


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b"[2]", b"{}", b"\x00", b"[1" + b",null" * 14 + b"]"]
)
def test_what_is_no_profile_is_refused_without_a_trace(broken: bytes) -> None:
    with pytest.raises(ProfileBroken, match="no packed profile"):
        unpack(broken)


def test_every_attribute_is_declared_with_a_taxonomy_label() -> None:
    assert tuple(ATTRIBUTES) == Profile._fields
    for declaration in ATTRIBUTES.values():
        assert declaration.is_personal
        assert declaration.sealed
        assert declaration.label.startswith("user.")


@given(PROFILES, PROFILES)
def test_merging_takes_what_is_told_and_twice_is_once(old: Profile, new: Profile) -> None:
    merged = merge(old, new)
    for name in Profile._fields:
        if name != "demographics" and getattr(new, name):
            assert getattr(merged, name) == getattr(new, name)
    assert merge(merged, new) == merged
    assert merge(old, EMPTY) == old


def test_a_missing_value_wipes_nothing() -> None:
    merged = merge(ALICE, Profile(email="new@example.com", demographics={"income": "3"}))
    assert merged == ALICE._replace(
        email="new@example.com", demographics={"household": "2", "income": "3"}
    )


def test_who_has_moved_keeps_nothing_of_the_old_address() -> None:
    merged = merge(ALICE, Profile(street="1 Oak Road", postcode="2000", region="NSW"))
    assert (merged.street2, merged.locality, merged.postcode) == (None, None, "2000")
    assert merged.given_name == "Alice"


def test_a_screen_shows_masks_only() -> None:
    assert masked(ALICE) == {
        "external_id": "***",
        "given_name": "A******",
        "surname": "N******",
        "email": "a***@e***.com",
        "telephone": "***-***-0123",
        "street": "*** S***",
        "street2": "***",
        "locality": "W****** H******",
        "region": "NSW",
        "postcode": "42**",
        "country": "AU",
        "birthday": "****-**-**",
        "demographics": "household",
    }
    assert masked(EMPTY) == {}


def test_a_repr_names_attributes_and_no_values() -> None:
    assert "Alice" not in repr(ALICE)
    assert repr(Profile(email="a@example.com")) == "Profile(email)"
