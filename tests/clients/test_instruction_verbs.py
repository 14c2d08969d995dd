"""An instruction from its logging to its end."""

import threading
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction

from clients.instructions import verbs
from clients.instructions.notices import NobodyToInform, tell_suspended
from clients.models import Client, Instruction
from clients.verbs import save_contact
from portal import outbox
from portal.cases import files, thread
from portal.cases.verbs import check_can
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import OutboxMessage, User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from tests.factories import (
    EVIDENCE,
    log_instruction,
    make_client,
    make_contact,
    make_instruction,
    make_user,
    staff_in,
)

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="alice")


def stored(instruction: Instruction) -> Instruction:
    return Instruction.objects.get(pk=instruction.pk)


def refused_leaf(verb: str) -> Leaf:
    return Leaf.objects.get(verb=verb, outcome="refused")


def code_of(function: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(Refused) as refused:
        function(*args, **kwargs)
    return refused.value.code


def reviewed(client: Client, officer: User, now: datetime, **fields: Any) -> Instruction:
    """An instruction that waits for its approval."""
    instruction = log_instruction(client, **fields)
    verbs.check_authority(instruction, by=officer, now=now)
    verbs.review_legality(instruction, lawful=True, finding="Fine.", by=officer, now=now)
    return instruction


# ------------------------------------------------------------------------------------------- logging


def test_a_logged_instruction_has_a_number_sealed_evidence_and_a_sealed_note(now: datetime) -> None:
    instruction = log_instruction(make_client(), note="Mrs Bob wants out")
    assert instruction.reference.startswith("IN-2026-")
    assert stored(instruction).state == "received"
    (evidence,) = files.of_case(instruction)
    assert files.open_content(evidence).read() == EVIDENCE.content
    assert b"Bob" not in bytes(stored(instruction).sealed or b"")
    assert stored(instruction).unseal_content() == {"note": "Mrs Bob wants out"}


def test_each_instruction_has_a_number_of_its_own() -> None:
    client = make_client()
    assert log_instruction(client).reference != log_instruction(client).reference


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"received_at": datetime.fromisoformat("2026-11-24T15:01Z")}, "received_in_future"),
        ({"effective_until": datetime.fromisoformat("2026-11-20T00:00Z")}, "effective_span"),
        (
            {
                "effective_from": datetime.fromisoformat("2026-11-01T00:00Z"),
                "effective_until": datetime.fromisoformat("2026-11-24T15:00Z"),
            },
            "no_longer_effective",
        ),
        ({"evidence": None}, "no_evidence"),
        ({"kind": "forget"}, "kind"),
    ],
)
def test_what_cannot_be_is_not_logged_and_the_refusal_is_on_record(
    changed: dict[str, Any], code: str
) -> None:
    client = make_client()
    assert code_of(log_instruction, client, **changed) == code
    assert not Instruction.objects.exists()
    assert refused_leaf("instruction.log").reason == code


def test_the_scope_cannot_pass_what_the_contract_permits() -> None:
    client = make_client(purposes=["catalogs"])
    assert code_of(log_instruction, client, purposes=["analysis"]) == "beyond_scope"


def test_nobody_instructs_or_supersedes_for_another_client() -> None:
    ours, theirs = make_client(), make_client()
    stranger = theirs.contacts.get()
    assert code_of(log_instruction, ours, instructed_by=stranger) == "other_client"
    foreign = log_instruction(theirs)
    assert code_of(log_instruction, ours, supersedes=foreign) == "other_client"


@pytest.mark.parametrize("role", [AUDITOR, DISPUTE_STAFF])
def test_only_account_managers_and_the_security_officer_log_instructions(role: str) -> None:
    assert code_of(log_instruction, make_client(), by=make_user(role)) == "role"


def test_an_account_manager_logs_for_own_clients_only() -> None:
    ours = make_client(managers=[make_user(ACCOUNT_MANAGER, username="bob")])
    stranger = make_user(ACCOUNT_MANAGER)
    assert code_of(log_instruction, ours, by=stranger) == "reach"


def test_when_the_leaf_cannot_be_written_nothing_is_logged(now: datetime) -> None:
    client = make_client()
    by = staff_in(SECURITY_OFFICER)
    with (
        patch("portal.ledger.leaves.Leaf.objects.create", side_effect=OSError),
        pytest.raises(OSError),
    ):
        log_instruction(client, by=by)
    assert not Instruction.objects.exists()


# ------------------------------------------------------------------------------------ authority, review


def test_the_authority_of_somebody_who_may_not_instruct_is_not_passed(
    officer: User, now: datetime
) -> None:
    client = make_client()
    instruction = log_instruction(
        client, instructed_by=make_contact(client, "Bob", may_instruct=False)
    )
    assert code_of(verbs.check_authority, instruction, by=officer, now=now) == "not_entitled"
    assert stored(instruction).state == "received"
    assert refused_leaf("instruction.check_authority").reason == "not_entitled"


def test_authority_is_asked_for_the_day_of_receipt(officer: User, now: datetime) -> None:
    client = make_client()
    left = make_contact(client, "Bob", until=now.date() - timedelta(days=1))
    in_time = log_instruction(client, instructed_by=left, received_at=now - timedelta(days=1))
    too_late = log_instruction(client, instructed_by=left, received_at=now)
    verbs.check_authority(in_time, by=officer, now=now)
    assert code_of(verbs.check_authority, too_late, by=officer, now=now) == "not_entitled"


def test_nobody_named_cannot_pass_until_somebody_is_named(officer: User, now: datetime) -> None:
    client = make_client()
    instruction = log_instruction(client, instructed_by=None)
    assert code_of(verbs.check_authority, instruction, by=officer, now=now) == "nobody_named"
    verbs.check_authority(instruction, instructed_by=client.contacts.get(), by=officer, now=now)
    assert stored(instruction).authority_checked_by == officer


def test_an_oral_instruction_waits_for_its_written_confirmation(
    officer: User, now: datetime
) -> None:
    instruction = log_instruction(make_client(), is_oral=True, evidence=None, channel="telephone")
    assert stored(instruction).state == "awaiting_written_confirmation"
    assert code_of(verbs.check_authority, instruction, by=officer, now=now) == "state"
    verbs.confirm_in_writing(instruction, evidence=EVIDENCE, by=officer, now=now)
    verbs.check_authority(instruction, by=officer, now=now)
    assert stored(instruction).state == "authority_checked"


def test_an_unlawful_instruction_is_suspended_and_the_client_is_told_at_once(
    officer: User, now: datetime
) -> None:
    instruction = log_instruction(make_client())
    verbs.check_authority(instruction, by=officer, now=now)
    verbs.review_legality(
        instruction, lawful=False, finding="No lawful basis for Bob.", by=officer, now=now
    )
    assert stored(instruction).state == "suspended"
    assert outbox.send_due(now) == 1
    (message,) = mail.outbox
    assert message.to == ["charlie@example.com"]
    assert instruction.reference in message.body
    assert "Bob" not in message.body
    assert not OutboxMessage.objects.filter(work_due=True).exists()


def test_a_notice_that_is_sent_for_a_second_time_does_not_go_out(
    officer: User, now: datetime
) -> None:
    instruction = log_instruction(make_client())
    verbs.suspend(instruction, finding="Unclear.", by=officer, now=now)
    tell_suspended(instruction.pk, now)
    tell_suspended(instruction.pk, now)
    assert len(mail.outbox) == 1
    assert [entry.note.direction for entry in thread.entries(instruction)] == ["note", "out"]


def test_a_notice_that_reaches_nobody_stays_in_the_outbox(officer: User, now: datetime) -> None:
    client = make_client()
    contact = client.contacts.get()
    contact.email = ""
    save_contact(contact, by=officer, now=now)
    instruction = log_instruction(client)
    verbs.suspend(instruction, finding="Unclear.", by=officer, now=now)
    assert outbox.send_due(now) == 0
    assert OutboxMessage.objects.get().last_fault == NobodyToInform.__name__


def test_a_review_says_what_it_found(officer: User, now: datetime) -> None:
    instruction = log_instruction(make_client())
    verbs.check_authority(instruction, by=officer, now=now)
    refusal = code_of(
        verbs.review_legality, instruction, lawful=True, finding=" ", by=officer, now=now
    )
    assert refusal == "no_finding"
    assert stored(instruction).state == "authority_checked"


# ------------------------------------------------------------------------------------------- approval


def test_whoever_logged_an_instruction_cannot_approve_it(officer: User, now: datetime) -> None:
    other = make_user(SECURITY_OFFICER, username="bob")
    instruction = reviewed(make_client(), officer, now, by=officer)
    assert code_of(verbs.approve, instruction, by=officer, now=now) == "four_eyes"
    assert refused_leaf("instruction.approve").actor == officer
    verbs.approve(instruction, by=other, now=now)
    assert stored(instruction).approved_by == other


def test_the_database_itself_keeps_four_eyes(officer: User, now: datetime) -> None:
    instruction = log_instruction(make_client(), by=officer)
    with pytest.raises(IntegrityError, match="instruction_four_eyes"), transaction.atomic():
        Instruction.objects.filter(pk=instruction.pk).update(approved_at=now, approved_by=officer)


def test_an_account_manager_cannot_approve(officer: User, now: datetime) -> None:
    manager = make_user(ACCOUNT_MANAGER)
    instruction = reviewed(make_client(managers=[manager]), officer, now, by=officer)
    assert code_of(verbs.approve, instruction, by=manager, now=now) == "role"


def test_no_step_can_be_left_out(officer: User, now: datetime) -> None:
    instruction = log_instruction(make_client())
    assert code_of(verbs.approve, instruction, by=officer, now=now) == "state"
    review = {"lawful": True, "finding": "Fine.", "by": officer, "now": now}
    assert code_of(verbs.review_legality, instruction, **review) == "state"


def test_an_instruction_whose_time_is_over_is_not_approved(officer: User, now: datetime) -> None:
    ends = now + timedelta(hours=1)
    instruction = reviewed(make_client(), officer, now, effective_until=ends)
    assert code_of(verbs.approve, instruction, by=officer, now=ends) == "no_longer_effective"


def test_when_the_leaf_cannot_be_written_the_approval_is_rolled_back(
    officer: User, now: datetime
) -> None:
    instruction = reviewed(make_client(), officer, now)
    with (
        patch("portal.ledger.leaves.Leaf.objects.create", side_effect=OSError),
        pytest.raises(OSError),
    ):
        verbs.approve(instruction, by=officer, now=now)
    assert stored(instruction).state == "legality_reviewed"
    assert stored(instruction).approved_by is None


def test_the_old_instruction_goes_on_until_the_new_one_is_approved(
    officer: User, now: datetime
) -> None:
    client = make_client()
    old = make_instruction(client)
    new = reviewed(client, officer, now, supersedes=old)
    assert verbs.instruction_in_force(client.pk, old.kind, now) == old
    verbs.approve(new, by=officer, now=now)
    assert stored(old).state == "superseded"
    assert verbs.instruction_in_force(client.pk, old.kind, now) == new


def test_the_old_instruction_stays_in_force_when_the_approval_of_the_new_one_fails(
    officer: User, now: datetime
) -> None:
    client = make_client()
    old = make_instruction(client)
    new = reviewed(client, officer, now, supersedes=old)
    with (
        patch("clients.instructions.verbs._supersede", side_effect=Refused("No.", code="no")),
        pytest.raises(Refused),
    ):
        verbs.approve(new, by=officer, now=now)
    assert stored(new).state == "legality_reviewed"
    assert verbs.instruction_in_force(client.pk, old.kind, now) == old


# ------------------------------------------------------------------------------------------ afterwards


def test_a_suspended_instruction_is_approved_anew_before_it_covers_anything(
    officer: User, now: datetime
) -> None:
    instruction = make_instruction(make_client())
    verbs.suspend(instruction, finding="A question.", by=officer, now=now)
    assert not verbs.covers(
        instruction, kind=instruction.kind, client_id=instruction.client_id, now=now
    )
    verbs.resume(instruction, finding="Answered.", by=officer, now=now)
    assert stored(instruction).state == "authority_checked"
    assert stored(instruction).approved_by is None
    verbs.review_legality(instruction, lawful=True, finding="Fine.", by=officer, now=now)
    verbs.approve(instruction, by=officer, now=now)
    assert verbs.covers(
        instruction, kind=instruction.kind, client_id=instruction.client_id, now=now
    )


def test_a_withdrawn_instruction_covers_nothing_and_cannot_be_taken_up_again(
    officer: User, now: datetime
) -> None:
    instruction = make_instruction(make_client())
    verbs.withdraw(instruction, finding="By letter.", by=officer, now=now)
    assert stored(instruction).closed_at == now
    assert verbs.instruction_in_force(instruction.client_id, instruction.kind, now) is None
    again = {"finding": "They changed their mind.", "by": officer, "now": now}
    assert code_of(verbs.resume, instruction, **again) == "state"


def test_a_carried_out_instruction_is_confirmed_to_the_client(officer: User, now: datetime) -> None:
    client = make_client()
    instruction = make_instruction(client, Instruction.Kind.ACCESS)
    case = log_instruction(client)
    verbs.begin(instruction, case=case, by=officer, now=now)
    verbs.finish(instruction, case=case, by=officer, now=now)
    verbs.confirm(instruction, by=officer, now=now)
    outbox.send_due(now)
    assert stored(instruction).state == "confirmed"
    assert "has been carried out" in mail.outbox[0].body


def test_the_schedule_expires_what_is_over_and_leaves_what_is_being_executed(
    officer: User, now: datetime
) -> None:
    client, ends = make_client(), now + timedelta(hours=1)
    standing = make_instruction(client, effective_until=ends)
    in_use = make_instruction(client, Instruction.Kind.ERASURE, effective_until=ends)
    endless = make_instruction(client)
    verbs.begin(in_use, case=endless, by=officer, now=now)
    assert verbs.expire(ends - timedelta(seconds=1)) == 0
    assert verbs.expire(ends) == 1
    assert [stored(one).state for one in (standing, in_use, endless)] == [
        "expired",
        "executing",
        "approved",
    ]
    leaf = Leaf.objects.get(verb="instruction.expire")
    assert (leaf.object_id, leaf.actor.is_system) == (standing.pk, True)
    newest: Any = standing.history.latest()
    assert (newest.state, newest.history_user.is_system) == ("expired", True)
    assert verbs.expire(ends) == 0


OVER: list[tuple[Any, dict[str, Any]]] = [
    (verbs.check_authority, {}),
    (verbs.add_evidence, {"evidence": EVIDENCE}),
    (verbs.suspend, {"finding": "A question."}),
    (verbs.withdraw, {"finding": "By letter."}),
]


@pytest.mark.parametrize(("verb", "given"), OVER)
def test_what_is_over_is_over_before_the_schedule_has_said_so(
    verb: Any, given: dict[str, Any], officer: User, now: datetime
) -> None:
    ends = now + timedelta(hours=1)
    instruction = log_instruction(make_client(), effective_until=ends)
    name = verb.__name__
    assert code_of(verb, instruction, by=officer, now=ends, **given) == "no_longer_effective"
    with pytest.raises(Refused):
        check_can(instruction, name, officer, ends)
    assert stored(instruction).state == "received"
    check_can(instruction, name, officer, ends - timedelta(microseconds=1))
    verb(instruction, by=officer, now=ends - timedelta(microseconds=1), **given)


def test_what_is_over_is_neither_reviewed_nor_resumed(officer: User, now: datetime) -> None:
    ends = now + timedelta(hours=1)
    instruction = log_instruction(make_client(), effective_until=ends)
    verbs.check_authority(instruction, by=officer, now=now)
    review = {"lawful": True, "finding": "Fine.", "by": officer, "now": ends}
    assert code_of(verbs.review_legality, instruction, **review) == "no_longer_effective"
    verbs.suspend(instruction, finding="A question.", by=officer, now=now)
    again = {"finding": "Answered.", "by": officer, "now": ends}
    assert code_of(verbs.resume, instruction, **again) == "no_longer_effective"


def test_what_is_being_executed_is_stopped_also_when_its_time_is_over(
    officer: User, now: datetime
) -> None:
    client, ends = make_client(), now + timedelta(hours=1)
    in_use = make_instruction(client, Instruction.Kind.ERASURE, effective_until=ends)
    verbs.begin(in_use, case=log_instruction(client), by=officer, now=now)
    verbs.suspend(in_use, finding="A question.", by=officer, now=ends)
    assert stored(in_use).state == "suspended"


def test_what_is_over_is_not_superseded_but_expires(officer: User, now: datetime) -> None:
    client, ends = make_client(), now + timedelta(hours=1)
    old = make_instruction(client, effective_until=ends)
    assert code_of(log_instruction, client, supersedes=old, now=ends) == "closed"
    new = reviewed(client, officer, now, supersedes=old)
    verbs.approve(new, by=officer, now=ends)
    assert stored(old).state == "approved"
    assert verbs.expire(ends) == 1
    assert (stored(old).state, stored(new).state) == ("expired", "approved")


def test_history_says_who_and_when_as_the_verbs_do_and_not_as_the_wall_clock(
    officer: User, now: datetime
) -> None:
    instruction = log_instruction(make_client(), now=now)
    later = now + timedelta(days=2)
    verbs.check_authority(instruction, by=officer, now=later)
    entries = instruction.history.order_by("history_id")
    assert list(entries.values_list("history_user", "history_date")) == [
        (instruction.logged_by_id, now),
        (officer.pk, later),
    ]


def test_history_keeps_no_note() -> None:
    instruction = log_instruction(make_client(), note="about Bob")
    columns = {field.name for field in instruction.history.model._meta.get_fields()}
    assert "sealed" not in columns


# ----------------------------------------------------------------------------------------- concurrency


@pytest.mark.django_db(databases=["default", "vault"], transaction=True)
def test_of_two_approvals_at_once_one_wins(now: datetime) -> None:
    client = make_client()
    officers = [make_user(SECURITY_OFFICER) for _ in range(2)]
    instruction = reviewed(client, officers[0], now)
    outcomes = at_once(
        [lambda by=by: verbs.approve(stored(instruction), by=by, now=now) for by in officers]
    )
    assert sorted(outcomes) == ["done", "state"]
    assert Leaf.objects.filter(verb="instruction.approve", outcome="done").count() == 1
    assert Leaf.objects.filter(verb="instruction.approve", outcome="refused").count() == 1


@pytest.mark.django_db(databases=["default", "vault"], transaction=True)
def test_of_two_cases_that_take_a_one_case_instruction_at_once_one_gets_it(now: datetime) -> None:
    client = make_client()
    instruction = make_instruction(client, Instruction.Kind.ERASURE)
    cases = [log_instruction(client) for _ in range(2)]
    by = staff_in(SECURITY_OFFICER)
    outcomes = at_once(
        [
            lambda case=case: verbs.begin(stored(instruction), case=case, by=by, now=now)
            for case in cases
        ]
    )
    assert sorted(outcomes) == ["already_used", "done"]
    assert stored(instruction).used_by_case in {case.pk for case in cases}


def at_once(functions: list[Any]) -> list[str]:
    """Run the functions in threads that start together; "done" or the code of the refusal of each."""
    barrier, outcomes = threading.Barrier(len(functions), timeout=10), []

    def run(function: Any) -> None:
        barrier.wait()
        try:
            function()
            outcomes.append("done")
        except Refused as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=20)
    return outcomes
