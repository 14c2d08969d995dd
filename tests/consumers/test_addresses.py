"""Street lines in one form, and one-line addresses taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers import addresses
from consumers.addresses import OneLine, one_line, street
from consumers.normalise import Unusable


@pytest.mark.parametrize(
    ("written", "country", "normal"),
    [
        ("12 Pinkerton Circuit, Unit 4", "AU", "12 pinkerton cct unit 4"),
        ("Unit 4, 12 PINKERTON CCT.", "AU", "12 pinkerton cct unit 4"),
        ("4/12 Pinkerton Circuit", "AU", "12 pinkerton cct unit 4"),
        ("U 4/12 Pinkerton Circuit", "AU", "12 pinkerton cct unit 4"),
        ("12 pinkerton cct #4", "AU", "12 pinkerton cct unit 4"),
        ("123 North Main Street Apt 4B", "US", "123 n main st unit 4b"),
        ("123 N. Main St., Apartment 4B", "US", "123 n main st unit 4b"),
        ("12-14 O'Connell St", "AU", "12-14 oconnell st"),
        ("North Road", "AU", "north rd"),
        ("P.O. Box 123", "US", "po box 123"),
        ("Post Office Box No 123", "US", "po box 123"),
        ("GPO Box 99", "AU", "po box 99"),
        ("Hauptstraße 5", "DE", "hauptstrasse 5"),
        ("0008 Oak Ave", "US", "8 oak ave"),
        ("  ", "US", None),
    ],
)
def test_a_street_line_has_one_form(written: str, country: str, normal: str | None) -> None:
    assert street(written, country) == normal


LINES = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            [
                "unit",
                "4",
                "12",
                "0",
                "3b",
                "4/12",
                "12-14",
                "#",
                "oak",
                "st",
                "street",
                "north",
                "po",
                "box",
                "apt",
                "é,",
                "n.",
                "-",
            ]
        ),
        max_size=7,
    ).map(" ".join),
)


@given(LINES, st.sampled_from(["US", "AU", "DE"]))
def test_normalising_a_street_twice_changes_nothing(written: str, country: str) -> None:
    once = street(written, country)
    if once is not None:
        assert street(once, country) == once


def test_a_street_line_that_goes_in_circles_comes_to_one_form() -> None:
    assert street("Unit 4, Unit 12") == street("Unit 12, Unit 4") == "unit 12 unit 4"


@pytest.mark.parametrize(
    ("written", "country", "parts"),
    [
        (
            "123 Main St Apt 4, Springfield, IL 62701",
            "US",
            OneLine("123 Main St Apt 4", "Springfield", "IL", "62701"),
        ),
        (
            "8 Stanley Street, Winston Hills NSW 2153",
            "AU",
            OneLine("8 Stanley Street", "Winston Hills", "NSW", "2153"),
        ),
        (
            "8 Stanley Street, Winston Hills, New South Wales, 2153",
            "AU",
            OneLine("8 Stanley Street", "Winston Hills", "New South Wales", "2153"),
        ),
        (
            "10 Downing Street, London SW1A 2AA",
            "GB",
            OneLine("10 Downing Street", "London", None, "SW1A 2AA"),
        ),
        (
            "Hauptstr. 5, 10115 Berlin",
            "DE",
            OneLine("Hauptstr. 5", "Berlin", None, "10115"),
        ),
    ],
)
def test_a_one_line_address_is_taken_apart(written: str, country: str, parts: OneLine) -> None:
    assert one_line(written, country) == parts


@pytest.mark.parametrize(("value", "country"), [("somewhere", "AU"), ("x", "US")])
def test_an_address_that_says_too_little_is_refused(value: str, country: str) -> None:
    with pytest.raises(Unusable, match=r"^address\.one_line$"):
        one_line(value, country)


def test_a_blank_address_is_nothing() -> None:
    assert one_line(" ", "US") is None
    assert addresses.street_parts("", "US") == addresses.NO_STREET
