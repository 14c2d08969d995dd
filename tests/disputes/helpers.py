"""Disputes for tests, brought to a rung by the real verbs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from portal.correspondence import Party
from portal.models import User
from portal.roles import DISPUTE_STAFF, SECURITY_OFFICER
from requests.disputes import body, panel, verbs
from requests.disputes.models import Dispute
from tests.factories import staff_in

DAY_0 = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ALICE = Party("Alice Example", "alice@example.com", ("12 Main Street", "1010 Vienna", "Austria"))
WORDS = "I opted out in January and Alice Example still gets catalogs."


def day(number: int) -> datetime:
    """The same hour so many days after the receipt."""
    return DAY_0 + timedelta(days=number)


def dana() -> User:
    return staff_in(DISPUTE_STAFF)


def olivia() -> User:
    return staff_in(SECURITY_OFFICER)


def make_dispute(*, now: datetime = DAY_0, **fields: Any) -> Dispute:
    """A complaint from Vienna, received and recorded at `now`."""
    given: dict[str, Any] = {
        "complainant": ALICE,
        "complaint": WORDS,
        "category": "catalog_after_opt_out",
        "region": "eea",
        "channel": "email",
        "received_at": now,
        "by": dana(),
    } | fields
    return verbs.open_dispute(**given, now=now)


def assessed(case: Dispute, now: datetime) -> Dispute:
    verbs.assess(
        case,
        merits="Two catalogs were sent after the opt-out.",
        resolution="The address was taken out of every list.",
        by=dana(),
        now=now,
    )
    return case


def answered(*, now: datetime | None = None) -> Dispute:
    at = now or day(30)
    case = assessed(make_dispute(), at)
    verbs.answer(case, way="email", by=dana(), now=at)
    return case


def eligible() -> Dispute:
    """At the dispute body since day 46, after an answer on day 30, and found eligible on day 50."""
    case = answered()
    body.receive_ana_notice(
        case, noticed_at=day(46), body_reference="ANA-7", by=dana(), now=day(46)
    )
    body.find_eligible(case, by=dana(), now=day(50))
    return case


def unresolved() -> Dispute:
    case = eligible()
    body.mediate(case, by=dana(), now=day(52))
    body.leave_unresolved(case, by=dana(), now=day(80))
    return case


def in_review() -> Dispute:
    """With the Department of Commerce since day 100."""
    case = unresolved()
    panel.refer_to_dpa(case, referred_at=day(90), by=dana(), now=day(90))
    panel.begin_review(case, began_at=day(100), by=dana(), now=day(100))
    return case
