"""What one mail drop means for one opt-out (R35). Pure.

Invariants:
- Every drop is exactly one of suppressed, tail and violation.
- An opt-out that takes effect exactly at the last call is in time; a mailing on the last day of the six months
  is tail, one on the next day a violation.
- The tail is frozen when the opt-out takes effect: what is planned or moved later never becomes tail.
"""

from datetime import date, datetime

SUPPRESSED, TAIL, VIOLATION = "suppressed", "tail", "violation"


def classify(
    effective_at: datetime, last_call_at: datetime, mail_date: date, tail_ends_on: date
) -> str:
    """The class of a drop when the opt-out takes effect.

    `last_call_at` is when its list was locked, or until when the printer still takes names out.
    """
    if effective_at <= last_call_at:
        return SUPPRESSED
    return TAIL if mail_date <= tail_ends_on else VIOLATION


def reclassify(
    before: str | None,
    effective_at: datetime,
    last_call_at: datetime,
    mail_date: date,
    tail_ends_on: date,
) -> str:
    """The class of a drop after it was planned (`before` is None), moved or given another last call."""
    now = classify(effective_at, last_call_at, mail_date, tail_ends_on)
    if now == TAIL and before != TAIL:
        return VIOLATION
    return now
