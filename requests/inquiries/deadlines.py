"""The clocks of an inquiry and of its branches: which rules they ask, and what a wait may stop (R2, R3, R7, R43)."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from portal.cases import timekeeping
from portal.cases.clockwork import Event, Happened, check_can_pause, follow
from portal.cases.models import Case, CaseClock, ClockEvent
from portal.clocks import local_day
from portal.errors import Refused
from portal.models import User
from portal.regimes import (
    ACKNOWLEDGE,
    CCPA_CONFIRM,
    CCPA_REQUEST,
    COMPLAINT,
    FORWARD,
    INQUIRY,
    REQUEST_RULES,
    RULE_OF,
    Rule,
)
from requests.inquiries.models import Inquiry, InquiryBranch

REGIMES: Final = (INQUIRY, *REQUEST_RULES, COMPLAINT)
"""What triage chooses from: no law, a law, or a framework's complaint."""
SOON: Final = timedelta(days=2)
RESPONSE, ACKNOWLEDGEMENT, FORWARDING = (
    CaseClock.Kind.RESPONSE,
    CaseClock.Kind.ACKNOWLEDGE,
    CaseClock.Kind.FORWARD,
)


def regime_name(rule: Rule) -> str:
    """A regime as staff choose it."""
    return "No law (house rule)" if rule is INQUIRY else rule.name


def house_zone() -> ZoneInfo:
    """Where the company's days begin."""
    return ZoneInfo(settings.COMPANY_TIME_ZONE)


def regimes_on(received_at: datetime) -> list[Rule]:
    """The regimes under which what was received then can fall."""
    day = local_day(received_at, house_zone())
    return [rule for rule in REGIMES if rule.holds_on(day)]


def check_regime(code: str, received_at: datetime) -> Rule:
    """The rule of that code. Raises Refused where it is no regime, or did not hold at the receipt."""
    rule = RULE_OF.get(code)
    if rule is None or rule not in REGIMES:
        raise Refused("Choose the law under which the request falls.", code="regime")
    if rule not in regimes_on(received_at):
        raise Refused(
            f"{rule.name} did not yet hold when this was received. Choose another law.",
            code="regime_too_new",
        )
    return rule


def start_all(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Start what runs from the receipt by anyone, whenever it was logged (R44)."""
    for kind, rule in ((ACKNOWLEDGEMENT, ACKNOWLEDGE), (FORWARDING, FORWARD), (RESPONSE, INQUIRY)):
        _start(inquiry, kind, [rule], house_zone(), by, now)


def follow_regime(inquiry: Inquiry, rule: Rule, *, by: User, now: datetime) -> None:
    """Reckon by the regime that triage has named; under the CCPA the acknowledgement is the confirmation too."""
    _start(inquiry, RESPONSE, [rule], house_zone(), by, now)
    confirm = [CCPA_CONFIRM] if rule is CCPA_REQUEST else []
    _start(inquiry, ACKNOWLEDGEMENT, [ACKNOWLEDGE, *confirm], house_zone(), by, now)
    for branch in inquiry.branches.filter(closed_at__isnull=True):
        start_branch(branch, inquiry, by=by, now=now)


def start_branch(branch: InquiryBranch, inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """The client's own clock: from the same receipt, by the same law, in the client's days (R3)."""
    zone = ZoneInfo(branch.client.time_zone)
    _start(branch, RESPONSE, [inquiry.rule or INQUIRY], zone, by, now)


def remaining_days(case: Case, now: datetime) -> int | None:
    """Calendar days until the response is due; negative once it is late, None where nothing runs (R3)."""
    view = timekeeping.view(case, RESPONSE)
    if view is None or view.standing.stopped_at is not None:
        return None
    return (view.due_on - local_day(now, ZoneInfo(view.clock.time_zone))).days


def why_no_pause(case: Case, now: datetime) -> str:
    """Why the response's clock runs on while we wait for the person; empty where it will wait (R43)."""
    view = timekeeping.view(case, RESPONSE)
    if view is None:
        return ""
    try:
        check_can_pause(view.standing, now)
    except Refused as refusal:
        return refusal.sentence
    return ""


def let_wait(inquiry: Inquiry, reason: str, *, by: User, now: datetime) -> int:
    """Pause the response's clocks of the inquiry and its open branches where the regime allows it; how many wait."""
    waiting = 0
    for case in _with_branches(inquiry):
        if timekeeping.view(case, RESPONSE) is not None and not why_no_pause(case, now):
            timekeeping.pause(case, RESPONSE, reason=reason, by=by, now=now)
            waiting += 1
    return waiting


def go_on(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """End every wait of the inquiry and its branches: a reply resumes a pause (R44)."""
    for case in _with_branches(inquiry):
        view = timekeeping.view(case, RESPONSE)
        if view is not None and view.standing.paused_since is not None:
            timekeeping.resume(case, RESPONSE, by=by, now=now)


def extend_all(
    inquiry: Inquiry, *, reason: str, notice: UUID | None, by: User, now: datetime
) -> None:
    """Extend the response's clocks of the inquiry and of the branches that have not answered."""
    timekeeping.extend(inquiry, RESPONSE, reason=reason, notice=notice, by=by, now=now)
    for case in list(_with_branches(inquiry))[1:]:
        view = timekeeping.view(case, RESPONSE)
        if view is not None and view.standing.is_running and not view.standing.extended:
            timekeeping.extend(case, RESPONSE, reason=reason, notice=notice, by=by, now=now)


def extended_until(view: timekeeping.ClockView) -> date:
    """The day by which the answer would be due after an extension."""
    rules = [RULE_OF[code] for code in view.clock.rules]
    told = [Event(one.kind, one.at, one.rule) for one in view.events]
    told.append(Event(Happened.EXTENDED, view.clock.received_at, view.rule.code))
    zone = ZoneInfo(view.clock.time_zone)
    return follow(rules, view.clock.received_at, zone, told).deadline.due_on


def reopen_stopped(inquiry: Inquiry, *kinds: str, by: User, now: datetime) -> None:
    """Let clocks that were stopped run again, still from the receipt."""
    for kind in kinds:
        view = timekeeping.view(inquiry, kind)
        if view is not None and view.standing.stopped_at is not None:
            timekeeping.reopen(inquiry, kind, by=by, now=now)


def _with_branches(inquiry: Inquiry) -> Iterator[Case]:
    """The inquiry and its open branches; these are locked."""
    yield inquiry
    open_ones = InquiryBranch.objects.filter(inquiry=inquiry, closed_at__isnull=True)
    yield from open_ones.select_for_update(of=("self",)).select_related("client").order_by("pk")


def _start(
    case: Case, kind: str, rules: list[Rule], zone: ZoneInfo, by: User, now: datetime
) -> None:
    timekeeping.start(
        case, kind, rules=rules, received_at=case.received_at, tz=zone, by=by, now=now
    )


IDENTITY: Final = ClockEvent.Reason.IDENTITY
