"""Dated records and the conditions of arbitration, without a database."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests.disputes.arbitration import BARS, Facts, arbitration_conditions, unmet
from requests.disputes.frameworks import (
    ANA,
    EU_DPF,
    EU_SHIELD,
    FRAMEWORKS,
    SWISS_DPF,
    SWISS_SHIELD,
    UK_DPF,
    contact_on,
    framework_on,
)

COMPLETE = Facts(
    framework=EU_DPF,
    complained_on=date(2026, 1, 5),
    direct_due_on=date(2026, 2, 19),
    body_noticed_on=date(2026, 2, 25),
    body_closed_on=date(2026, 4, 1),
    dpa_referred_on=date(2026, 4, 10),
    review_began_on=date(2026, 4, 20),
    review_due_on=date(2026, 7, 19),
)


@pytest.mark.parametrize(
    ("region", "day", "found"),
    [
        ("eea", date(2020, 3, 1), EU_SHIELD),
        ("eea", date(2020, 12, 1), EU_SHIELD),
        ("eea", date(2023, 7, 9), EU_SHIELD),
        ("eea", date(2023, 7, 10), EU_DPF),
        ("uk", date(2023, 10, 11), EU_SHIELD),
        ("uk", date(2023, 10, 12), UK_DPF),
        ("ch", date(2024, 9, 14), SWISS_SHIELD),
        ("ch", date(2024, 9, 15), SWISS_DPF),
        ("us", date(2026, 1, 1), None),
        ("eea", date(2015, 1, 1), None),
    ],
)
def test_a_complaint_keeps_the_framework_of_its_day(region: str, day: date, found: object) -> None:
    assert framework_on(region, day) == found


def test_the_shield_ended_for_transfers_on_the_day_of_the_judgment() -> None:
    assert EU_SHIELD.is_valid_on(date(2020, 7, 15))
    assert not EU_SHIELD.is_valid_on(date(2020, 7, 16))


def test_arbitration_came_later_for_swiss_individuals() -> None:
    assert EU_SHIELD.has_arbitration_on(date(2018, 1, 1))
    assert not SWISS_SHIELD.has_arbitration_on(date(2018, 1, 1))


def test_the_dispute_body_is_reached_where_it_was_on_the_day() -> None:
    assert "Alexandria" in contact_on(date(2020, 5, 1))
    assert "2020 K Street NW, Suite 660" in contact_on(date(2026, 5, 1))
    assert ANA.address_on(date(2019, 1, 1)) == ANA.addresses[0]


def test_every_record_names_its_source() -> None:
    sources = [one.source for one in FRAMEWORKS] + [one.source for one in ANA.addresses]
    assert all(sources)


def test_all_three_steps_open_arbitration_and_the_policy_names_two_of_them() -> None:
    on = date(2026, 7, 20)
    found = {one.code: one for one in arbitration_conditions(COMPLETE, on)}
    assert unmet(found.values()) == []
    steps = [found[code] for code in ("direct", "dispute_body", "commerce")]
    assert [one.in_policy for one in steps] == [True, True, False]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"complained_on": None}, "direct"),
        ({"body_closed_on": None}, "dispute_body"),
        ({"body_noticed_on": None, "body_closed_on": None}, "dispute_body"),
        ({"review_began_on": None}, "commerce"),
        ({"review_due_on": date(2026, 7, 20)}, "commerce"),
        ({"hr_data": True}, "not_hr_data"),
        ({"framework": None}, "framework"),
        *(({"bars": frozenset({bar})}, f"not_{bar}") for bar in BARS),
    ],
)
def test_one_step_that_is_missing_is_the_one_that_is_named(
    changed: dict[str, object], code: str
) -> None:
    facts = replace(COMPLETE, **changed)  # type: ignore[arg-type]
    assert [one.code for one in unmet(arbitration_conditions(facts, date(2026, 7, 20)))] == [code]


def test_the_direct_step_is_met_by_day_46_or_by_an_answer() -> None:
    def is_met(on: date, answered_on: date | None = None) -> bool:
        facts = replace(COMPLETE, answered_on=answered_on)
        return next(one for one in arbitration_conditions(facts, on) if one.code == "direct").met

    assert not is_met(date(2026, 2, 19))
    assert is_met(date(2026, 2, 20))
    assert is_met(date(2026, 1, 20), answered_on=date(2026, 1, 20))
    assert not is_met(date(2026, 1, 19), answered_on=date(2026, 1, 20))


@given(st.dates(date(2026, 1, 1), date(2027, 1, 1)), st.integers(0, 300))
def test_what_is_met_stays_met_as_time_passes(on: date, later: int) -> None:
    after = date.fromordinal(on.toordinal() + later)
    now = {one.code for one in arbitration_conditions(COMPLETE, on) if one.met}
    assert now <= {one.code for one in arbitration_conditions(COMPLETE, after) if one.met}
