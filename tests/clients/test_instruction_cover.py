"""Which acts an instruction covers, and its use by cases (R1, R6)."""

from datetime import datetime, timedelta

import pytest

from clients.instructions import verbs
from clients.models import Instruction
from portal.errors import Refused
from portal.ledger.models import Leaf
from tests.factories import log_instruction, make_client, make_instruction, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
ERASURE = Instruction.Kind.ERASURE


def refusal(instruction: Instruction, now: datetime, **changed: object) -> str:
    arguments = {"kind": instruction.kind, "client_id": instruction.client_id, "now": now} | changed
    with pytest.raises(Refused) as refused:
        verbs.check_covers(instruction, **arguments)  # type: ignore[arg-type]
    return refused.value.code


def test_an_approved_instruction_covers_its_kind_for_its_client(now: datetime) -> None:
    instruction = make_instruction(make_client(), ERASURE)
    verbs.check_covers(instruction, kind=ERASURE, client_id=instruction.client_id, now=now)
    assert verbs.instruction_in_force(instruction.client_id, ERASURE, now) == instruction


def test_an_instruction_never_serves_another_client(now: datetime) -> None:
    instruction, other = make_instruction(make_client(), ERASURE), make_client()
    assert refusal(instruction, now, client_id=other.pk) == "other_client"
    assert verbs.instruction_in_force(other.pk, ERASURE, now) is None


def test_an_instruction_covers_no_act_of_another_kind(now: datetime) -> None:
    instruction = make_instruction(make_client(), ERASURE)
    assert refusal(instruction, now, kind=Instruction.Kind.SHARING) == "other_kind"


def test_an_instruction_that_nobody_approved_covers_nothing(now: datetime) -> None:
    assert refusal(log_instruction(make_client(), ERASURE), now) == "not_in_effect"


def test_an_instruction_covers_from_its_first_moment_until_before_its_last(now: datetime) -> None:
    begins, ends = now + timedelta(hours=1), now + timedelta(hours=2)
    instruction = make_instruction(
        make_client(), ERASURE, effective_from=begins, effective_until=ends
    )
    assert refusal(instruction, begins - timedelta(seconds=1)) == "not_yet_effective"
    verbs.check_covers(instruction, kind=ERASURE, client_id=instruction.client_id, now=begins)
    assert refusal(instruction, ends) == "no_longer_effective"


def test_a_scope_that_names_purposes_covers_no_others(now: datetime) -> None:
    instruction = make_instruction(make_client(), purposes=["catalogs"])
    verbs.check_covers(
        instruction,
        kind=instruction.kind,
        client_id=instruction.client_id,
        now=now,
        purposes=["catalogs"],
    )
    assert refusal(instruction, now, purposes=["analysis"]) == "beyond_scope"


def test_a_one_case_instruction_is_used_by_one_case_only(now: datetime) -> None:
    client = make_client()
    instruction = make_instruction(client, ERASURE)
    # Any case of the client will do; another instruction is one.
    first, second = log_instruction(client), log_instruction(client)
    by = staff_in("Security Officer")
    verbs.begin(instruction, case=first, by=by, now=now)
    assert instruction.state == "executing"
    verbs.begin(instruction, case=first, by=by, now=now)
    with pytest.raises(Refused, match="another uses it"):
        verbs.begin(instruction, case=second, by=by, now=now)
    assert verbs.instruction_in_force(client.pk, ERASURE, now) is None
    verbs.finish(instruction, case=second, by=by, now=now)
    assert Instruction.objects.get(pk=instruction.pk).state == "executing"
    verbs.finish(instruction, case=first, by=by, now=now)
    assert instruction.state == "executed"
    assert refusal(instruction, now, case_id=second.pk) == "already_used"


def test_a_case_that_was_not_carried_out_gives_its_instruction_back(now: datetime) -> None:
    client = make_client()
    instruction = make_instruction(client, ERASURE)
    case, by = log_instruction(client), staff_in("Security Officer")
    verbs.begin(instruction, case=case, by=by, now=now)
    verbs.release(instruction, case=case, by=by, now=now)
    assert verbs.instruction_in_force(client.pk, ERASURE, now) == instruction


def test_a_standing_instruction_is_used_again_and_again_and_each_use_is_recorded(
    now: datetime,
) -> None:
    client = make_client()
    instruction = make_instruction(client, ERASURE, is_standing=True)
    by = staff_in("Security Officer")
    for case in (log_instruction(client), log_instruction(client)):
        verbs.begin(instruction, case=case, by=by, now=now)
        verbs.finish(instruction, case=case, by=by, now=now)
    assert Instruction.objects.get(pk=instruction.pk).state == "approved"
    assert Leaf.objects.filter(verb="instruction.use", object_id=instruction.pk).count() == 2


def test_a_withdrawal_stops_even_the_case_that_has_begun(now: datetime) -> None:
    client = make_client()
    instruction = make_instruction(client, ERASURE)
    case, by = log_instruction(client), staff_in("Security Officer")
    verbs.begin(instruction, case=case, by=by, now=now)
    verbs.withdraw(instruction, finding="By letter of the client.", by=by, now=now)
    assert refusal(instruction, now, case_id=case.pk) == "not_in_effect"
