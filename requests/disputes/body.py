"""The dispute body's rung: its notice, our reply, eligibility, mediation, its result, and remedies (R13 to R16)."""

from collections.abc import Collection
from datetime import date, datetime

from portal.cases import files, timekeeping
from portal.cases.models import CaseClock
from portal.cases.verbs import transition
from portal.errors import Refused
from portal.models import User
from portal.regimes import ANA_REPLY
from requests.disputes import documents, letters, verbs
from requests.disputes.models import Dispute, Ineligible, Outcome, Remedy, day_of
from requests.disputes.timeline import timeline

Kind = CaseClock.Kind


def receive_ana_notice(
    case: Dispute, *, noticed_at: datetime, body_reference: str = "", by: User, now: datetime
) -> None:
    """Record that the dispute body gave notice of its case; on any day, also before our own answer (R14).

    Our reply is due ten business days after it (R15). The 45 days of a direct complaint run on (R8).
    """
    with transition(case, "receive_ana_notice", by=by, now=now) as locked:
        check_when(locked, noticed_at, now)
        check_not_noticed(locked)
        locked.noticed_at, locked.body_reference = noticed_at, body_reference.strip()
        verbs.start_clock(locked, Kind.REPLY, ANA_REPLY, noticed_at, by=by, now=now)


def check_not_noticed(case: Dispute) -> None:
    """Raise Refused where the dispute body's notice is on record."""
    if case.noticed_at is not None:
        raise Refused(
            "The dispute body's notice is on record already; record a new case for another one.",
            code="noticed",
        )


def check_when(case: Dispute, moment: datetime, now: datetime) -> None:
    """Raise Refused where something cannot have happened at `moment`."""
    if moment > now:
        raise Refused("It cannot have happened in the future.", code="in_future")
    if moment < (case.complained_at or case.received_at):
        raise Refused("It cannot be earlier than the complaint.", code="before_complaint")


def find_eligible(case: Dispute, *, by: User, now: datetime) -> None:
    """Record that the dispute body takes the complaint. Human resources data never is (R13)."""
    with transition(case, "find_eligible", by=by, now=now) as locked:
        check_can_be_eligible(locked)
        locked.eligible_at = now


def check_can_be_eligible(case: Dispute) -> None:
    """Raise Refused for what no dispute body takes (R13)."""
    if case.hr_data:
        raise Refused(
            "The complaint is about human resources data, which the dispute body does not take.",
            code="hr_data",
        )


def find_ineligible(case: Dispute, *, because: str, by: User, now: datetime) -> None:
    """Record that the dispute body does not take the complaint, and why."""
    with transition(case, "find_ineligible", by=by, now=now, reason=because) as locked:
        if locked.hr_data and because != Ineligible.HR:
            raise Refused("It is about human resources data; choose that reason.", code="hr_data")
        locked.ineligible_because = because
        _end(locked, Outcome.INELIGIBLE, by=by, now=now)


def mediate(case: Dispute, *, by: User, now: datetime) -> None:
    """Record that the dispute body mediates between the complainant and us."""
    with transition(case, "mediate", by=by, now=now):
        pass


def reply_values(case: Dispute, now: datetime) -> dict[str, str]:
    """What our reply says: what happened, our assessment, the remedy that we propose (document 11)."""
    verbs.check_assessed(case)
    content = case.unseal_content()
    return {
        "reference": case.reference,
        "body_reference": case.body_reference or "(no reference given)",
        "noticed_on": f"{day_of(case.noticed_at or case.received_at):%-d %B %Y}",
        "chronology": "\n".join(one.sentence for one in timeline(case, now)),
        "merits": content["merits"],
        "remedy_proposal": content.get("remedy") or content["resolution"],
    }


def check_can_reply(case: Dispute) -> None:
    """Raise Refused where the reply was sent, or cannot be yet."""
    if case.body_replied_at is not None:
        raise Refused("The reply was sent already; add a note for what follows.", code="replied")
    verbs.check_assessed(case)


def reply_to_body(case: Dispute, *, by: User, now: datetime) -> None:
    """Send our reply by letter, with the response pack as an enclosure (R15, document 11)."""
    with transition(case, "reply_to_body", by=by, now=now) as locked:
        if locked.body_replied_at is not None:
            raise Refused(
                "The reply was sent already; add a note for what follows.", code="replied"
            )
        values = reply_values(locked, now)
        enclosed = files.attach(
            locked,
            documents.response_pack_pdf(locked, values, now=now),
            kind="enclosure",
            name=f"{locked.reference} response pack.pdf",
            content_type="application/pdf",
            by=by,
            now=now,
        )
        to = letters.dispute_body(now)
        verbs.write(locked, letters.REPLY, to, values, "letter", by, now, enclosed)
        locked.body_replied_at = now
        timekeeping.stop(locked, Kind.REPLY, by=by, now=now)


def resolve(
    case: Dispute,
    *,
    remedies: Collection[str] = (),
    due_on: date | None = None,
    by: User,
    now: datetime,
) -> None:
    """Record that the matter was settled with the dispute body, with what we promised."""
    with transition(case, "resolve", by=by, now=now) as locked:
        _end(locked, Outcome.RESOLVED, by=by, now=now)
    _order_if_any(case, remedies, due_on, by=by, now=now)


def determine(
    case: Dispute,
    *,
    upheld: bool,
    remedies: Collection[str] = (),
    due_on: date | None = None,
    by: User,
    now: datetime,
) -> None:
    """Record the dispute body's determination; each remedy of it becomes a task (R16)."""
    if remedies and not upheld:
        raise Refused(
            "A determination for the company has no remedies. Say that it was for the complainant.",
            code="remedy_without_finding",
        )
    with transition(case, "determine", by=by, now=now) as locked:
        _end(locked, Outcome.UPHELD if upheld else Outcome.DISMISSED, by=by, now=now)
    _order_if_any(case, remedies, due_on, by=by, now=now)


def leave_unresolved(case: Dispute, *, by: User, now: datetime) -> None:
    """Record that the dispute body ended its case without a result."""
    with transition(case, "leave_unresolved", by=by, now=now) as locked:
        _end(locked, Outcome.UNRESOLVED, by=by, now=now)


def _end(locked: Dispute, outcome: str, *, by: User, now: datetime) -> None:
    locked.body_closed_at, locked.body_outcome = now, outcome
    timekeeping.stop(locked, Kind.REPLY, by=by, now=now)


def _order_if_any(
    case: Dispute, remedies: Collection[str], due_on: date | None, *, by: User, now: datetime
) -> None:
    if remedies:
        order_remedies(case, remedies=remedies, due_on=due_on, by=by, now=now)


def order_remedies(
    case: Dispute, *, remedies: Collection[str], due_on: date | None, by: User, now: datetime
) -> None:
    """Make a task of each remedy that the dispute body asked for or that we promised (R16)."""
    with transition(case, "order_remedies", by=by, now=now) as locked:
        add_remedies(locked, remedies, due_on, Remedy.Origin.BODY, now=now)


def add_remedies(
    locked: Dispute,
    kinds: Collection[str],
    due_on: date | None,
    origin: str,
    *,
    now: datetime,
) -> None:
    """Add the tasks to the locked case. Raises Refused for one that its origin cannot ask for (R19)."""
    if not kinds:
        raise Refused("Choose at least one remedy.", code="no_remedy")
    if due_on is None or due_on < day_of(now):
        raise Refused("Say by when the remedies are due, today or later.", code="due_date")
    if origin == Remedy.Origin.AWARD and not set(kinds) <= set(Remedy.AWARDED):
        raise Refused(
            "A panel awards access, correction, deletion or return of data, and no money.",
            code="award_kind",
        )
    Remedy.objects.bulk_create(
        Remedy(dispute=locked, kind=kind, origin=origin, due_on=due_on) for kind in kinds
    )


def perform_remedy(case: Dispute, *, remedy: Remedy, by: User, now: datetime) -> None:
    """Note that a remedy was carried out, and by whom."""
    with transition(case, "perform_remedy", by=by, now=now) as locked:
        row = _remedy(locked, remedy)
        if row.performed_at is not None:
            raise Refused("This remedy was performed already.", code="performed")
        row.performed_at, row.performed_by, row.refused_at = now, by, None
        row.save()
        locked.persistent_failure_risk = _is_any_refused(locked)


def verify_remedy(case: Dispute, *, remedy: Remedy, by: User, now: datetime) -> None:
    """Verify, as a second person, that a remedy was performed; with the last one the remedies end (R16)."""
    from requests.disputes import panel

    with transition(case, "verify_remedy", by=by, now=now) as locked:
        row = _remedy(locked, remedy)
        if row.performed_at is None:
            raise Refused("Note first that it was performed.", code="not_performed")
        if row.verified_at is not None:
            raise Refused("This remedy was verified already.", code="verified")
        if row.performed_by_id == by.pk:
            raise Refused("You performed it; a second person verifies it.", code="four_eyes")
        row.verified_at, row.verified_by = now, by
        row.save()
        left = locked.remedies.filter(verified_at__isnull=True).exists()
    if not left and case.state == "award":
        panel.perform_award(case, by=by, now=now)
    elif not left:
        verify_all(case, by=by, now=now)


def verify_all(case: Dispute, *, by: User, now: datetime) -> None:
    """End the remedies, of which the last one was verified."""
    with transition(case, "verify_all", by=by, now=now) as locked:
        verbs.check_can_close(locked)


def refuse_remedy(case: Dispute, *, remedy: Remedy, by: User, now: datetime) -> None:
    """Note that the company refuses a remedy: a persistent failure to comply is at risk (R16)."""
    with transition(case, "refuse_remedy", by=by, now=now, reason="persistent_failure") as locked:
        row = _remedy(locked, remedy)
        if row.performed_at is not None:
            raise Refused("This remedy was performed already.", code="performed")
        row.refused_at = now
        row.save()
        locked.persistent_failure_risk = True


def _remedy(locked: Dispute, remedy: Remedy) -> Remedy:
    """The remedy, locked, of this case and no other."""
    row = locked.remedies.select_for_update(of=("self",)).filter(pk=remedy.pk).first()
    if row is None:
        raise Refused("There is no such remedy on this case.", code="no_remedy")
    return row


def _is_any_refused(locked: Dispute) -> bool:
    return locked.remedies.filter(refused_at__isnull=False).exists()
