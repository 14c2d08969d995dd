"""The clocks of a case: started, paused, resumed, extended, stopped; each due date can be explained (R43, R44).

Call these inside a verb's transaction, on the locked case. Response and resolution are clocks of their own,
as are the acknowledgement and whatever else a room must do in time. The case's own `due_at`, `due_rule` and
`due_reason` always show the soonest clock that runs, so that lists sort by it; nothing that was answered, and
nothing that waits, looks overdue.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from portal.cases.clockwork import (
    Event,
    Happened,
    Standing,
    check_can_extend,
    check_can_pause,
    follow,
)
from portal.cases.models import Case, CaseClock, ClockEvent
from portal.cases.verbs import record_verb
from portal.errors import Refused
from portal.models import User
from portal.regimes import RULE_OF, Rule

SHOWN: Final = ("due_at", "due_rule", "due_reason")


@dataclass(frozen=True)
class ClockView:
    """A clock as a page shows it."""

    clock: CaseClock
    standing: Standing
    events: Sequence[ClockEvent]

    @property
    def kind(self) -> str:
        return self.clock.kind

    @property
    def name(self) -> str:
        return self.clock.get_kind_display()

    @property
    def rule(self) -> Rule:
        return self.standing.deadline.rule

    @property
    def due_at(self) -> datetime:
        return self.standing.deadline.due_at

    @property
    def due_on(self) -> date:
        return self.standing.deadline.due_on

    @property
    def reason(self) -> str:
        return self.standing.deadline.reason

    @property
    def pausable(self) -> bool:
        return self.rule.pausable

    def is_late(self, now: datetime) -> bool:
        return self.standing.is_late(now)


def start(
    case: Case,
    kind: str,
    *,
    rules: Iterable[Rule],
    received_at: datetime,
    tz: ZoneInfo,
    by: User,
    now: datetime,
) -> CaseClock:
    """Start a clock of `kind` at the receipt; the earliest of `rules` that hold then governs it (R22, R44).

    A clock of that kind that the case has already is replaced (triage found another regime): its events go
    on to count. Raises ValueError where none of the rules holds.
    """
    codes = [rule.code for rule in rules]
    existing = _find(case, kind)
    clock = existing or CaseClock(client_id=case.client_id, case_id=case.pk, kind=kind)
    clock.rules, clock.received_at, clock.time_zone = codes, received_at, tz.key
    standing = _standing(clock, _events(clock) if existing else [])
    clock.due_at = standing.deadline.due_at
    clock.save()
    if existing is not None:
        record_verb(case, "reckon", by=by, now=now, reason=kind)
    _show(case)
    return clock


def pause(case: Case, kind: str, *, reason: str, by: User, now: datetime) -> None:
    """Let a clock wait, for `reason` (ClockEvent.Reason). Raises Refused where its regime cannot be paused."""
    clock = _required(case, kind)
    check_can_pause(_standing(clock, _events(clock)), now)
    _happen(case, clock, Happened.PAUSED, reason=reason, by=by, now=now)


def resume(case: Case, kind: str, *, by: User, now: datetime) -> None:
    """End a wait; its days are added to the deadline. Raises Refused where the clock does not wait."""
    clock = _required(case, kind)
    if _standing(clock, _events(clock)).paused_since is None:
        raise Refused("This clock is not paused.", code="not_paused")
    _happen(case, clock, Happened.RESUMED, by=by, now=now)


def extend(
    case: Case, kind: str, *, reason: str, by: User, now: datetime, notice: UUID | None = None
) -> None:
    """Extend a deadline as its regime allows; `notice` is the letter that tells the person why (document 4).

    Raises Refused where the regime has no extension, or the notice comes after the first deadline (R43).
    """
    clock = _required(case, kind)
    standing = _standing(clock, _events(clock))
    check_can_extend(standing, now)
    rule = standing.deadline.rule.code
    _happen(case, clock, Happened.EXTENDED, reason=reason, rule=rule, notice=notice, by=by, now=now)


def stop(case: Case, kind: str, *, by: User, now: datetime) -> None:
    """Stop a clock: what it asked for was done. Stopping one that is stopped or was never started does nothing."""
    clock = _find(case, kind)
    if clock is not None and clock.stopped_at is None:
        _happen(case, clock, Happened.STOPPED, by=by, now=now)


def stop_all(case: Case, *, by: User, now: datetime) -> None:
    """Stop every clock of a case that is closed."""
    for clock in _clocks(case).filter(stopped_at__isnull=True):
        _happen(case, clock, Happened.STOPPED, by=by, now=now)


def reopen(case: Case, kind: str, *, by: User, now: datetime) -> None:
    """Let a stopped clock run again, still from the receipt."""
    clock = _required(case, kind)
    if clock.stopped_at is None:
        raise Refused("This clock is running.", code="running")
    _happen(case, clock, Happened.REOPENED, by=by, now=now)


def views(case: Case) -> list[ClockView]:
    """Every clock of the case, the soonest first."""
    found = []
    for clock in _clocks(case):
        events = list(clock.events.select_related("by"))
        found.append(ClockView(clock, _standing(clock, events), events))
    return sorted(found, key=lambda view: (view.standing.stopped_at is not None, view.due_at))


def view(case: Case, kind: str) -> ClockView | None:
    """The case's clock of `kind`, or None."""
    return next((one for one in views(case) if one.kind == kind), None)


def running(case: Case) -> list[ClockView]:
    """The clocks that nobody has stopped, the soonest first; those that wait too."""
    return [one for one in views(case) if one.standing.stopped_at is None]


def explain(case: Case) -> str:
    """Every open deadline in words: what is due, when, by which rule, and why."""
    return " ".join(_explained(one) for one in running(case))


def _explained(one: ClockView) -> str:
    if one.standing.paused_since is not None:
        return f"{one.name} waits since {one.standing.paused_since:%-d %B %Y}: {one.reason}."
    return f"{one.name} is due on {one.due_on:%-d %B %Y}: {one.reason}."


def _happen(
    case: Case,
    clock: CaseClock,
    kind: Happened,
    *,
    by: User,
    now: datetime,
    reason: str = "",
    rule: str = "",
    notice: UUID | None = None,
) -> None:
    """Write an event, derive the clock anew from all of them, and show it on the case."""
    ClockEvent.objects.create(
        client_id=clock.client_id,
        clock=clock,
        kind=kind,
        reason=reason,
        rule=rule,
        notice=notice,
        at=now,
        by=by,
    )
    standing = _standing(clock, _events(clock))
    clock.due_at = standing.deadline.due_at
    clock.paused_since, clock.stopped_at = standing.paused_since, standing.stopped_at
    clock.save(update_fields=["due_at", "paused_since", "stopped_at"])
    record_verb(case, f"clock_{kind}", by=by, now=now, reason=clock.kind)
    _show(case)


def _show(case: Case) -> None:
    """Copy the soonest clock that runs onto the case."""
    soonest = _clocks(case).filter(stopped_at__isnull=True, paused_since__isnull=True)
    clock = soonest.order_by("due_at").first()
    if clock is None:
        case.due_at, case.due_rule, case.due_reason = None, "", ""
    else:
        deadline = _standing(clock, _events(clock)).deadline
        case.due_at, case.due_rule = deadline.due_at, deadline.rule.code
        case.due_reason = f"{clock.get_kind_display()}: {deadline.reason}"[:300]
    if not case._state.adding:
        case.save(update_fields=SHOWN)


def _clocks(case: Case) -> "QuerySet[CaseClock]":
    return CaseClock.objects.filter(client_id=case.client_id, case_id=case.pk)


def _find(case: Case, kind: str) -> CaseClock | None:
    return _clocks(case).filter(kind=kind).select_for_update().first()


def _required(case: Case, kind: str) -> CaseClock:
    clock = _find(case, kind)
    if clock is None:
        raise Refused("This case has no such clock.", code="no_clock")
    return clock


def _events(clock: CaseClock) -> list[ClockEvent]:
    return list(clock.events.all())


def _standing(clock: CaseClock, events: Sequence[ClockEvent]) -> Standing:
    rules = [RULE_OF[code] for code in clock.rules]
    told = [Event(event.kind, event.at, event.rule) for event in events]
    return follow(rules, clock.received_at, ZoneInfo(clock.time_zone), told)
