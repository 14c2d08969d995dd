"""A raw row becomes a profile with identifiers, or is refused with a reason that names no value."""

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.mapping import (
    CONSUMERS,
    ERASURES,
    PURCHASES,
    WEB_EVENTS,
    Mapping,
    attributes,
    check,
    suggest,
)
from consumers.prepare import PreparedFact, PreparedRow, preparer, split_name
from consumers.profile import Profile, pack, unpack
from consumers.readers import Row, inspect, read
from tests.consumers.people import FILES, find
from tests.consumers.people import PURCHASES as PURCHASE_FILES

TODAY = dt.date(2026, 1, 31)


def prepare(cells: dict[str, str], kind: str = CONSUMERS, **options: Any) -> Any:
    """One row of a file whose columns are named as their attributes are."""
    columns = {column: options.pop(column, column) for column in cells}
    columns = {column: name for column, name in columns.items() if name}
    mapping = Mapping(kind, columns, **options)
    return preparer(mapping, list(cells), today=TODAY)(Row(1, list(cells.values()), "", 0))


def test_a_row_becomes_a_normalised_profile() -> None:
    row = prepare(
        {
            "external_id": " 00042 ",
            "given_name": " Alice",
            "surname": "McNeumann ",
            "email": "ALICE@Example.com",
            "telephone": "0491 570 156",
            "street_number": "8",
            "street": "Stanley Street",
            "postcode": "800",
            "region": "Northern Territory",
            "birthday": "30/09/1948",
            "demographics.household": "2",
            "opt_in.email": "yes",
            "opt_in.mail": "N",
            "opt_in.sms": "",
        },
        country="AU",
        day_first=True,
    )
    assert row.profile == Profile(
        external_id="00042",
        given_name="Alice",
        surname="McNeumann",
        email="alice@example.com",
        telephone="+61491570156",
        street="8 Stanley Street",
        region="NT",
        postcode="0800",
        country="AU",
        birthday="1948-09-30",
        demographics={"household": "2"},
    )
    assert row.identifiers == (
        ("external_id", "00042"),
        ("email", "alice@example.com"),
        ("telephone", "+61491570156"),
    )
    assert row.preferences == {"email": True, "mail": False}
    assert (row.refused, row.warnings) == ("", ())
    assert len(row.codes) == 3


def test_an_unusable_value_costs_its_attribute_and_not_the_row() -> None:
    row = prepare(
        {
            "external_id": "1",
            "email": "alice@",
            "birthday": "19480931",
            "postcode": "x",
            "region": "Atlantis",
            "telephone": "12",
            "opt_in.email": "perhaps",
            "demographics.note": "x" * 600,
        }
    )
    assert row.refused == ""
    assert row.profile == Profile(external_id="1")
    assert sorted(row.warnings) == [
        "birthday.impossible",
        "demographics.too_long",
        "email.syntax",
        "opt_in.email.unknown",
        "postcode.shape",
        "region.unknown",
        "telephone.invalid",
    ]


def test_a_row_that_is_about_nobody_is_refused() -> None:
    row = prepare({"email": "alice@", "given_name": "Alice"})
    assert (row.refused, row.warnings, row.profile) == (
        "no_identifier",
        ("email.syntax",),
        Profile(),
    )


def test_a_person_can_be_known_by_name_and_address() -> None:
    cells = {"full_name": "Dr Alice van der Berg", "street": "8 Oak St", "postcode": "12345"}
    row = prepare(cells)
    same = prepare(cells | {"full_name": "BERG, alice", "street": "8 Oak Street."})
    assert row.refused == ""
    assert row.identifiers == ()
    assert (row.profile.given_name, row.profile.surname) == ("Alice", "van der Berg")
    assert row.codes[-1] == "p|8 oak st|12345|van der berg|alice"
    assert same.codes[-1] == "p|8 oak st|12345|berg|alice"


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        ({"email": "alice@example.com"}, ""),
        ({"given_name": "Alice", "surname": "Archer", "locality": "Boston"}, ""),
        ({"surname": "Archer", "street": "12 Harbor Street", "locality": "Boston"}, ""),
        ({"street": "12 Harbor Street", "locality": "Boston"}, "no_identifier"),
        ({"given_name": "Alice", "surname": "Archer"}, "no_identifier"),
        ({"email": "not an address"}, "no_identifier"),
    ],
)
def test_a_row_of_an_erasure_needs_only_to_lead_to_candidates(
    cells: dict[str, str], refused: str
) -> None:
    assert prepare(cells, ERASURES).refused == refused


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("demographics.note", "my card 4111 1111 1111 1111", "sensitive.card"),
        ("telephone", "4111111111111111", "sensitive.card"),
        ("given_name", "123-45-6789", "sensitive.ssn"),
        ("unmapped", "123-45-6789", "sensitive.ssn"),
    ],
)
def test_a_row_with_a_sensitive_number_is_refused_whole(column: str, value: str, code: str) -> None:
    row = prepare(
        {"external_id": "1", column: value}, **({column: ""} if column == "unmapped" else {})
    )
    assert row.refused == code
    assert (row.profile, row.identifiers, row.codes) == (Profile(), (), ())
    assert [finding.column for finding in row.findings] == [1]
    assert value not in repr(row)


def test_a_column_refused_by_its_name_refuses_no_row() -> None:
    row = prepare({"external_id": "1", "ssn": "123-45-6789"}, ssn="")
    assert row.refused == ""


def test_unmapped_telephones_and_order_numbers_cause_no_flood() -> None:
    cells = {"external_id": "1", "Fax": "378282246310005", "order_no": "30569309025904"}
    assert prepare(cells, Fax="", order_no="").refused == ""
    assert prepare(cells | {"order_no": "378282246310005"}, Fax="", order_no="").refused != ""


def test_a_row_that_cannot_be_read_is_refused_but_looked_at() -> None:
    mapping = Mapping(CONSUMERS, {"id": "external_id"})
    ready = preparer(mapping, ["id", "note"], today=TODAY)
    assert ready(Row(7, ["1"], "too_few_cells", 0)).refused == "row.too_few_cells"
    row = ready(Row(8, ["1", "a", "123-45-6789"], "too_many_cells", 0))
    assert row.refused == "sensitive.ssn"
    assert row.findings[0].column == -1


def test_the_country_of_a_row_decides_how_it_is_read() -> None:
    cells = {
        "external_id": "1",
        "country": "Australia",
        "postcode": "800",
        "telephone": "0491570156",
    }
    row = prepare(cells)
    assert (row.profile.country, row.profile.postcode) == ("AU", "0800")
    assert row.profile.telephone == "+61491570156"
    assert prepare(cells | {"country": "Atlantis"}).warnings[0] == "country.unknown"


def test_a_one_line_address_is_taken_apart() -> None:
    row = prepare({"external_id": "1", "full_address": "123 Main St Apt 4, Springfield, IL 62701"})
    assert row.profile[5:11] == ("123 Main St Apt 4", None, "Springfield", "IL", "62701", "US")
    assert prepare({"external_id": "1", "full_address": "x"}).warnings == ("full_address.one_line",)


@pytest.mark.parametrize(
    ("whole", "given_names", "surname"),
    [
        ("Alice Neumann", "Alice", "Neumann"),
        ("Mrs. Alice B. Neumann Jr.", "Alice B.", "Neumann"),
        ("Neumann, Alice", "Alice", "Neumann"),
        ("Charlie de la Cruz", "Charlie", "de la Cruz"),
        ("Neumann", None, "Neumann"),
        ("Bob Painter, Jr", "Bob", "Painter"),
    ],
)
def test_a_full_name_is_parted(whole: str, given_names: str | None, surname: str) -> None:
    assert split_name(whole) == (given_names, surname)


def test_a_purchase_needs_a_date_and_a_buyer() -> None:
    fine = {"external_id": "00001", "date": "19970101", "quantity": "1", "amount": "11.77"}
    fact = prepare(fine, PURCHASES)
    assert fact == PreparedFact(
        1,
        (("external_id", "00001"),),
        "1997-01-01",
        {"quantity": "1", "amount": "11.77", "currency": "USD"},
    )
    assert prepare(fine | {"date": ""}, PURCHASES).refused == "date.missing"
    assert prepare(fine | {"date": "19970231"}, PURCHASES).refused == "date.impossible"
    assert prepare(fine | {"date": "20260201"}, PURCHASES).refused == "date.future"
    assert prepare(fine | {"external_id": " "}, PURCHASES).refused == "no_identifier"
    assert prepare(fine | {"amount": "much"}, PURCHASES).warnings == ("amount.syntax",)
    assert prepare(fine | {"amount": "4111111111111111"}, PURCHASES).refused == "sensitive.card"


def test_the_same_purchase_has_the_same_fingerprint_and_the_second_of_a_day_another() -> None:
    fine = {"external_id": "1", "date": "19970101", "amount": "11.77"}
    fact, same = prepare(fine, PURCHASES), prepare(fine | {"date": "1997-01-01"}, PURCHASES)
    assert fact.fingerprint_input() == same.fingerprint_input()
    assert fact.fingerprint_input() != fact.fingerprint_input(2)


def test_a_web_event_keeps_its_time_and_needs_a_name() -> None:
    fine = {
        "email": "bob@example.com",
        "date": "2026-01-30T10:00:00Z",
        "event": "view",
        "url": "/a",
    }
    assert prepare(fine, WEB_EVENTS).date == "2026-01-30T10:00:00+00:00"
    assert prepare(fine | {"event": ""}, WEB_EVENTS).refused == "event.missing"


@given(st.lists(st.text(max_size=30), min_size=6, max_size=6))
def test_any_row_is_accepted_or_refused_and_what_is_accepted_stays_as_it_is(
    cells: list[str],
) -> None:
    names = ["external_id", "surname", "email", "postcode", "birthday", "street"]
    row = prepare(dict(zip(names, cells, strict=True)))
    assert isinstance(row, PreparedRow)
    if not row.refused:
        again = prepare({name: getattr(row.profile, name) or "" for name in names})
        assert again.profile == row.profile
        assert again.codes == row.codes


def test_the_published_people_are_prepared_whole() -> None:
    with find(FILES).open("rb") as stream:
        file = inspect(stream)
        ready = preparer(suggest(file.headers, country="AU"), file.headers, today=TODAY)
        rows = [ready(row) for row in read(stream, file)]
    assert Counter(row.refused for row in rows) == {"": 5_000}
    assert len({row.identifiers for row in rows}) == 5_000
    assert sum(1 for row in rows if isinstance(row, PreparedRow) and row.profile.birthday) > 4_700


def test_the_published_purchases_are_prepared_whole() -> None:
    with find(PURCHASE_FILES).open("rb") as stream:
        file = inspect(stream)
        ready = preparer(suggest(file.headers), file.headers, today=TODAY)
        counts = Counter((fact.refused, fact.warnings) for fact in map(ready, read(stream, file)))
    assert counts == {("", ()): 69_659}


ODD = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("0123456789-/.,:+eE TZ()ext#=\"'@"), max_size=30),
    st.sampled_from(
        ["4111 1111 1111 1111", "123-45-6789", '="1"', "1.2E+05", "\x00", "x" * 70_000]
    ),
)


@pytest.mark.parametrize("kind", [CONSUMERS, PURCHASES, WEB_EVENTS, ERASURES])
@given(st.data(), st.sampled_from(["US", "AU", "GB", "CA", "FR"]))
def test_no_text_in_any_cell_makes_a_row_stumble(
    kind: str, data: st.DataObject, country: str
) -> None:
    """Whole names and addresses exclude their parts, so either are drawn."""
    whole = data.draw(st.booleans())
    left_out = {"given_name", "surname", "street"} if whole else {"full_name", "full_address"}
    names = [name for name in attributes(kind) if name not in left_out]
    chosen = Mapping(kind, {name: name for name in names}, country=country)
    check(chosen, names)
    row = preparer(chosen, names, today=TODAY)
    cells = [data.draw(st.one_of(st.just(""), ODD)) for _ in names]
    found = row(Row(1, cells, "", 0))
    assert found.refused or found.identifiers or isinstance(found, PreparedRow)
    if isinstance(found, PreparedRow) and not found.refused:
        assert unpack(pack(found.profile)) == found.profile
