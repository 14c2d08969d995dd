"""The verbs of an erasure until a worker takes it over: log, match, resolve, hold, approve, recall, reject."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from clients.access import check_reach
from clients.instructions import verbs as instructions
from clients.models import Client, Instruction
from consumers.models import Consumer, LegalHold
from consumers.profile import Profile
from consumers.search import check_is_enough
from portal import clocks, ledger
from portal.cases.verbs import record_verb
from portal.cases.verbs import transition as case_transition
from portal.errors import Refused
from portal.models import User
from portal.retire import retire
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, check_role
from portal.tasks import hint_task
from portal.work import make_due
from requests.erasures import approval, holds, subjects, tokens
from requests.erasures.holds import holds_on as holds_on
from requests.erasures.matching import is_erasable
from requests.erasures.models import Erasure, ErasureSubject
from requests.erasures.subjects import matched_ids

AT_ONCE = 500
"""Up to so many people the suppression is written with the approval itself; above, by the worker first."""


def log_erasure(
    *,
    client: Client,
    instruction: Instruction,
    people: Sequence[Profile],
    channel: str,
    received_at: datetime,
    by: User,
    now: datetime,
) -> Erasure:
    """Open an erasure of `people`, described by normalised profiles, and match them (R1, R36).

    Raises Refused where the instruction does not cover it, or nobody is described.
    """
    try:
        with transaction.atomic():
            return _log(client, instruction, people, channel, received_at, by=by, now=now)
    except Refused as refusal:
        ledger.record(
            verb=f"{Erasure.VERB_PREFIX}.log",
            by=by,
            client_id=client.pk,
            object_kind=Erasure._meta.label_lower,
            outcome="refused",
            reason=refusal.code,
            now=now,
        )
        raise


def _log(
    client: Client,
    instruction: Instruction,
    people: Sequence[Profile],
    channel: str,
    received_at: datetime,
    *,
    by: User,
    now: datetime,
) -> Erasure:
    if not people:
        raise Refused("Say whom to erase: give at least one person.", code="nobody")
    if len(people) == 1:
        check_is_enough(people[0])
    erasure = open_erasure(
        client=client,
        instruction=instruction,
        channel=channel,
        received_at=received_at,
        by=by,
        now=now,
    )
    rows = [subjects.Described(number, given) for number, given in enumerate(people, start=1)]
    subjects.store(erasure, subjects.match(erasure, rows))
    enter_matched_state(erasure, now)
    erasure.save()
    record_verb(erasure, "log", by=by, now=now, counts={"people": len(people)})
    return erasure


def open_erasure(
    *,
    client: Client,
    instruction: Instruction,
    channel: str,
    received_at: datetime,
    by: User,
    now: datetime,
) -> Erasure:
    """Open an erasure without its people yet, which begins to use the instruction; in the current transaction."""
    check_role(by, ACCOUNT_MANAGER, SECURITY_OFFICER)
    check_reach(by, client.pk)
    if received_at > now:
        raise Refused("It cannot have been received in the future.", code="future")
    instructions.check_covers(
        instruction, kind=Instruction.Kind.ERASURE, client_id=client.pk, now=now
    )
    erasure = Erasure(
        client=client, instruction=instruction, channel=channel, received_at=received_at
    )
    erasure.open_case(by=by, now=now)
    _start_clock(erasure)
    erasure.seal_content({})
    erasure.save(force_insert=True)
    instructions.begin(instruction, case=erasure, by=by, now=now)
    return erasure


def _start_clock(erasure: Erasure) -> None:
    client = erasure.client
    due = clocks.erasure_deadline(client.regions, erasure.received_at, ZoneInfo(client.time_zone))
    erasure.due_at, erasure.due_rule, erasure.due_reason = due.due_at, due.rule.code, due.reason


def enter_matched_state(erasure: Erasure, now: datetime) -> None:
    """Move to what the rows of the case have come to."""
    kinds = set(erasure.subjects.order_by().values_list("match", flat=True).distinct())
    if ErasureSubject.Match.AMBIGUOUS in kinds:
        erasure.enter("ambiguous", now)
    elif ErasureSubject.Match.ONE in kinds:
        erasure.enter("matched", now)
    else:
        erasure.enter("no_match", now)


def match_again(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Match once more, after an import or a correction; who was settled stays so unless another could be meant."""
    with case_transition(erasure, "match", by=by, now=now) as locked:
        subjects.match_anew(locked)
        enter_matched_state(locked, now)


def resolve(
    erasure: Erasure, *, subject: ErasureSubject, consumer: Consumer | None, by: User, now: datetime
) -> None:
    """Settle who an ambiguous subject is: one of the candidates, or None to leave the row out."""
    with case_transition(erasure, "resolve", by=by, now=now) as locked:
        row = locked.subjects.select_for_update().get(pk=subject.pk)
        if row.match != ErasureSubject.Match.AMBIGUOUS:
            raise Refused("This row is settled already.", code="settled")
        if consumer is None:
            row.match, row.given = ErasureSubject.Match.LEFT_OUT, None
        elif consumer.pk not in row.candidates or consumer.client_id != locked.client_id:
            raise Refused("Choose one of the people that were found.", code="no_candidate")
        elif not is_erasable(consumer):
            raise Refused("This is a seed, or erased already.", code="not_erasable")
        elif subjects.is_named(locked, consumer.pk):
            row.match, row.given = ErasureSubject.Match.REPEATED, None
        else:
            row.match, row.consumer_id = ErasureSubject.Match.ONE, consumer.pk
        row.save()
        enter_matched_state(locked, now)


def check_can_approve(erasure: Erasure, by: User, now: datetime) -> None:
    """Raise Refused where `by` is no second person, somebody is on hold, or the instruction covers it no longer."""
    approval.check_second_person(erasure, by)
    holds.check_none(erasure)
    approval.check_covered(erasure, now)


def approve(erasure: Erasure, *, confirmation: str, read: str, by: User, now: datetime) -> None:
    """Approve: the second person types the reference. The suppression starts at once (R36, R39).

    `read` is the mark of what that person has read (`approval.mark_of`); refused where the case holds something
    else by now.
    """
    with case_transition(erasure, "approve", by=by, now=now) as locked:
        check_can_approve(locked, by, now)
        if confirmation.strip().upper() != locked.reference:
            raise Refused(f"Type {locked.reference} to confirm.", code="confirmation")
        approval.check_read(locked, read)
        instructions.begin(locked.instruction, case=locked, by=by, now=now)
        locked.approved_at, locked.approved_by = now, by
        locked.recall_until = now + timedelta(hours=locked.client.recall_hours)
        make_due(locked, now)
        ids = matched_ids(locked)
        locked.progress_done, locked.progress_total = 0, len(ids)
        if len(ids) <= AT_ONCE:
            approval.check_still_meant(locked)
            tokens.suppress(locked, ids, now=now)
            locked.suppressed_at = now
            locked.next_attempt_at = locked.recall_until
        transaction.on_commit(hint)


def hint() -> None:
    """Tell the workers to look."""
    from requests.erasures.tasks import long_run_erasures

    hint_task(long_run_erasures)


def take_from_worker(locked: Erasure) -> None:
    """Take the work away from a worker that may be at it: its token is passed by, and it writes no more."""
    locked.work_due, locked.lease_until = False, None
    locked.lease_token += 1


def recall(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Call an approved erasure back while its window is open by the clock; removes exactly its own tokens."""
    with case_transition(erasure, "recall", by=by, now=now) as locked:
        tokens.lift(locked)
        take_from_worker(locked)
        instructions.release(locked.instruction, case=locked, by=by, now=now)
        forget(locked, "recall")


def reject(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Decide against it; the instruction is free for another case."""
    with case_transition(erasure, "reject", by=by, now=now) as locked:
        instructions.release(locked.instruction, case=locked, by=by, now=now)
        forget(locked, "reject")


def close_unmatched(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Close a case for which nobody is on file; the instruction counts as carried out."""
    with case_transition(erasure, "close_unmatched", by=by, now=now) as locked:
        instructions.finish(locked.instruction, case=locked, by=by, now=now)
        forget(locked, "close_unmatched")


def forget(locked: Erasure, verb: str) -> None:
    """Destroy what the client gave: nobody is erased on this case, so nothing of it may be kept."""
    locked.subjects.update(given=None, wanted=None)
    retire(locked, verb)


def hold(erasure: Erasure, *, ground: str, by: User, now: datetime) -> None:
    """Put a legal hold on the erasure's people: nothing is erased while it is in force (R36)."""
    with case_transition(erasure, "hold", by=by, now=now) as locked:
        holds.one_at_a_time(locked.client_id)
        holds.check_can_keep(locked)
        LegalHold.objects.bulk_create(
            LegalHold(
                client_id=locked.client_id, consumer_id=pk, ground=ground, set_at=now, set_by=by
            )
            for pk in matched_ids(locked)
        )
        approval.take_back(locked)
        take_from_worker(locked)


def release_hold(erasure: Erasure, *, by: User, now: datetime) -> None:
    """Release the legal holds on the erasure's people but those whom another case keeps; approved anew then."""
    with case_transition(erasure, "release", by=by, now=now) as locked:
        holds.one_at_a_time(locked.client_id)
        LegalHold.objects.filter(
            client_id=locked.client_id,
            released_at__isnull=True,
            consumer_id__in=set(matched_ids(locked)).difference(holds.held_by_others(locked)),
        ).update(released_at=now, released_by=by)


def sweep_again(erasure: Erasure, *, by: User, now: datetime) -> None:
    """After somebody has removed the residue: look again."""
    with case_transition(erasure, "sweep_again", by=by, now=now) as locked:
        locked.residue = []
        make_due(locked, now)
        transaction.on_commit(hint)
