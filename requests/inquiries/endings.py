"""How an inquiry ends: answered and closed, duplicate, withdrawn, rejected, taken on by a dispute; and reopened.

Invariants:
- Closing needs every branch closed (R4).
- A duplicate shares the identity of the first and is answered with it; its own clocks go on meanwhile, so that
  a wrong mark costs its sender nothing. Where the first ends without an answer, or its identity fails, its
  duplicates come back by themselves: nobody is shut out by an inquiry that somebody else sent (R45).
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal.cases import timekeeping
from portal.cases.verbs import transition
from portal.errors import Refused
from portal.models import User
from requests.inquiries import branches, deadlines, letters
from requests.inquiries.models import Denial, Inquiry, InquiryBranch, Outcome
from requests.inquiries.states import WITH_CLIENTS

ANSWERED_BY_CLIENTS = ("answered", "closed")


def client_answered(inquiry_id: UUID, *, now: datetime) -> None:
    """After a client's answer: once no client's is missing, the response is ready."""
    with transaction.atomic():
        inquiry = Inquiry.objects.select_for_update(of=("self",)).get(pk=inquiry_id)
        states = [one.state for one in inquiry.branches.all() if one.state != "dropped"]
        if inquiry.state not in WITH_CLIENTS or not states:
            return
        if all(state in ANSWERED_BY_CLIENTS for state in states):
            ready(inquiry, by=User.objects.system(), now=now)


def ready(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Say that the response can be written: every client has answered, or none is concerned."""
    with transition(inquiry, "ready", by=by, now=now) as locked:
        missing = [one for one in branches.branches_of(locked) if one.state == "handed_off"]
        if missing:
            raise Refused(
                f"{missing[0].client} has not answered yet ({missing[0].reference}).",
                code="client_missing",
            )
        waiting = [
            one
            for one in branches.branches_of(locked)
            if one.state == "found" and not branches.is_honoured(one)
        ]
        if waiting:
            raise Refused(
                f"Hand it off to {waiting[0].client} first, or drop this client.", code="not_routed"
            )
        locked.outcome = proposed_outcome(locked)
        timekeeping.stop(locked, deadlines.FORWARDING, by=by, now=now)


def proposed_outcome(inquiry: Inquiry) -> str:
    """What the clients' answers come to, taken together."""
    told = {one.outcome for one in branches.branches_of(inquiry) if one.outcome}
    told -= {Outcome.NO_DATA} if len(told) > 1 else set()
    if len(told) == 1:
        return told.pop()
    if not told:
        return ""
    return Outcome.PARTLY


def outcomes_in_words(inquiry: Inquiry) -> str:
    """What each client decided, as the final response tells it (document 5)."""
    lines = []
    for one in branches.branches_of(inquiry):
        if one.state == "dropped":
            continue
        if one.outcome:
            ground = f" ({one.get_denial_display().lower()})" if one.denial else ""
            lines.append(f"{one.client}: {one.get_outcome_display().lower()}{ground}.")
        elif branches.is_honoured(one):
            lines.append(f"{one.client}: your opt-out was honoured.")
    return "\n".join(lines) or "[Write the answer here.]"


def respond(
    inquiry: Inquiry,
    *,
    outcome: str,
    denial: str,
    message: letters.Message,
    by: User,
    now: datetime,
) -> None:
    """Send the final response (document 5); the response's clock stops."""
    with transition(inquiry, "respond", by=by, now=now, reason=outcome) as locked:
        if outcome not in Outcome.values:
            raise Refused("Choose the outcome; the log of requests needs it.", code="outcome")
        if outcome == Outcome.DENIED and denial not in Denial.values:
            raise Refused("Name the ground of the denial.", code="ground")
        locked.outcome = outcome
        locked.denial = denial if outcome in (Outcome.DENIED, Outcome.PARTLY) else ""
        locked.responded_at = now
        letters.send(
            locked, letters.RESPONSE, message, by=by, now=now, outcomes=outcomes_in_words(locked)
        )
        for kind in (deadlines.RESPONSE, deadlines.FORWARDING, deadlines.ACKNOWLEDGEMENT):
            timekeeping.stop(locked, kind, by=by, now=now)


def close(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Close an inquiry with all of its branches (R4). Raises Refused where a branch cannot be closed yet."""
    with transition(inquiry, "close", by=by, now=now) as locked:
        for branch in branches.branches_of(locked):
            _end_branch(branch, by=by, now=now)
        timekeeping.stop_all(locked, by=by, now=now)


def mark_duplicate(inquiry: Inquiry, *, first: Inquiry, by: User, now: datetime) -> None:
    """Mark a repetition of `first` by the same person. Its clocks run on (R45)."""
    with transition(inquiry, "mark_duplicate", by=by, now=now) as locked:
        # Locked too, so that the two are not marked as duplicates of each other at once.
        other = Inquiry.objects.select_for_update(of=("self",)).get(pk=first.pk)
        if other.pk == locked.pk or other.duplicate_of_id is not None:
            raise Refused("Choose the first inquiry, which is no duplicate itself.", code="chain")
        if locked.duplicates.exists():
            raise Refused("Others are duplicates of this one; take them back first.", code="chain")
        if not other.is_open:
            raise Refused(
                f"{other.reference} is over; answer this one by itself.", code="first_over"
            )
        if other.identity == Inquiry.Identity.FAILED:
            raise Refused(
                f"The identity in {other.reference} could not be verified; this may be the genuine "
                "person. Handle it by itself.",
                code="first_failed",
            )
        locked.duplicate_of = other


def take_back(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Take back that an inquiry is a duplicate; it goes on where it was, its clocks never having stopped."""
    to = "received"
    if inquiry.kind:
        to = "triaged"
    elif inquiry.acknowledged_at:
        to = "acknowledged"
    with transition(inquiry, "take_back", by=by, now=now, to=to) as locked:
        locked.duplicate_of = None


def free_duplicates(first: Inquiry, *, now: datetime) -> None:
    """Let the duplicates of an inquiry that ends without an answer go on by themselves."""
    for one in Inquiry.objects.filter(duplicate_of=first, state="duplicate").order_by("pk"):
        take_back(one, by=User.objects.system(), now=now)


def identity_of(inquiry: Inquiry) -> Inquiry.Identity:
    """The status of the sender's identity; a duplicate has that of the first, and none better (R45)."""
    return Inquiry.Identity((inquiry.duplicate_of or inquiry).identity)


def withdraw(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """The consumer takes the inquiry back."""
    with transition(inquiry, "withdraw", by=by, now=now) as locked:
        _end_early(locked, by=by, now=now)


def reject(
    inquiry: Inquiry, *, denial: str, message: letters.Message | None, by: User, now: datetime
) -> None:
    """Reject with a ground and the way to appeal (document 6). Only what is no inquiry at all needs no letter."""
    with transition(inquiry, "reject", by=by, now=now, reason=denial) as locked:
        if denial not in Denial.values:
            raise Refused("Choose the ground.", code="ground")
        if message is None and denial != Denial.NO_REQUEST:
            raise Refused("Tell the consumer why, and how to appeal.", code="no_text")
        if message is not None:
            ground = Denial(denial).label.lower()
            letters.send(locked, letters.REJECTION, message, by=by, now=now, ground=ground)
        locked.denial = denial
        locked.outcome = "" if denial == Denial.NO_REQUEST else Outcome.DENIED
        _end_early(locked, by=by, now=now)


def reopen(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Take up a closed inquiry again. The response's clock runs on from the first receipt."""
    with transition(inquiry, "reopen", by=by, now=now) as locked:
        if locked.sealed is None:
            raise Refused("Its words were destroyed; log a new inquiry.", code="empty")
        locked.denial = locked.outcome = ""
        deadlines.reopen_stopped(locked, deadlines.RESPONSE, by=by, now=now)


def link_dispute(inquiry: Inquiry, *, dispute_id: UUID, by: User, now: datetime) -> None:
    """A dispute has taken the inquiry on; what is due is due there. The room of disputes calls this."""
    with transition(inquiry, "link_dispute", by=by, now=now) as locked:
        locked.dispute_id = dispute_id
        timekeeping.stop_all(locked, by=by, now=now)


def _end_early(locked: Inquiry, *, by: User, now: datetime) -> None:
    """End every branch and clock, and let duplicates go on by themselves."""
    for branch in branches.branches_of(locked):
        if branch.state in ("found", "handed_off") and not branches.is_honoured(branch):
            branches.end_unanswered(branch, by=by, now=now)
        elif branch.is_open:
            _end_branch(branch, by=by, now=now)
    timekeeping.stop_all(locked, by=by, now=now)
    free_duplicates(locked, now=now)


def _end_branch(branch: InquiryBranch, *, by: User, now: datetime) -> None:
    """Close a branch where its client has answered; one whose opt-out was honoured needs no answer."""
    if not branch.is_open:
        return
    if branch.state != "answered" and not branches.is_honoured(branch):
        raise Refused(
            f"{branch.reference} of {branch.client} is not yet answered. Every branch must be closed first.",
            code="branch_open",
        )
    branches.close(branch, by=by, now=now)
