"""Clocks: when something is due, and by which rule. Pure.

Invariants:
- Time is an argument. Moments come in and go out aware and in UTC; days are counted in the time zone of the
  company or the client, because "day 45" is a day where the work is done.
- The day of receipt is day 0. What is due on a day is in time until the end of that day there: day 45 is in
  time, day 46 is late.
- A deadline is never before the receipt, and what came in later is never due earlier.
- The earliest of several deadlines wins, and its reason says by which rule and what the next one would give.
"""

import calendar
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays

from portal.regimes import (
    CATALOG_TAIL,
    ERASURE_RULES,
    EVERYWHERE,
    ONE_CLICK,
    OPT_OUT_RULES,
    UNIT_WORDS,
    Rule,
    Unit,
)

__all__ = [
    "Deadline",
    "Pause",
    "Rule",
    "Unit",
    "add_business_days",
    "add_months",
    "deadline",
    "earliest",
    "end_of_day",
    "erasure_deadline",
    "is_business_day",
    "local_day",
    "opt_out_deadline",
    "six_months_after",
]

Pause = tuple[datetime, datetime]
# A holiday that only a part of a country keeps gives nobody a day more: the stricter reading.
HOLIDAYS_OF: Final = {EVERYWHERE: "US", "us": "US", "ca": "CA", "uk": "GB", "ch": "CH"}


@dataclass(frozen=True)
class Deadline:
    """When something is due: the last moment that is in time (UTC), its rule, and why, for staff."""

    rule: Rule
    due_at: datetime
    due_on: date
    reason: str

    def is_late(self, now: datetime) -> bool:
        """Whether `now` is past the deadline."""
        return now > self.due_at


# -------------------------------------------------------------------------------------------- days


def local_day(moment: datetime, tz: ZoneInfo) -> date:
    """The day on which `moment` fell in `tz`. Raises ValueError for a moment without a zone."""
    if moment.tzinfo is None:
        raise ValueError("A clock takes only moments with a time zone.")
    return moment.astimezone(tz).date()


def end_of_day(day: date, tz: ZoneInfo) -> datetime:
    """The last moment of `day` in `tz`, in UTC; right on the days on which the clocks change too."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=tz)
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or the last day of that month where it is shorter.

    31 August and six months is the last day of February: 181 to 184 days (R35).
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def is_business_day(day: date, jurisdiction: str = "us") -> bool:
    """Whether `day` is neither Saturday nor Sunday nor a public holiday of the jurisdiction's country."""
    return day.weekday() < 5 and day not in _holidays(_country(jurisdiction), day.year)


def add_business_days(day: date, amount: int, jurisdiction: str = "us") -> date:
    """The `amount`-th business day after `day`; `day` itself is not counted, whatever it is."""
    for _ in range(amount):
        day += timedelta(days=1)
        while not is_business_day(day, jurisdiction):
            day += timedelta(days=1)
    return day


def _country(jurisdiction: str) -> str:
    region = jurisdiction.partition("-")[0]
    if region not in HOLIDAYS_OF:
        raise ValueError(f"no calendar of business days for {jurisdiction!r}")
    return HOLIDAYS_OF[region]


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> frozenset[date]:
    """The country's public holidays of one year, with the days on which they are observed."""
    return frozenset(holidays.country_holidays(country, years=year))


# --------------------------------------------------------------------------------------- deadlines


def deadline(
    rule: Rule,
    received_at: datetime,
    tz: ZoneInfo,
    *,
    pauses: Sequence[Pause] = (),
    extended: bool = False,
) -> Deadline:
    """When `rule` says that something received at `received_at` is due.

    `pauses` (from, until) that do not overlap shift it by their days where the rule can be paused, and change
    nothing where it cannot (R43). `extended` adds the rule's extension, whose notice was sent in time; raises
    ValueError for a rule that has none.
    """
    if extended and not rule.extension:
        raise ValueError(f"{rule.name} has no extension.")
    received_on = local_day(received_at, tz)
    amount = rule.amount + (rule.extension if extended else 0)
    due_on = _count(rule, received_on, amount)
    paused = _paused_days(rule, pauses, tz)
    due_on += timedelta(days=paused)
    return Deadline(
        rule, end_of_day(due_on, tz), due_on, _reason(rule, amount, received_on, paused)
    )


def earliest(
    rules: Iterable[Rule],
    received_at: datetime,
    tz: ZoneInfo,
    *,
    pauses: Sequence[Pause] = (),
    extended: Collection[str] = (),
) -> Deadline:
    """The earliest deadline of the rules that hold on the day of receipt; its reason names the runner-up (R22).

    `pauses` shift those of the rules that can be paused; `extended` are the codes of rules whose extension
    was noticed in time. Raises ValueError where no rule holds.
    """
    day = local_day(received_at, tz)
    found = sorted(
        (
            deadline(rule, received_at, tz, pauses=pauses, extended=rule.code in extended)
            for rule in rules
            if rule.holds_on(day)
        ),
        key=lambda one: one.due_at,
    )
    if not found:
        raise ValueError("No rule holds on the day of receipt.")
    first = found[0]
    runner_up = next((one for one in found[1:] if one.rule.name != first.rule.name), None)
    if runner_up is None:
        return first
    reason = f"{first.reason}; {runner_up.rule.name} would give {_told(runner_up.due_on, day)}"
    return Deadline(first.rule, first.due_at, first.due_on, reason)


def opt_out_deadline(
    channel: str,
    regions: Collection[str],
    received_at: datetime,
    *,
    one_click: bool = False,
    tz: ZoneInfo,
) -> Deadline:
    """When an opt-out must be worked in: the earliest applicable deadline (R22, R27, R28, R30, R31).

    An empty `channel` is every channel. `one_click` says that it came by a one-click header (RFC 8058).
    """
    channels = [channel] if channel else list(OPT_OUT_RULES)
    rules = {rule.code: rule for one in channels for rule in OPT_OUT_RULES[one]}
    if one_click and "email" in channels:
        rules[ONE_CLICK.code] = ONE_CLICK
    return earliest((rule for rule in rules.values() if rule.applies_in(regions)), received_at, tz)


def erasure_deadline(regions: Collection[str], received_at: datetime, tz: ZoneInfo) -> Deadline:
    """When an erasure must be done: the earliest deadline of the regions of the client's consumers (R43).

    Raises ValueError where no region has a rule.
    """
    rules = (rule for rule in ERASURE_RULES if rule.applies_in(regions))
    return earliest(rules, received_at, tz)


def six_months_after(moment: datetime, tz: ZoneInfo) -> date:
    """The last day on which a catalog may still come after an opt-out that took effect at `moment` (R35)."""
    return add_months(local_day(moment, tz), CATALOG_TAIL.amount)


def _count(rule: Rule, day: date, amount: int) -> date:
    if rule.unit is Unit.MONTHS:
        return add_months(day, amount)
    if rule.unit is Unit.BUSINESS_DAYS:
        return add_business_days(day, amount, rule.jurisdiction)
    return day + timedelta(days=amount)


def _paused_days(rule: Rule, pauses: Sequence[Pause], tz: ZoneInfo) -> int:
    if not rule.pausable:
        return 0
    return sum(max(0, (local_day(end, tz) - local_day(start, tz)).days) for start, end in pauses)


def _reason(rule: Rule, amount: int, received_on: date, paused: int) -> str:
    unit = UNIT_WORDS[rule.unit] + ("" if amount == 1 else "s")
    waited = f" and {paused} day{'' if paused == 1 else 's'} of waiting" if paused else ""
    return f"{amount} {unit}{waited} from receipt on {_told(received_on)} ({rule.name})"


def _told(day: date, beside: date | None = None) -> str:
    """A day as staff read it; without its year beside a day of the same year."""
    told = f"{day.day} {calendar.month_name[day.month]}"
    return told if beside is not None and beside.year == day.year else f"{told} {day.year}"
