"""The upper rungs: authorities, the Department of Commerce, arbitration, the FTC (R17 to R20)."""

from collections.abc import Collection
from datetime import date, datetime

from portal.cases import timekeeping
from portal.cases.models import CaseClock
from portal.cases.verbs import transition
from portal.errors import Refused
from portal.models import User
from portal.regimes import ARBITRATION, COMMERCE_REVIEW
from requests.disputes import letters, verbs
from requests.disputes.arbitration import BARS, Condition, arbitration_conditions, unmet
from requests.disputes.body import add_remedies, check_when
from requests.disputes.models import Dispute, Remedy, day_of

Kind = CaseClock.Kind


def refer_to_dpa(case: Dispute, *, referred_at: datetime, by: User, now: datetime) -> None:
    """Record that the complainant went to a data protection authority."""
    with transition(case, "refer_to_dpa", by=by, now=now) as locked:
        check_when(locked, referred_at, now)
        locked.dpa_referred_at = referred_at


def begin_review(case: Dispute, *, began_at: datetime, by: User, now: datetime) -> None:
    """Record that the authority referred it to the Department of Commerce, which has 90 days (R17)."""
    with transition(case, "begin_review", by=by, now=now) as locked:
        check_when(locked, began_at, now)
        if locked.dpa_referred_at is not None and began_at < locked.dpa_referred_at:
            raise Refused("It cannot be earlier than its referral to the authority.", code="order")
        locked.review_began_at = began_at
        verbs.start_clock(locked, Kind.REVIEW, COMMERCE_REVIEW, began_at, by=by, now=now)


def close_review(case: Dispute, *, by: User, now: datetime) -> None:
    """Record that the Department of Commerce ended its review."""
    with transition(case, "close_review", by=by, now=now) as locked:
        check_review_open(locked)
        locked.review_closed_at = now
        timekeeping.stop(locked, Kind.REVIEW, by=by, now=now)


def check_review_open(case: Dispute) -> None:
    """Raise Refused where the Department's review ended."""
    if case.review_closed_at is not None:
        raise Refused("The review was closed already.", code="review_closed")


def note_bars(case: Dispute, *, bars: Collection[str], by: User, now: datetime) -> None:
    """Keep what rules arbitration out: an earlier award, a judgment, a settlement, a panel of authorities."""
    with transition(case, "note_bars", by=by, now=now) as locked:
        locked.bars = [code for code in BARS if code in set(bars)]


def conditions(case: Dispute, on: date) -> list[Condition]:
    """The conditions of arbitration for this case as they stand on `on`."""
    return arbitration_conditions(case.arbitration_facts(), on)


def check_arbitrable(case: Dispute, on: date) -> None:
    """Raise Refused with the unmet conditions of R17, where there are any."""
    missing = unmet(conditions(case, on))
    if missing:
        named = "; ".join(f"{one.name} ({one.evidence.rstrip('.')})" for one in missing)
        raise Refused(f"Arbitration is not open yet. Unmet: {named}.", code="conditions_unmet")


def find_arbitrable(case: Dispute, *, by: User, now: datetime) -> None:
    """Record that every condition of arbitration is met (R17)."""
    with transition(case, "find_arbitrable", by=by, now=now) as locked:
        check_arbitrable(locked, day_of(now))


def receive_notice(case: Dispute, *, noticed_at: datetime, by: User, now: datetime) -> None:
    """Record a notice of arbitration, always; one that meets not every condition is objected to (R18).

    The conditions are those of the day of the notice. Its target of 90 days begins where it is in order (R20).
    """
    missing = unmet(conditions(case, day_of(noticed_at)))
    verb = "object" if missing else "receive_notice"
    with transition(case, verb, by=by, now=now, counts={"unmet": len(missing)}) as locked:
        check_when(locked, noticed_at, now)
        locked.notice_at = noticed_at
        locked.objection_sent_at = None
        locked.unmet = [one.code for one in missing]
        if not missing:
            verbs.start_clock(locked, Kind.ARBITRATION, ARBITRATION, noticed_at, by=by, now=now)


def objections(case: Dispute) -> list[Condition]:
    """The conditions that were unmet on the day of the notice, as the objection names them."""
    if case.notice_at is None:
        return []
    standing = conditions(case, day_of(case.notice_at))
    return [one for one in standing if one.code in case.unmet]


def objection_values(case: Dispute, now: datetime) -> dict[str, str]:
    """What the objection says."""
    named = "\n".join(f"- {one.name}: {one.evidence}" for one in objections(case))
    return letters.common(case, now) | {
        "notice_on": f"{day_of(case.notice_at or now):%-d %B %Y}",
        "unmet": named,
    }


def send_objection(case: Dispute, *, way: str, by: User, now: datetime) -> None:
    """Send the objection, which names each unmet condition."""
    with transition(case, "send_objection", by=by, now=now) as locked:
        check_not_sent(locked)
        values = objection_values(locked, now)
        verbs.write(locked, letters.OBJECTION, letters.complainant(locked), values, way, by, now)
        locked.objection_sent_at = now


def check_not_sent(case: Dispute) -> None:
    """Raise Refused where the objection was sent."""
    if case.objection_sent_at is not None:
        raise Refused("The objection was sent already.", code="objected")


def form_panel(case: Dispute, *, by: User, now: datetime) -> None:
    """Record that the panel was formed."""
    with transition(case, "form_panel", by=by, now=now) as locked:
        locked.panel_at = now


def record_award(
    case: Dispute,
    *,
    remedies: Collection[str] = (),
    due_on: date | None = None,
    by: User,
    now: datetime,
) -> None:
    """Record the panel's award; one that grants nothing is performed at once (R19)."""
    with transition(case, "record_award", by=by, now=now) as locked:
        locked.award_at = now
        timekeeping.stop(locked, Kind.ARBITRATION, by=by, now=now)
        if remedies:
            add_remedies(locked, remedies, due_on, Remedy.Origin.AWARD, now=now)
    if not remedies:
        perform_award(case, by=by, now=now)


def perform_award(case: Dispute, *, by: User, now: datetime) -> None:
    """End an award of which everything was performed and verified."""
    with transition(case, "perform_award", by=by, now=now) as locked:
        verbs.check_can_close(locked)


def refer_to_ftc(case: Dispute, *, by: User, now: datetime) -> None:
    """Record that the matter was referred to the FTC, which gives it priority (R16)."""
    with transition(case, "refer_to_ftc", by=by, now=now) as locked:
        locked.ftc_at = now
