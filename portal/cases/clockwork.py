"""How the events of a clock make its due date. Pure.

Invariants:
- A due date is never stored alone: it follows from the receipt, the rules and the events, in their order (R44).
- A pause shifts only the deadlines of rules that can be paused (R43). While the governing rule's clock waits,
  nothing is late; the days of the wait are added when it ends.
- A clock that was answered stands still for good, and says whether it was in time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from portal.clocks import Deadline, Pause, earliest
from portal.errors import Refused
from portal.regimes import UNIT_WORDS, Rule


class Happened(StrEnum):
    """What can happen to a clock after it has started."""

    PAUSED = "paused"
    RESUMED = "resumed"
    EXTENDED = "extended"
    STOPPED = "stopped"
    REOPENED = "reopened"


@dataclass(frozen=True)
class Event:
    """One event. `rule` is the code of the rule that an extension extends."""

    kind: str
    at: datetime
    rule: str = ""


@dataclass(frozen=True)
class Standing:
    """Where a clock stands: its deadline, since when it waits or has been answered, and which rules' extensions
    were used."""

    deadline: Deadline
    paused_since: datetime | None
    stopped_at: datetime | None
    extended: frozenset[str] = frozenset()

    @property
    def is_running(self) -> bool:
        """Whether somebody must still act by the deadline."""
        return self.stopped_at is None and self.paused_since is None

    def is_late(self, now: datetime) -> bool:
        """Whether the deadline has passed unanswered; what waits or was answered in time is not late."""
        if self.stopped_at is not None:
            return self.deadline.is_late(self.stopped_at)
        return self.is_running and self.deadline.is_late(now)


def follow(
    rules: Iterable[Rule], received_at: datetime, tz: ZoneInfo, events: Sequence[Event]
) -> Standing:
    """Where a clock stands after `events`, oldest first. Raises ValueError where no rule holds."""
    pauses: list[Pause] = []
    extended: set[str] = set()
    paused_since = stopped_at = None
    for event in events:
        if event.kind == Happened.PAUSED:
            paused_since = event.at
        elif event.kind == Happened.EXTENDED:
            extended.add(event.rule)
        elif event.kind == Happened.REOPENED:
            stopped_at = None
        elif paused_since is not None:
            pauses.append((paused_since, event.at))
            paused_since = None
        if event.kind == Happened.STOPPED:
            stopped_at = event.at
    deadline = earliest(rules, received_at, tz, pauses=pauses, extended=extended)
    return Standing(deadline, paused_since, stopped_at, frozenset(extended))


def check_can_pause(standing: Standing, now: datetime) -> None:
    """Raise Refused where the clock cannot wait: its regime does not allow it, or it does not run."""
    _check_running(standing)
    rule = standing.deadline.rule
    if not rule.pausable:
        raise Refused(
            f"{_named(rule)} cannot be paused: the {_span(rule)} run on while you wait, "
            f"until {standing.deadline.due_on:%-d %B %Y}.",
            code="not_pausable",
        )
    if standing.deadline.is_late(now):
        raise Refused("The deadline has passed; a pause would not bring it back.", code="late")


def check_can_extend(standing: Standing, now: datetime) -> None:
    """Raise Refused where the regime has no extension, or its notice would come too late."""
    _check_running(standing)
    rule, due = standing.deadline.rule, standing.deadline
    if not rule.extension:
        raise Refused(f"{_named(rule)} cannot be extended.", code="no_extension")
    if rule.code in standing.extended:
        raise Refused(f"{_named(rule)} can be extended only once.", code="extended")
    if due.is_late(now):
        raise Refused(
            f"{_named(rule)} can be extended only by a notice that is sent by "
            f"{due.due_on:%-d %B %Y}, and that day has passed.",
            code="notice_late",
        )


def _check_running(standing: Standing) -> None:
    if standing.stopped_at is not None:
        raise Refused("This clock has stopped: it was answered.", code="stopped")
    if standing.paused_since is not None:
        raise Refused("This clock is paused already.", code="paused")


def _named(rule: Rule) -> str:
    return f"A deadline by {rule.name}"


def _span(rule: Rule) -> str:
    return f"{rule.amount} {UNIT_WORDS[rule.unit]}{'' if rule.amount == 1 else 's'}"
