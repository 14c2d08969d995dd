"""The story of a case in sentences that one can read aloud; they name nobody."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from portal.cases import timekeeping
from portal.cases.models import CaseClock
from requests.disputes.arbitration import BARS
from requests.disputes.frameworks import ANA
from requests.disputes.models import Arrival, Dispute, day_of

CONDITION_WORDS = {
    "framework": "the framework did not offer arbitration",
    "direct": "the company had neither answered nor let 45 days pass",
    "dispute_body": "the dispute body had not ended its case",
    "commerce": "the referral to the Department of Commerce was neither closed nor 90 days old",
    "not_hr_data": "it is about human resources data",
    **{f"not_{code}": said.lower() for code, said in BARS.items()},
}


@dataclass(frozen=True)
class Happening:
    """Something that happened, and its sentence with the day in it."""

    at: datetime
    sentence: str


def timeline(case: Dispute, now: datetime) -> list[Happening]:
    """Everything that has happened to the case by `now`, oldest first."""
    told = [*_direct(case, now), *_body(case), *_remedies(case), *_upper(case), *_end(case)]
    # What happened on one day stays in the order of the ladder, which is that in which it was gathered.
    return [
        Happening(at, f"On {day_of(at):%-d %B %Y} {sentence}.")
        for at, sentence in sorted(told, key=lambda one: day_of(one[0]))
    ]


Told = Iterator[tuple[datetime, str]]


def _direct(case: Dispute, now: datetime) -> Told:
    about = case.get_category_display().lower()
    if case.complained_at is not None:
        way = case.get_channel_display().lower() if case.arrival == Arrival.DIRECT else ""
        yield case.complained_at, f"we received a complaint ({about}){f' by {way}' if way else ''}"
    if case.acknowledged_at is not None:
        yield case.acknowledged_at, "we acknowledged it"
    if case.assessed_at is not None:
        yield case.assessed_at, "we wrote down our assessment of its merits and how it is resolved"
    due = timekeeping.view(case, CaseClock.Kind.RESPONSE)
    ended = min(one for one in (case.answered_at, case.closed_at, now) if one)
    if due is not None and day_of(ended) > due.due_on:
        yield due.due_at, "the time for our own answer ended without one"
    if case.answered_at is not None:
        late = _was_late(case)
        yield (
            case.answered_at,
            f"we sent our final response{', after its time was over' if late else ''}",
        )


def _was_late(case: Dispute) -> bool:
    return case.answered_at is not None and case.is_answer_late(case.answered_at)


def _body(case: Dispute) -> Told:
    if case.noticed_at is not None:
        first = (
            " It is the first that we heard of the complaint" if case.direct_contact_missing else ""
        )
        quoted = f", under its reference {case.body_reference}" if case.body_reference else ""
        yield (
            case.noticed_at,
            f"the dispute body ({ANA.short}) gave us notice{quoted}{'.' + first if first else ''}",
        )
    if case.body_replied_at is not None:
        yield case.body_replied_at, "we replied to the dispute body"
    if case.eligible_at is not None:
        yield case.eligible_at, "the dispute body found the complaint eligible"
    if case.body_closed_at is not None:
        yield case.body_closed_at, _ended(case)


def _ended(case: Dispute) -> str:
    said = {
        "resolved": "the matter was settled with the dispute body",
        "upheld": "the dispute body determined it for the complainant",
        "dismissed": "the dispute body determined it for the company",
        "unresolved": "the dispute body ended its case without a result",
        "ineligible": "the dispute body found the complaint ineligible",
    }[case.body_outcome]
    because = case.get_ineligible_because_display()
    return f"{said}: {because[:1].lower()}{because[1:]}" if because else said


def _remedies(case: Dispute) -> Told:
    for one in case.remedies.all():
        name = f"the remedy “{one.get_kind_display().lower()}”"
        if one.refused_at:
            yield one.refused_at, f"{name} was refused"
        if one.performed_at:
            yield one.performed_at, f"{name} was performed"
        if one.verified_at:
            yield one.verified_at, f"a second person verified {name}"


def _upper(case: Dispute) -> Told:
    if case.dpa_referred_at is not None:
        yield case.dpa_referred_at, "the complaint was with a data protection authority"
    if case.review_began_at is not None:
        yield case.review_began_at, "it was referred to the Department of Commerce"
    if case.review_closed_at is not None:
        yield case.review_closed_at, "the Department of Commerce closed its review"
    if case.notice_at is not None:
        missing = ", and ".join(CONDITION_WORDS[code] for code in case.unmet)
        yield (
            case.notice_at,
            f"a notice of arbitration came{f'; we object, because {missing}' if missing else ''}",
        )
    if case.objection_sent_at is not None:
        yield case.objection_sent_at, "we sent our objection"
    if case.panel_at is not None:
        yield case.panel_at, "the panel was formed"
    if case.award_at is not None:
        yield case.award_at, "the panel gave its award"
    if case.ftc_at is not None:
        yield case.ftc_at, "the matter was referred to the Federal Trade Commission"


def _end(case: Dispute) -> Told:
    if case.withdrawn_at is not None:
        yield case.withdrawn_at, "the complainant withdrew the complaint"
    elif case.closed_at is not None:
        yield case.closed_at, "we closed the case"
