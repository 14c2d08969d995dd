"""Deadlines: which rule, which day, and why (R22, R35, R43)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clocks import (
    Deadline,
    add_business_days,
    add_months,
    deadline,
    earliest,
    end_of_day,
    erasure_deadline,
    is_business_day,
    local_day,
    opt_out_deadline,
    six_months_after,
)
from portal.regimes import (
    ALL_RULES,
    CAN_SPAM,
    CCPA_REQUEST,
    COMPLAINT,
    GDPR_REQUEST,
    ONE_CLICK,
    OPT_OUT_RULES,
    POLICY_OPT_OUT,
    Rule,
    Unit,
)

BOSTON = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "America/New_York", "Europe/Berlin", "Pacific/Kiritimati", "America/Havana")
]
moments = st.integers(0, 8 * 366 * 86_400).map(
    lambda seconds: datetime(2024, 7, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
rules = st.sampled_from(ALL_RULES)
zones = st.sampled_from(ZONES)
regions = st.sets(st.sampled_from(["us", "eea", "uk", "ch", "ca"]))


def at(year: int, month: int, day: int, hour: int = 15, tz: ZoneInfo = BOSTON) -> datetime:
    return datetime(year, month, day, hour, tzinfo=tz).astimezone(UTC)


# ------------------------------------------------------------------------------------------ opt-outs


def test_the_policys_ten_calendar_days_win_over_can_spam_and_the_reason_says_so() -> None:
    due = opt_out_deadline("email", ["us"], at(2026, 3, 3), tz=BOSTON)
    assert due.rule is POLICY_OPT_OUT
    assert due.due_on == date(2026, 3, 13)
    assert due.reason == (
        "10 calendar days from receipt on 3 March 2026 (policy); CAN-SPAM would give 17 March"
    )


def test_a_runner_up_in_the_next_year_is_told_with_its_year() -> None:
    due = opt_out_deadline("email", ["us"], at(2026, 12, 22), tz=BOSTON)
    assert due.reason.endswith("CAN-SPAM would give 7 January 2027")


def test_a_one_click_opt_out_is_due_in_two_days() -> None:
    due = opt_out_deadline("email", ["us"], at(2026, 3, 3), one_click=True, tz=BOSTON)
    assert (due.rule, due.due_on) == (ONE_CLICK, date(2026, 3, 5))
    assert "policy would give 13 March" in due.reason


def test_one_click_says_nothing_about_other_channels() -> None:
    due = opt_out_deadline("mail", ["us"], at(2026, 3, 3), one_click=True, tz=BOSTON)
    assert due.rule is POLICY_OPT_OUT


def test_an_opt_out_of_every_channel_has_the_earliest_deadline_of_them_all() -> None:
    received = at(2026, 3, 3)
    each = [opt_out_deadline(one, ["us", "eea"], received, tz=BOSTON) for one in OPT_OUT_RULES]
    every = opt_out_deadline("", ["us", "eea"], received, tz=BOSTON)
    assert every.due_at == min(one.due_at for one in each)


def test_a_rule_is_not_asked_before_the_day_from_which_it_holds() -> None:
    due = opt_out_deadline("email", ["us"], at(2023, 3, 3), one_click=True, tz=BOSTON)
    assert due.rule is POLICY_OPT_OUT


def test_a_rule_is_not_asked_after_its_last_day() -> None:
    over = Rule("over", "over", 1, Unit.CALENDAR_DAYS, "*", "test", holds_until=date(2026, 3, 2))
    assert earliest([over, POLICY_OPT_OUT], at(2026, 3, 2), BOSTON).rule is over
    assert earliest([over, POLICY_OPT_OUT], at(2026, 3, 3), BOSTON).rule is POLICY_OPT_OUT


def test_the_rules_of_a_region_are_asked_only_where_the_client_has_consumers() -> None:
    received = at(2026, 3, 3)
    assert "CAN-SPAM" not in opt_out_deadline("email", ["eea"], received, tz=BOSTON).reason
    assert "CASL would give" in opt_out_deadline("email", ["ca"], received, tz=BOSTON).reason
    assert opt_out_deadline("email", [], received, tz=BOSTON).rule is POLICY_OPT_OUT


# ------------------------------------------------------------------------------------ business days


def test_business_days_skip_weekends_holidays_and_observed_holidays() -> None:
    # Thanksgiving 2026 is 26 November; 4 July 2026, a Saturday, is observed on Friday, 3 July.
    assert add_business_days(date(2026, 11, 24), 2) == date(2026, 11, 27)
    assert add_business_days(date(2026, 7, 2), 1) == date(2026, 7, 6)
    # New Year's Day 2028 is a Saturday and observed in the year before.
    assert not is_business_day(date(2027, 12, 31))


def test_each_jurisdiction_has_its_own_holidays() -> None:
    canada_day = date(2026, 7, 1)
    assert is_business_day(canada_day, "us")
    assert not is_business_day(canada_day, "ca")
    assert is_business_day(date(2026, 11, 26), "ca")


def test_a_jurisdiction_without_a_calendar_is_refused_and_not_guessed() -> None:
    with pytest.raises(ValueError, match="no calendar"):
        add_business_days(date(2026, 3, 3), 1, "atlantis")


@given(moments)
def test_ten_business_days_are_twelve_to_eighteen_calendar_days(received: datetime) -> None:
    days = (deadline(CAN_SPAM, received, BOSTON).due_on - local_day(received, BOSTON)).days
    assert 12 <= days <= 18


# ------------------------------------------------------------------------------- months and the tail


def test_six_months_after_31_august_is_the_last_day_of_february() -> None:
    assert six_months_after(at(2026, 8, 31), BOSTON) == date(2027, 2, 28)
    assert six_months_after(at(2027, 8, 31), BOSTON) == date(2028, 2, 29)


@given(moments, zones)
def test_six_months_are_181_to_184_days(moment: datetime, tz: ZoneInfo) -> None:
    assert 181 <= (six_months_after(moment, tz) - local_day(moment, tz)).days <= 184


def test_the_six_months_begin_on_the_day_where_the_client_is() -> None:
    late_evening = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)  # still 28 February in Boston
    assert six_months_after(late_evening, BOSTON) == date(2026, 8, 28)
    assert six_months_after(late_evening, BERLIN) == date(2026, 9, 1)


def test_gdpr_received_on_31_january_is_due_on_the_last_day_of_february() -> None:
    due = deadline(GDPR_REQUEST, at(2027, 1, 31, tz=BERLIN), BERLIN)
    assert due.due_on == date(2027, 2, 28)
    assert due.reason == "1 month from receipt on 31 January 2027 (GDPR)"


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 36))
def test_adding_months_keeps_the_day_or_ends_the_month(day: date, months: int) -> None:
    found = add_months(day, months)
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    ends_month = (found + timedelta(days=1)).day == 1
    assert found.day == day.day or (found.day < day.day and ends_month)


# ----------------------------------------------------------------------------- in time, late, pauses


def test_day_45_is_in_time_and_day_46_is_late() -> None:
    due = deadline(COMPLAINT, at(2026, 3, 3, hour=9), BOSTON)
    assert not due.is_late(at(2026, 4, 17, hour=23))
    assert due.is_late(at(2026, 4, 18, hour=0))


def test_the_day_is_counted_in_the_clients_time_zone() -> None:
    late_evening = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)  # 3 March in Boston, 4 March in Berlin
    assert deadline(COMPLAINT, late_evening, BOSTON).due_on == date(2026, 4, 17)
    assert deadline(COMPLAINT, late_evening, BERLIN).due_on == date(2026, 4, 18)


def test_a_californian_wait_changes_nothing_and_a_gdpr_wait_shifts_the_date() -> None:
    received, wait = at(2026, 3, 3), [(at(2026, 3, 5), at(2026, 3, 12))]
    plain = deadline(CCPA_REQUEST, received, BOSTON)
    assert deadline(CCPA_REQUEST, received, BOSTON, pauses=wait) == plain
    shifted = deadline(GDPR_REQUEST, received, BOSTON, pauses=wait)
    assert shifted.due_on == date(2026, 4, 10)
    assert "and 7 days of waiting" in shifted.reason


def test_an_extension_adds_what_its_regime_allows() -> None:
    received = at(2026, 3, 3)
    assert deadline(GDPR_REQUEST, received, BOSTON, extended=True).due_on == date(2026, 6, 3)
    assert deadline(CCPA_REQUEST, received, BOSTON, extended=True).due_on == date(2026, 6, 1)
    with pytest.raises(ValueError, match="no extension"):
        deadline(CAN_SPAM, received, BOSTON, extended=True)


def test_an_erasure_is_due_by_the_strictest_region_of_the_client() -> None:
    received = at(2026, 3, 3)
    assert erasure_deadline(["us"], received, BOSTON).rule is CCPA_REQUEST
    both = erasure_deadline(["us", "eea"], received, BOSTON)
    assert (both.rule, both.due_on) == (GDPR_REQUEST, date(2026, 4, 3))
    assert both.reason.endswith("CCPA would give 17 April")


def test_where_no_rule_holds_there_is_no_deadline_to_invent() -> None:
    with pytest.raises(ValueError, match="No rule holds"):
        erasure_deadline([], at(2026, 3, 3), BOSTON)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        deadline(CAN_SPAM, datetime(2026, 3, 3), BOSTON)  # noqa: DTZ001  (that is what is tested)


def test_the_end_of_a_day_is_right_when_the_clocks_change_at_midnight() -> None:
    # In Havana the hour after midnight of 1 November 2026 comes twice; in Cairo that of 24 April never does.
    havana, cairo = ZoneInfo("America/Havana"), ZoneInfo("Africa/Cairo")
    for day, tz in ((date(2026, 10, 31), havana), (date(2026, 4, 23), cairo)):
        end = end_of_day(day, tz)
        assert local_day(end, tz) == day
        assert local_day(end + timedelta(microseconds=1), tz) == day + timedelta(days=1)


# --------------------------------------------------------------------------------------- properties


@given(rules, moments, zones)
def test_a_deadline_is_never_before_the_receipt_and_ends_its_day(
    rule: Rule, received: datetime, tz: ZoneInfo
) -> None:
    due = deadline(rule, received, tz)
    assert due.due_at > received
    assert due.due_at.tzinfo is UTC
    assert local_day(due.due_at, tz) == due.due_on
    assert local_day(due.due_at + timedelta(microseconds=1), tz) > due.due_on


@given(rules, moments, moments, zones)
def test_what_came_in_later_is_never_due_earlier(
    rule: Rule, one: datetime, other: datetime, tz: ZoneInfo
) -> None:
    first, second = sorted([one, other])
    assert deadline(rule, first, tz).due_at <= deadline(rule, second, tz).due_at


@given(st.sampled_from(["", *OPT_OUT_RULES]), regions, moments, st.booleans(), zones)
def test_the_earliest_is_no_later_than_any_candidate_and_explains_itself_briefly(
    channel: str, regions: set[str], received: datetime, one_click: bool, tz: ZoneInfo
) -> None:
    due = opt_out_deadline(channel, regions, received, one_click=one_click, tz=tz)
    candidates = _candidates(channel, regions, received, one_click, tz)
    assert due.due_at == min(one.due_at for one in candidates)
    assert len(due.reason) <= 300
    assert len(due.rule.code) <= 40


def _candidates(
    channel: str, regions: set[str], received: datetime, one_click: bool, tz: ZoneInfo
) -> list[Deadline]:
    """Every deadline that R22, R27, R28, R30 and R31 could mean, written out anew."""
    day = local_day(received, tz)
    found = [deadline(POLICY_OPT_OUT, received, tz)]
    for name, listed in OPT_OUT_RULES.items():
        if channel in ("", name):
            for rule in listed:
                place = rule.jurisdiction.split("-")[0]
                if place in regions and (rule.holds_from is None or rule.holds_from <= day):
                    found.append(deadline(rule, received, tz))
    if one_click and channel in ("", "email") and day >= date(2024, 6, 1):
        found.append(deadline(ONE_CLICK, received, tz))
    return found


@given(rules)
def test_every_rule_says_where_it_comes_from_and_has_a_code_fit_for_the_ledger(rule: Rule) -> None:
    from portal.ledger.codes import check_code

    check_code("due_rule", rule.code)
    assert rule.source
    assert rule.amount > 0
