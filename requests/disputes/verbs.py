"""What the company itself does with a complaint: recorded, acknowledged, assessed, answered, closed (R7 to R9, R14).

A case can always be recorded, however it arrived; what is missing is flagged and never a reason to refuse it.
"""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from clients.instructions.verbs import Evidence
from clients.models import Client
from clients.recording import recorded
from consumers.profile import Profile
from portal.cases import files, thread, timekeeping
from portal.cases.models import CaseClock, CaseFile
from portal.cases.verbs import transition
from portal.correspondence import Party
from portal.correspondence import verbs as letters_verbs
from portal.correspondence.models import Letter
from portal.errors import Refused
from portal.house import ensure_house
from portal.models import User
from portal.regimes import ACKNOWLEDGE, COMPLAINT, INQUIRY, Rule
from portal.roles import check_role
from requests.disputes import letters
from requests.disputes.frameworks import framework_on
from requests.disputes.models import Arrival, Dispute, day_of
from requests.disputes.states import STAFF

EARLIEST_YEAR = 2016
Kind = CaseClock.Kind


def company_zone() -> ZoneInfo:
    """Where the company's days are counted."""
    return ZoneInfo(settings.COMPANY_TIME_ZONE)


def open_dispute(
    *,
    complainant: Party,
    complaint: str,
    category: str,
    region: str,
    channel: str,
    received_at: datetime,
    by: User,
    now: datetime,
    arrival: str = Arrival.DIRECT,
    hr_data: bool = False,
    body_reference: str = "",
    controller: Client | None = None,
    inquiry_id: UUID | None = None,
    complained_at: datetime | None = None,
    evidence: Evidence | None = None,
) -> Dispute:
    """Record a complaint that reached us directly, through the dispute body, or as a notice of arbitration.

    `complained_at` is when the person first complained to us, where that was before the notice came; without it
    such a case is flagged `direct_contact_missing` (R14). `received_at` starts the clocks (R44). `complaint` are
    the complainant's own words, kept sealed. Raises Refused; nothing is stored then.
    """
    row = Dispute(
        client_id=ensure_house(),
        category=category,
        region=region,
        channel=channel,
        received_at=received_at,
        arrival=arrival,
        hr_data=hr_data,
        controller=controller,
        inquiry_id=inquiry_id,
    )
    with recorded(
        "dispute.log",
        by=by,
        now=now,
        client_id=row.client_id,
        object_kind=row._meta.label_lower,
        object_id=row.pk,
    ):
        check_role(by, *STAFF)
        _check_can_open(row, complaint, complained_at, now=now)
        _fill(row, complainant, complaint, complained_at, by=by, now=now)
        _keep(row, evidence, by=by, now=now)
        _begin(row, body_reference, by=by, now=now)
    return row


def _check_can_open(
    row: Dispute, complaint: str, complained_at: datetime | None, *, now: datetime
) -> None:
    if row.received_at > now:
        raise Refused("It cannot have been received in the future.", code="received_in_future")
    if row.received_at.year < EARLIEST_YEAR:
        raise Refused("Check the year in which it was received.", code="received_long_ago")
    if not complaint.strip():
        raise Refused("Write what is complained of, in the person's own words.", code="no_text")
    if complained_at is not None and complained_at > row.received_at:
        raise Refused(
            "The first complaint to us cannot be later than what it led to.", code="complaint_later"
        )


def _fill(
    row: Dispute,
    complainant: Party,
    complaint: str,
    complained_at: datetime | None,
    *,
    by: User,
    now: datetime,
) -> None:
    row.open_case(by=by, now=now)
    row.assignee = by
    direct = row.arrival == Arrival.DIRECT
    row.complained_at = row.received_at if direct else complained_at
    row.direct_contact_missing = row.complained_at is None
    framework = framework_on(row.region, day_of(row.complained_at or row.received_at))
    row.framework_code = framework.code if framework else ""
    row.seal_content(
        {
            "complainant": [complainant.name, complainant.email, list(complainant.address_lines)],
            "complaint": complaint.strip(),
        }
    )
    row.save(force_insert=True)


def _keep(row: Dispute, evidence: Evidence | None, *, by: User, now: datetime) -> None:
    if evidence is not None:
        files.attach(
            row,
            evidence.content,
            kind="complaint",
            name=evidence.name,
            content_type=evidence.content_type,
            by=by,
            now=now,
        )


def _begin(row: Dispute, body_reference: str, *, by: User, now: datetime) -> None:
    """Start the clocks of the complaint itself, and climb to the rung on which it arrived."""
    from requests.disputes import body, panel

    if row.complained_at is not None:
        rule = COMPLAINT if row.framework_code else INQUIRY
        start_clock(row, Kind.RESPONSE, rule, row.complained_at, by=by, now=now)
        if row.arrival == Arrival.DIRECT:
            start_clock(row, Kind.ACKNOWLEDGE, ACKNOWLEDGE, row.complained_at, by=by, now=now)
    if row.arrival == Arrival.BODY:
        body.receive_ana_notice(
            row, noticed_at=row.received_at, body_reference=body_reference, by=by, now=now
        )
    elif row.arrival == Arrival.ARBITRATION:
        panel.receive_notice(row, noticed_at=row.received_at, by=by, now=now)


def start_clock(
    row: Dispute, kind: str, rule: Rule, received_at: datetime, *, by: User, now: datetime
) -> None:
    """Start a clock of the locked case by one rule, in the company's days."""
    timekeeping.start(
        row,
        kind,
        rules=[rule],
        received_at=received_at,
        tz=company_zone(),
        by=by,
        now=now,
    )


def acknowledge(case: Dispute, *, way: str, by: User, now: datetime) -> None:
    """Send the acknowledgement: reference, receipt, next step, the dispute body's contact (R7, document 1)."""
    with transition(case, "acknowledge", by=by, now=now) as locked:
        check_not_acknowledged(locked)
        values = letters.common(locked, now) | {"next_step": next_step(locked)}
        write(locked, letters.ACKNOWLEDGEMENT, letters.complainant(locked), values, way, by, now)
        locked.acknowledged_at = now
        timekeeping.stop(locked, Kind.ACKNOWLEDGE, by=by, now=now)


def check_not_acknowledged(case: Dispute) -> None:
    """Raise Refused where the acknowledgement was sent."""
    if case.acknowledged_at is not None:
        raise Refused("It was acknowledged already.", code="acknowledged")


def next_step(case: Dispute) -> str:
    """What the complainant can expect of us, as the acknowledgement says it."""
    due_on = case.day_due(Kind.RESPONSE)
    return f"We will answer by {due_on:%-d %B %Y}." if due_on else "We are looking into it."


def assess(
    case: Dispute, *, merits: str, resolution: str, remedy: str = "", by: User, now: datetime
) -> None:
    """Keep, sealed, what is true of the complaint and how it is resolved; no answer goes out without it (R9).

    `remedy` is what is proposed to the dispute body; without one, the resolution is.
    """
    with transition(case, "assess", by=by, now=now) as locked:
        if not merits.strip() or not resolution.strip():
            raise Refused(
                "Write both: what is true of the complaint, and how it is resolved.",
                code="no_assessment",
            )
        content = locked.unseal_content()
        if not content:
            raise Refused("The complaint was erased with its person.", code="erased")
        content |= {
            "merits": merits.strip(),
            "resolution": resolution.strip(),
            "remedy": remedy.strip(),
        }
        locked.seal_content(content)
        locked.assessed_at, locked.assessed_by = now, by


def check_assessed(case: Dispute) -> None:
    """Raise Refused where nothing may be answered yet (R9)."""
    content = case.unseal_content()
    if not content.get("merits") or not content.get("resolution"):
        raise Refused(
            "Assess the merits and say how it is resolved first; an answer must hold both.",
            code="not_assessed",
        )


def check_can_answer(case: Dispute) -> None:
    """Raise Refused where the answer was sent, or cannot be yet (R9)."""
    if case.answered_at is not None:
        raise Refused("It was answered already.", code="answered")
    check_assessed(case)


def response_values(case: Dispute, now: datetime) -> dict[str, str]:
    """What the final response says (document 5). Raises Refused where nothing was assessed."""
    check_assessed(case)
    content = case.unseal_content()
    return letters.common(case, now) | {
        "merits": content["merits"],
        "resolution": content["resolution"],
    }


def answer(case: Dispute, *, way: str, by: User, now: datetime) -> None:
    """Send the final response, in time: merits, resolution, the dispute body and arbitration (R8, R9)."""
    _answer(case, "answer", way=way, by=by, now=now)


def answer_late(case: Dispute, *, way: str, by: User, now: datetime) -> None:
    """Send the final response after its 45 days; the case stays one that was not answered in time."""
    _answer(case, "answer_late", way=way, by=by, now=now)


def _answer(case: Dispute, verb: str, *, way: str, by: User, now: datetime) -> None:
    with transition(case, verb, by=by, now=now) as locked:
        check_can_answer(locked)
        values = response_values(locked, now)
        write(locked, letters.FINAL_RESPONSE, letters.complainant(locked), values, way, by, now)
        locked.answered_at = now
        timekeeping.stop(locked, Kind.RESPONSE, by=by, now=now)
        timekeeping.stop(locked, Kind.ACKNOWLEDGE, by=by, now=now)


def write(
    locked: Dispute,
    purpose: str,
    to: Party,
    values: dict[str, str],
    way: str,
    by: User,
    now: datetime,
    *attachments: CaseFile,
) -> Letter:
    """Draft a letter of the locked case and send it in the same breath; the exact copy is kept on the case."""
    if letters.is_unreachable(to, way):
        raise Refused(
            "There is no e-mail address or no postal address for this way of sending. Choose the other way, "
            "or amend the complainant's address.",
            code="no_address",
        )
    letter = letters_verbs.draft(
        locked,
        purpose,
        to=to,
        values=values,
        by=by,
        now=now,
        way=way,
        attachments=attachments,
    )
    letters_verbs.send(letter, locked, by=by, now=now)
    return letter


def add_note(
    case: Dispute,
    *,
    text: str,
    channel: str,
    direction: str,
    evidence: Evidence | None = None,
    by: User,
    now: datetime,
) -> None:
    """Add to the thread what came in or what staff note, with a file where there is one."""
    with transition(case, "add_note", by=by, now=now) as locked:
        if not text.strip():
            raise Refused("Write what came in, or what you want to keep.", code="no_text")
        thread.add(locked, direction=direction, channel=channel, text=text.strip(), by=by, now=now)
        _keep(locked, evidence, by=by, now=now)


def name_person(
    case: Dispute, *, controller: Client, address: Profile, by: User, now: datetime
) -> None:
    """Say whose consumer the complainant is, so that the case is erased with that person.

    Raises Refused unless exactly one active person of the client has the address.
    """
    from requests.optouts.effect import matching_consumers

    with transition(case, "name_person", by=by, now=now) as locked:
        found = matching_consumers(controller.pk, address)
        if len(found) != 1:
            said = "Nobody" if not found else "More than one person"
            raise Refused(f"{said} of {controller} is on file with this.", code="no_single_person")
        locked.controller, locked.consumer_id = controller, found[0].pk


def close(case: Dispute, *, by: User, now: datetime) -> None:
    """Close the case; only what was answered, and whose remedies were verified, can be closed (R16)."""
    with transition(case, "close", by=by, now=now) as locked:
        check_can_close(locked)
        timekeeping.stop_all(locked, by=by, now=now)


def check_can_close(case: Dispute) -> None:
    """Raise Refused where something is still owed."""
    if case.remedies.filter(Q(verified_at__isnull=True)).exists():
        raise Refused(
            "A remedy is not verified yet; a second person verifies what was performed.",
            code="remedy_open",
        )
    if case.state == "direct_lapsed" and case.answered_at is None:
        raise Refused("It was never answered. Send the late answer first.", code="unanswered")


def withdraw(case: Dispute, *, text: str, by: User, now: datetime) -> None:
    """Close the case because the complainant withdrew it; `text` is how they said so."""
    with transition(case, "withdraw", by=by, now=now) as locked:
        if not text.strip():
            raise Refused("Write how the complainant withdrew it.", code="no_text")
        thread.add(
            locked, direction="in", channel=locked.channel, text=text.strip(), by=by, now=now
        )
        locked.withdrawn_at = now
        timekeeping.stop_all(locked, by=by, now=now)
