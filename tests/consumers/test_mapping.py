"""Which column means what is suggested, stored, and checked in sentences."""

import pytest

from consumers.mapping import (
    CONSUMERS,
    ERASURES,
    PURCHASES,
    WEB_EVENTS,
    Mapping,
    attributes,
    check,
    problems,
    suggest,
)
from portal.errors import Refused

FEBRL = [
    "rec_id", "given_name", "surname", "street_number", "address_1", "address_2", "suburb", "postcode",
    "state", "date_of_birth", "soc_sec_id",
]  # fmt: skip


def test_a_file_of_people_is_recognised_and_its_sensitive_column_is_left_out() -> None:
    mapping = suggest(FEBRL, country="AU")
    assert mapping.kind == CONSUMERS
    assert mapping.country == "AU"
    assert mapping.columns == {
        "rec_id": "external_id",
        "given_name": "given_name",
        "surname": "surname",
        "street_number": "street_number",
        "address_1": "street",
        "address_2": "street2",
        "suburb": "locality",
        "postcode": "postcode",
        "state": "region",
        "date_of_birth": "birthday",
    }
    assert problems(mapping, FEBRL) == []


def test_a_file_of_purchases_is_recognised() -> None:
    mapping = suggest(["customer_id", "date", "number_of_cds", "dollar_value"])
    assert mapping.kind == PURCHASES
    assert mapping.columns == {
        "customer_id": "external_id",
        "date": "date",
        "number_of_cds": "quantity",
        "dollar_value": "amount",
    }


def test_a_file_of_web_events_is_recognised() -> None:
    mapping = suggest(["userId", "eventType", "timestamp", "pageUrl"])
    assert mapping.kind == WEB_EVENTS
    assert set(mapping.columns.values()) == {"external_id", "event", "date", "url"}


def test_an_attribute_goes_to_the_column_that_names_it_best() -> None:
    mapping = suggest(
        ["id", "E-Mail", "customerId", "ZIP Code", "Email Opt-In", "First Name", "Cell"]
    )
    assert mapping.columns == {
        "customerId": "external_id",
        "E-Mail": "email",
        "ZIP Code": "postcode",
        "Email Opt-In": "opt_in.email",
        "First Name": "given_name",
        "Cell": "telephone",
    }


def test_a_mapping_can_be_stored_and_recognises_its_files() -> None:
    mapping = suggest(FEBRL)
    stored = mapping.to_json() | {"of_a_later_version": 1}
    assert Mapping.from_json(stored) == mapping
    assert mapping.fits(FEBRL)
    assert not mapping.fits(FEBRL[1:])


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        (Mapping("people"), "Choose what the file holds"),
        (Mapping(CONSUMERS, {"a": "surname"}), "Map a column to external_id, email or telephone"),
        (
            Mapping(CONSUMERS, {"a": "email", "b": "email"}),
            "More than one column is mapped to email.",
        ),
        (Mapping(CONSUMERS, {"a": "email", "b": "shoe"}), "There is no attribute shoe."),
        (Mapping(CONSUMERS, {"x": "email"}), "The file has no column x."),
        (Mapping(CONSUMERS, {"a": "email", "ssn": "street"}), "The column ssn cannot be mapped."),
        (Mapping(CONSUMERS, {"a": "email", "b": "demographics.religion"}), "is not accepted"),
        (Mapping(CONSUMERS, {"a": "email", "b": "demographics."}), "a name"),
        (Mapping(PURCHASES, {"a": "email"}), "Map a column to date."),
        (Mapping(CONSUMERS, {"a": "email"}, country="XX"), "default country"),
        (Mapping(CONSUMERS, {"a": "email"}, currency="dollars"), "currency"),
        (
            Mapping(CONSUMERS, {"a": "full_name", "b": "surname", "c": "email"}),
            "Map either full_name or given_name and surname, not both.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(mapping: Mapping, sentence: str) -> None:
    headers = ["a", "b", "c", "ssn"]
    assert any(sentence in found for found in problems(mapping, headers))
    with pytest.raises(Refused) as caught:
        check(mapping, headers)
    assert caught.value.code == "mapping"


def test_people_can_be_known_by_name_and_address_alone() -> None:
    check(Mapping(CONSUMERS, {"a": "surname", "b": "street", "c": "postcode"}), ["a", "b", "c"])
    assert "surname" in attributes(CONSUMERS)


def test_a_file_that_names_people_to_erase_is_never_taken_for_one_to_import() -> None:
    headers = ("customer_id", "email", "first_name", "last_name", "zip", "dob", "email_opt_in")
    erasures = suggest(headers, kind=ERASURES)
    assert erasures.columns == {
        "customer_id": "external_id",
        "email": "email",
        "first_name": "given_name",
        "last_name": "surname",
        "zip": "postcode",
        "dob": "birthday",
    }
    assert problems(erasures, headers) == []
    assert suggest(headers).kind == CONSUMERS
    for beyond in ("opt_in.email", "demographics.household"):
        wrong = Mapping(ERASURES, {"customer_id": "external_id", "email": beyond})
        assert "no attribute" in problems(wrong)[0]
