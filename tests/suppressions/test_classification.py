"""Each drop is suppressed, tail or violation (R35): the boundaries, and a naive oracle."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from portal.clocks import six_months_after
from requests.suppressions.classification import classify, reclassify

BOSTON = ZoneInfo("America/New_York")
EFFECTIVE = datetime(2026, 8, 31, 16, 0, tzinfo=UTC)
ENDS = date(2027, 2, 28)
minutes = st.integers(-60 * 24 * 400, 60 * 24 * 400)


def test_an_opt_out_effective_exactly_at_the_lock_is_suppressed() -> None:
    late = date(2027, 9, 1)
    assert classify(EFFECTIVE, EFFECTIVE, late, ENDS) == "suppressed"
    assert classify(EFFECTIVE, EFFECTIVE - timedelta(microseconds=1), ENDS, ENDS) == "tail"


def test_a_mailing_on_the_six_month_date_is_tail_and_on_the_next_day_a_violation() -> None:
    locked = EFFECTIVE - timedelta(days=1)
    ends = six_months_after(EFFECTIVE, BOSTON)
    assert ends == ENDS, "31 August and six months is the last day of February"
    assert classify(EFFECTIVE, locked, ends, ends) == "tail"
    assert classify(EFFECTIVE, locked, ends + timedelta(days=1), ends) == "violation"


def test_what_comes_later_is_never_tail() -> None:
    locked = EFFECTIVE - timedelta(days=1)
    assert reclassify(None, EFFECTIVE, locked, ENDS, ENDS) == "violation"
    assert reclassify("suppressed", EFFECTIVE, locked, ENDS, ENDS) == "violation"
    assert reclassify("violation", EFFECTIVE, locked, ENDS, ENDS) == "violation"
    assert reclassify("tail", EFFECTIVE, locked, ENDS, ENDS) == "tail"


def test_a_kill_file_turns_tail_and_violation_into_suppressed() -> None:
    for before in (None, "tail", "violation", "suppressed"):
        assert reclassify(before, EFFECTIVE, EFFECTIVE, ENDS, ENDS) == "suppressed"


@given(minutes, st.integers(-400, 400))
def test_the_class_is_what_a_person_would_say(offset: int, days: int) -> None:
    last_call, mailed = EFFECTIVE + timedelta(minutes=offset), ENDS + timedelta(days=days)
    could_take_out = not (last_call < EFFECTIVE)
    within_six_months = not (mailed > ENDS)
    expected = {
        (True, True): "suppressed",
        (True, False): "suppressed",
        (False, True): "tail",
        (False, False): "violation",
    }[could_take_out, within_six_months]
    assert classify(EFFECTIVE, last_call, mailed, ENDS) == expected


@given(minutes, st.integers(-400, 400), st.integers(0, 400))
def test_moving_a_mailing_to_a_later_day_never_makes_it_better(
    offset: int, days: int, later: int
) -> None:
    order = ["suppressed", "tail", "violation"]
    last_call, mailed = EFFECTIVE + timedelta(minutes=offset), ENDS + timedelta(days=days)
    before = classify(EFFECTIVE, last_call, mailed, ENDS)
    after = reclassify(before, EFFECTIVE, last_call, mailed + timedelta(days=later), ENDS)
    assert order.index(after) >= order.index(before)


@given(st.sampled_from([None, "suppressed", "tail", "violation"]), minutes, st.integers(-400, 400))
def test_nothing_but_tail_stays_tail(before: str | None, offset: int, days: int) -> None:
    last_call, mailed = EFFECTIVE + timedelta(minutes=offset), ENDS + timedelta(days=days)
    if reclassify(before, EFFECTIVE, last_call, mailed, ENDS) == "tail":
        assert before == "tail"
