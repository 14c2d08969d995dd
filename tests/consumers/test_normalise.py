"""Normal forms of what a client's file brings."""

# ruff: noqa: RUF001 - letters and digits of other scripts are what is tested.

import contextlib
import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers import normalise
from consumers.normalise import Unusable


def code_of(function: Callable[..., object], value: str, **options: object) -> str:
    with pytest.raises(Unusable) as caught:
        function(value, **options)
    return caught.value.code


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("  Alice@Example.COM ", "alice@example.com"),
        ("alice.o'hara+shop@example.com", "alice.o'hara+shop@example.com"),
        ("bob@münchen.example.com", "bob@xn--mnchen-3ya.example.com"),
        ("bob@xn--mnchen-3ya.example.com", "bob@xn--mnchen-3ya.example.com"),
        ("", None),
        ("   ", None),
    ],
)
def test_an_email_is_trimmed_lowered_and_its_domain_is_idna(written: str, normal: str) -> None:
    assert normalise.email(written) == normal


@pytest.mark.parametrize(
    "wrong",
    [
        "alice",
        "alice@",
        "alice@example",
        "alice@@example.com",
        "alice..b@example.com",
        ".alice@example.com",
        "alice@-example.com",
        "alice@example.com, bob@example.com",
        "alice@host.invalid",
        "alice@" + "a" * 64 + ".com",
        "a" * 65 + "@example.com",
    ],
)
def test_an_email_without_valid_syntax_is_refused(wrong: str) -> None:
    assert code_of(normalise.email, wrong) == "email.syntax"


def test_an_email_longer_than_smtp_carries_is_refused() -> None:
    assert code_of(normalise.email, "a@" + "b." * 130 + "com") == "email.too_long"


def test_a_refusal_never_carries_the_value() -> None:
    with pytest.raises(Unusable) as caught:
        normalise.email("secret person@@example.com")
    seen: BaseException | None = caught.value
    while seen is not None:
        assert "secret" not in str(seen)
        seen = seen.__context__


@pytest.mark.parametrize(
    ("written", "region", "normal"),
    [
        ("(202) 555-0123", "US", "+12025550123"),
        ("1-202-555-0123", "US", "+12025550123"),
        ("202.555.0123 ext 9", "US", "+12025550123"),
        ("+1 202 555 0123", "AU", "+12025550123"),
        ("0491 570 156", "AU", "+61491570156"),
        ("+61 491 570 156", "US", "+61491570156"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        (" ", "US", None),
    ],
)
def test_a_telephone_number_becomes_e164(written: str, region: str, normal: str | None) -> None:
    assert normalise.telephone(written, region) == normal


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("call me", "telephone.syntax"),
        ("123", "telephone.invalid"),
        ("911 555 0123", "telephone.invalid"),
        ("9" * 80, "telephone.syntax"),
    ],
)
def test_a_telephone_number_that_cannot_exist_is_refused(wrong: str, code: str) -> None:
    assert code_of(normalise.telephone, wrong) == code


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (" O'Brien ", "obrien"),
        ("O\u2019BRIEN", "obrien"),
        ("Smith-Jones", "smith jones"),
        ("van der Berg", "van der berg"),
        ("Ｍüller", "müller"),
        ("Straße", "strasse"),
        ("--", None),
        ("", None),
    ],
)
def test_a_name_is_compared_without_case_and_punctuation(written: str, normal: str | None) -> None:
    assert normalise.name(written) == normal


def test_plain_letters_lose_their_marks() -> None:
    assert normalise.plain("José Müller-Łódź") == "jose muller łodz"


def test_display_text_keeps_case_and_loses_only_what_nobody_sees() -> None:
    assert normalise.text("  Mc\u200bDonald\t &  Sons\x00 ") == "McDonald & Sons"
    assert normalise.text("\ufeff ") is None
    assert code_of(normalise.text, "x" * 501) == "text.too_long"


@pytest.mark.parametrize(
    ("written", "day_first", "normal"),
    [
        ("19480930", False, "1948-09-30"),
        (" 1948-09-30 ", False, "1948-09-30"),
        ("1948-09-30T00:00:00Z", False, "1948-09-30"),
        ("09/30/1948", False, "1948-09-30"),
        ("30/09/1948", True, "1948-09-30"),
        ("3/4/1948", False, "1948-03-04"),
        ("3/4/1948", True, "1948-04-03"),
        ("30-Sep-1948", False, "1948-09-30"),
        ("1948", False, None),
        ("1948-09", False, None),
        ("19480900", False, None),
        ("00/00/0000", False, None),
        ("unknown", False, None),
        ("", False, None),
    ],
)
def test_dates_are_read_as_files_write_them(
    written: str, day_first: bool, normal: str | None
) -> None:
    assert normalise.date(written, day_first=day_first) == normal


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("30/09/1948", "date.impossible"),
        ("19480931", "date.impossible"),
        ("29/02/1900", "date.impossible"),
        ("09/30/48", "date.two_digit_year"),
        ("300948", "date.two_digit_year"),
        ("17760704", "date.too_early"),
        ("30000101", "date.future"),
        ("soon", "date.syntax"),
        ("٠٩/٣٠/١٩٤٨", "date.syntax"),
    ],
)
def test_a_date_that_cannot_be_is_refused(wrong: str, code: str) -> None:
    assert code_of(normalise.date, wrong, not_after=dt.date(2026, 1, 1)) == code


@pytest.mark.parametrize(
    ("written", "country", "normal"),
    [
        ("12345", "US", "12345"),
        ("123456789", "US", "12345-6789"),
        ("12345-6789", "US", "12345-6789"),
        ("2134", "US", "02134"),
        (" 2135", "AU", "2135"),
        ("800", "AU", "0800"),
        ("sw1a1aa", "GB", "SW1A 1AA"),
        ("k1a-0b1", "CA", "K1A 0B1"),
        ("D-10115", "DE", "10115"),
        ("1012ab", "NL", "1012 AB"),
        ("111 22", "SE", "111 22"),
        ("lv1010", "LV", "1010"),
        ("", "US", None),
    ],
)
def test_a_postcode_is_written_as_its_country_writes_it(
    written: str, country: str, normal: str | None
) -> None:
    assert normalise.postcode(written, country) == normal


@pytest.mark.parametrize(
    ("wrong", "country"),
    [
        ("1234567", "US"),
        ("12", "AU"),
        ("21355", "AU"),
        ("SW1", "GB"),
        ("Z1A 0B1", "CA"),
        ("12%", "JP"),
    ],
)
def test_a_postcode_of_another_shape_is_refused(wrong: str, country: str) -> None:
    assert code_of(normalise.postcode, wrong, country=country) == "postcode.shape"


def test_regions_and_countries_become_their_codes() -> None:
    assert normalise.region("New South Wales", "AU") == "NSW"
    assert normalise.region("nsw", "AU") == "NSW"
    assert normalise.region("Calif", "GB") == "Calif"
    assert normalise.region("", "US") is None
    assert code_of(normalise.region, "nsw", country="US") == "region.unknown"
    assert normalise.country("U.S.A.") == "US"
    assert normalise.country("Österreich") == "AT"
    assert normalise.country("pe") == "PE"
    assert code_of(normalise.country, "Atlantis") == "country.unknown"


def test_yes_and_no_are_read_as_files_say_them() -> None:
    assert normalise.boolean(" Opted In ") is True
    assert normalise.boolean("N") is False
    assert normalise.boolean("") is None
    assert code_of(normalise.boolean, "perhaps") == "boolean.unknown"


@pytest.mark.parametrize(
    ("written", "comma", "normal"),
    [
        ("11.77", False, "11.77"),
        ("$1,204.50", False, "1204.50"),
        ("1.204,5", True, "1204.5"),
        ("1.204", True, "1204"),
        ("12,00 €", True, "12.00"),
        ("-0.00", False, "0.00"),
        ("-5", False, "-5"),
        ("", False, None),
    ],
)
def test_amounts_become_plain_decimals(written: str, comma: bool, normal: str | None) -> None:
    assert normalise.amount(written, decimal_comma=comma) == normal


def test_numbers_are_whole() -> None:
    assert normalise.number("1,204") == "1204"
    assert normalise.number("05.0") == "5"
    assert code_of(normalise.number, "1.5") == "number.syntax"
    assert code_of(normalise.amount, "1.2.3") == "amount.syntax"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("2026-01-31T10:15:00+01:00", "2026-01-31T09:15:00+00:00"),
        ("2026-01-31 09:15:00", "2026-01-31T09:15:00+00:00"),
        ("01/31/2026", "2026-01-31"),
        ("", None),
    ],
)
def test_a_moment_is_told_in_utc(written: str, normal: str | None) -> None:
    assert normalise.moment(written) == normal


def test_an_impossible_time_is_refused() -> None:
    assert code_of(normalise.moment, "2026-01-31T25:00:00") == "date.impossible"
    assert code_of(normalise.moment, "9999-12-31T23:59:59-12:00") == "date.impossible"


LIKELY = st.one_of(
    st.text(max_size=40),
    st.text("0123456789-/. +()", max_size=20),
    st.text("abcABC'’-. éßİıſǅ\u0345\u0130", max_size=20),
    st.emails(),
    st.dates().map(str),
    st.datetimes().map(str),
    st.from_regex(r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|[0-9]{3,9}", fullmatch=True),
)
FUNCTIONS: list[Callable[[str], str | None]] = [
    normalise.text,
    normalise.identifier,
    normalise.email,
    normalise.telephone,
    lambda value: normalise.telephone(value, "AU"),
    lambda value: normalise.telephone(value, "DE"),
    normalise.name,
    normalise.plain,
    normalise.date,
    normalise.moment,
    normalise.country,
    normalise.region,
    normalise.amount,
    normalise.number,
    *(
        lambda value, c=c: normalise.postcode(value, c)
        for c in ("US", "AU", "GB", "CA", "NL", "JP")
    ),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@given(value=LIKELY)
def test_normalising_twice_changes_nothing(
    function: Callable[[str], str | None], value: str
) -> None:
    once = None
    with contextlib.suppress(Unusable):
        once = function(value)
    if once is not None:
        assert function(once) == once


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ('="00123"', "00123"),
        ('=" 00123 "', "00123"),
        ('="="00123""', "00123"),
        ('="', '="'),
        ("=1+1", "=1+1"),
        ("1E5", "1E5"),
        ("12E+5", "12E+5"),
        ("NULL", None),
        ("#N/A", None),
        ("\\N", None),
        ("-", None),
        ("Unknown", None),
        ("NA", "NA"),
        ("0", "0"),
    ],
)
def test_an_identifier_is_what_the_client_wrote_and_not_what_its_program_put_around_it(
    written: str, normal: str | None
) -> None:
    assert normalise.identifier(written) == normal


@pytest.mark.parametrize(
    "rounded", ["1.23457E+11", "1,23457e+11", "2E+10", "1.2345678901234568e+22"]
)
def test_an_identifier_that_was_rounded_stands_for_many_and_is_refused(rounded: str) -> None:
    assert code_of(normalise.identifier, rounded) == "identifier.rounded"
    assert code_of(normalise.identifier, f'="{rounded}"') == "identifier.rounded"


def test_what_a_spreadsheet_keeps_as_text_is_read_in_every_kind_of_cell() -> None:
    assert normalise.postcode('="02134"') == "02134"
    assert normalise.telephone('="(202) 555-0123"') == "+12025550123"
    assert normalise.text('="Alice"') == "Alice"
