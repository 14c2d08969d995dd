"""What is done for one client of an inquiry: found, handed off, answered, closed (R1 to R4)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps

from clients.access import check_reach
from clients.models import Client
from portal.cases import thread, timekeeping
from portal.cases.models import Case
from portal.cases.verbs import record_verb, transition
from portal.errors import Refused
from portal.models import User
from requests.inquiries import deadlines, letters
from requests.inquiries.models import Inquiry, InquiryBranch, Outcome


def open_branch(
    inquiry: Inquiry, client: Client, consumer_id: UUID | None, *, by: User, now: datetime
) -> InquiryBranch:
    """The branch of the locked inquiry for this client and person; one that names nobody yet is given the person.

    Idempotent. A branch that was dropped is not taken up again.
    """
    rows = InquiryBranch.objects.select_for_update(of=("self",)).filter(
        inquiry=inquiry, client=client
    )
    found = rows.filter(consumer_id=consumer_id).first()
    if found is not None:
        return found
    unnamed = rows.filter(consumer_id=None, state="found").first()
    if unnamed is not None:
        unnamed.consumer_id = consumer_id
        unnamed.save(update_fields=["consumer_id"])
        record_verb(unnamed, "name_person", by=by, now=now)
        return unnamed
    row = InquiryBranch(
        client=client,
        inquiry=inquiry,
        consumer_id=consumer_id,
        channel=inquiry.channel,
        received_at=inquiry.received_at,
        assignee=_manager(client),
    )
    row.open_case(by=by, now=now)
    row.save(force_insert=True)
    deadlines.start_branch(row, inquiry, by=by, now=now)
    record_verb(row, "open", by=by, now=now)
    return row


def hand_off(branch: InquiryBranch, inquiry: Inquiry, *, by: User, now: datetime) -> int:
    """Hand a branch to its client: what was written word for word, the identity, the days left (R2, R3, document 2).

    Returns to how many people of the client it was sent. Raises Refused where the client has nobody to write to.
    """
    values = hand_off_values(branch, inquiry, now)
    with transition(branch, "hand_off", by=by, now=now) as locked:
        thread.add(
            locked,
            direction="in",
            channel=inquiry.channel,
            text=values["words"],
            by=by,
            now=inquiry.received_at,
            subject_id=locked.consumer_id,
        )
        sent = letters.send_hand_off(locked, inquiry, values, by=by, now=now)
        if not sent:
            raise Refused(
                f"{branch.client} has no contact with an e-mail address. Ask an administrator to add one.",
                code="no_contact",
            )
        locked.handed_off_at = now
    return sent


def hand_off_values(branch: InquiryBranch, inquiry: Inquiry, now: datetime) -> dict[str, str]:
    """What the hand-off says of the branch."""
    view = timekeeping.view(branch, deadlines.RESPONSE)
    rule = inquiry.rule
    content = inquiry.unseal_content()
    words = "\n\n".join(part for part in (content.get("subject"), content.get("text")) if part)
    return {
        "client": branch.client.name,
        "right": inquiry.get_kind_display(),
        "regime": deadlines.regime_name(rule) if rule else "",
        "due_on": f"{view.due_on:%-d %B %Y}" if view else "",
        "days": str(deadlines.remaining_days(branch, now)),
        "identity": inquiry.get_identity_display().lower(),
        "words": words or "(destroyed)",
    }


def answer(
    branch: InquiryBranch, *, outcome: str, denial: str, text: str, by: User, now: datetime
) -> None:
    """Record what the client decided; staff never decide the merits (R2). The last answer makes the response ready."""
    from requests.inquiries.endings import client_answered

    with transition(branch, "answer", by=by, now=now, reason=outcome) as locked:
        if outcome not in Outcome.values:
            raise Refused("Choose what the client decided.", code="outcome")
        if outcome == Outcome.DENIED and not denial:
            raise Refused("Name the ground on which the client denies it.", code="ground")
        locked.outcome, locked.answered_at = outcome, now
        locked.denial = denial if outcome in (Outcome.DENIED, Outcome.PARTLY) else ""
        if text.strip():
            thread.add(
                locked,
                direction="in",
                channel="email",
                text=text.strip(),
                by=by,
                now=now,
                subject_id=locked.consumer_id,
            )
        timekeeping.stop(locked, deadlines.RESPONSE, by=by, now=now)
    client_answered(branch.inquiry_id, now=now)


def follow(branch: InquiryBranch, *, case: Any, by: User, now: datetime) -> None:
    """Name the instruction, erasure, opt-out or access request that followed from the inquiry at this client."""
    with transition(branch, "follow", by=by, now=now) as locked:
        kind = case._meta.label_lower
        if kind not in InquiryBranch.Followed.values:
            raise Refused("Only a request or an instruction can follow from it.", code="kind")
        if case.client_id != locked.client_id:
            raise Refused("This case is another client's.", code="other_client")
        locked.followed_kind, locked.followed_id = kind, case.pk


def followed_case(branch: InquiryBranch) -> Case | None:
    """The case that followed, or None."""
    if not branch.followed_kind:
        return None
    model: Any = apps.get_model(branch.followed_kind)
    found: Case | None = model.objects.filter(
        client_id=branch.client_id, pk=branch.followed_id
    ).first()
    return found


def check_can_close(branch: InquiryBranch) -> None:
    """Raise Refused while the client has not answered, or the case that followed is still being carried out."""
    if branch.state != "answered" and not is_honoured(branch):
        raise Refused(
            f"{branch.client} has not answered {branch.reference} yet.", code="unanswered"
        )
    case = followed_case(branch)
    if case is not None and case.is_open and not is_honoured(branch):
        raise Refused(
            f"{case.reference} followed from {branch.reference} and is still open. Close it first.",
            code="followed_open",
        )


def close(branch: InquiryBranch, *, by: User, now: datetime) -> None:
    """Close the client's part. Raises Refused while the case that followed is open."""
    with transition(branch, "close", by=by, now=now) as locked:
        check_can_close(locked)
        if locked.state != "answered":
            # An opt-out was honoured without asking the client (R29); there is no answer to wait for.
            locked.outcome, locked.answered_at = Outcome.COMPLIED, now
        timekeeping.stop_all(locked, by=by, now=now)


def drop(branch: InquiryBranch, *, by: User, now: datetime) -> None:
    """The inquiry does not concern this client after all."""
    from requests.inquiries.endings import client_answered

    end_unanswered(branch, by=by, now=now)
    client_answered(branch.inquiry_id, now=now)


def end_unanswered(branch: InquiryBranch, *, by: User, now: datetime) -> None:
    """End a branch without an answer, because the inquiry itself ends or does not concern this client."""
    with transition(branch, "drop", by=by, now=now) as locked:
        timekeeping.stop_all(locked, by=by, now=now)


def is_honoured(branch: InquiryBranch) -> bool:
    """Whether it was an opt-out, which is honoured without waiting for the client (R24, R29)."""
    return branch.followed_kind == InquiryBranch.Followed.OPT_OUT


def branches_of(inquiry: Inquiry) -> list[InquiryBranch]:
    """The branches of an inquiry with their clients, the earliest first."""
    return list(inquiry.branches.select_related("client").order_by("pk"))


def check_client(client: Client, by: User) -> None:
    """Raise Refused where an inquiry cannot concern this client."""
    check_reach(by, client.pk)
    if client.ended_at is not None:
        raise Refused(f"We no longer process data for {client}.", code="ended")


def _manager(client: Client) -> User | None:
    assignment = client.assignments.select_related("user").order_by("pk").first()
    found: User | None = assignment.user if assignment else None
    return found
