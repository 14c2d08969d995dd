"""The clocks of a case: what stops, waits and is extended, and what the case shows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from portal.cases import timekeeping
from portal.cases.clockwork import Event, Happened, follow
from portal.cases.models import Case, CaseClock, ClockEvent
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.regimes import (
    ACKNOWLEDGE,
    CCPA_REQUEST,
    COMPLAINT,
    GDPR_REQUEST,
    OTHER_STATES,
    Rule,
)
from portal.roles import SECURITY_OFFICER
from tests.factories import NOW, make_client, staff_in
from tests.optouts.helpers import make_opt_out

BOSTON = ZoneInfo("America/New_York")
RECEIVED = datetime(2026, 1, 31, 15, 0, tzinfo=UTC)
RESPONSE, ACK = CaseClock.Kind.RESPONSE, CaseClock.Kind.ACKNOWLEDGE
IDENTITY = ClockEvent.Reason.IDENTITY
pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def officer() -> User:
    return staff_in(SECURITY_OFFICER)


@pytest.fixture
def case() -> Case:
    """Any case will do; this one is an opt-out."""
    return make_opt_out(make_client())


def start(case: Case, officer: User, *rules: Rule, kind: str = RESPONSE) -> CaseClock:
    with transaction.atomic():
        return timekeeping.start(
            case, kind, rules=rules, received_at=RECEIVED, tz=BOSTON, by=officer, now=NOW
        )


def due_on(case: Case, kind: str = RESPONSE) -> str:
    view = timekeeping.view(case, kind)
    assert view is not None
    return f"{view.due_on}"


def at(day: int, month: int = 2) -> datetime:
    return datetime(2026, month, day, 15, 0, tzinfo=UTC)


def test_a_gdpr_wait_shifts_the_due_date_and_the_case_does_not_look_late_meanwhile(
    case: Case, officer: User
) -> None:
    start(case, officer, GDPR_REQUEST)
    assert due_on(case) == "2026-02-28"
    with transaction.atomic():
        timekeeping.pause(case, RESPONSE, reason=IDENTITY, by=officer, now=at(10))
    assert case.due_at is None
    (view,) = timekeeping.running(case)
    assert not view.is_late(at(1, 6))
    assert "waits since 10 February 2026" in timekeeping.explain(case)
    with transaction.atomic():
        timekeeping.resume(case, RESPONSE, by=officer, now=at(15))
    assert due_on(case) == "2026-03-05"
    assert case.due_rule == "gdpr_request"
    assert "5 days of waiting" in case.due_reason


def test_a_californian_wait_is_refused_and_leaves_the_due_date(case: Case, officer: User) -> None:
    start(case, officer, CCPA_REQUEST)
    before = due_on(case)
    with (
        pytest.raises(Refused, match="CCPA cannot be paused: the 45 calendar days run on"),
        transaction.atomic(),
    ):
        timekeeping.pause(case, RESPONSE, reason=IDENTITY, by=officer, now=at(10))
    assert due_on(case) == before
    assert not ClockEvent.objects.exists()


def test_a_framework_complaint_can_neither_wait_nor_be_extended(case: Case, officer: User) -> None:
    start(case, officer, COMPLAINT)
    for verb in (timekeeping.pause, timekeeping.extend):
        with pytest.raises(Refused, match="Privacy Shield and DPF"), transaction.atomic():
            verb(case, RESPONSE, reason="complexity", by=officer, now=at(10))


@pytest.mark.parametrize(
    ("rule", "extended"),
    [(GDPR_REQUEST, "2026-04-30"), (CCPA_REQUEST, "2026-05-01"), (OTHER_STATES[0], "2026-05-01")],
)
def test_an_extension_is_given_once_and_only_inside_the_first_span(
    case: Case, officer: User, rule: Rule, extended: str
) -> None:
    start(case, officer, rule)
    with transaction.atomic():
        timekeeping.extend(case, RESPONSE, reason="complexity", by=officer, now=at(27))
    assert due_on(case) == extended
    with pytest.raises(Refused, match="extended only once"), transaction.atomic():
        timekeeping.extend(case, RESPONSE, reason="complexity", by=officer, now=at(28))


def test_a_late_notice_extends_nothing(case: Case, officer: User) -> None:
    start(case, officer, GDPR_REQUEST)
    with pytest.raises(Refused, match="by 28 February 2026"), transaction.atomic():
        timekeeping.extend(case, RESPONSE, reason="complexity", by=officer, now=at(1, 3))


def test_the_case_shows_the_soonest_clock_that_runs_and_none_once_all_are_answered(
    case: Case, officer: User
) -> None:
    start(case, officer, GDPR_REQUEST)
    start(case, officer, ACKNOWLEDGE, kind=ACK)
    assert case.due_rule == "acknowledge"
    assert case.due_reason.startswith("Acknowledgement: 2 business days from receipt on 31 January")
    with transaction.atomic():
        timekeeping.stop(case, ACK, by=officer, now=at(2))
    assert case.due_rule == "gdpr_request"
    with transaction.atomic():
        timekeeping.stop_all(case, by=officer, now=at(3, 3))
    case.refresh_from_db()
    assert (case.due_at, case.due_rule, case.due_reason) == (None, "", "")
    late = {view.kind: view.is_late(NOW) for view in timekeeping.views(case)}
    assert late == {ACK: False, RESPONSE: True}


def test_triage_to_another_regime_reckons_anew_from_the_same_receipt(
    case: Case, officer: User
) -> None:
    start(case, officer, GDPR_REQUEST)
    start(case, officer, CCPA_REQUEST)
    assert CaseClock.objects.count() == 1
    assert due_on(case) == "2026-03-17"
    assert Leaf.objects.filter(verb="optout.reckon", object_id=case.pk).count() == 1


def test_every_event_leaves_a_leaf_and_a_clock_that_was_answered_stands_still(
    case: Case, officer: User
) -> None:
    start(case, officer, GDPR_REQUEST)
    with transaction.atomic():
        timekeeping.stop(case, RESPONSE, by=officer, now=at(5))
        timekeeping.stop(case, RESPONSE, by=officer, now=at(6))
    assert Leaf.objects.filter(verb="optout.clock_stopped").count() == 1
    with pytest.raises(Refused, match="it was answered"), transaction.atomic():
        timekeeping.pause(case, RESPONSE, reason=IDENTITY, by=officer, now=at(7))
    with transaction.atomic():
        timekeeping.reopen(case, RESPONSE, by=officer, now=at(8))
    assert due_on(case) == "2026-02-28"
    assert case.due_rule == "gdpr_request"


waits = st.lists(st.integers(0, 40), max_size=4)


@given(waits)
def test_waits_move_a_pausable_deadline_by_their_days_and_no_other(days: list[int]) -> None:
    moment, events = RECEIVED, []
    for wait in days:
        events.append(Event(Happened.PAUSED, moment))
        moment += timedelta(days=wait)
        events.append(Event(Happened.RESUMED, moment))
    shifted = follow([GDPR_REQUEST], RECEIVED, BOSTON, events).deadline.due_on
    plain = follow([GDPR_REQUEST], RECEIVED, BOSTON, []).deadline.due_on
    assert (shifted - plain).days == sum(days)
    fixed = follow([CCPA_REQUEST], RECEIVED, BOSTON, events).deadline
    assert fixed.due_on == follow([CCPA_REQUEST], RECEIVED, BOSTON, []).deadline.due_on
