"""What happens to the instruction, the client or the people between the approval and the first key shredded."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection

from clients import ending
from clients.instructions import verbs as instructions
from clients.models import Client, Instruction
from consumers.models import SuppressionToken
from consumers.profile import Profile
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.erasures import approval, execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from tests.erasures.people import ALICE, BOB, load
from tests.erasures.test_newcomers import together
from tests.factories import log_instruction, make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia")


@pytest.fixture
def client_(now: datetime) -> Client:
    client = make_client(managers=[make_user(ACCOUNT_MANAGER, username="adam")], now=now)
    load(client, [ALICE, BOB], now=now)
    return client


@pytest.fixture
def instruction(client_: Client, now: datetime) -> Instruction:
    return make_instruction(
        client_, Instruction.Kind.ERASURE, effective_until=now + timedelta(hours=36)
    )


@pytest.fixture
def case(client_: Client, instruction: Instruction, officer: User, now: datetime) -> Erasure:
    case = verbs.log_erasure(
        client=client_,
        instruction=instruction,
        people=[Profile(email="alice@example.com")],
        channel="email",
        received_at=now,
        by=client_.assignments.get().user,
        now=now,
    )
    approve(case, officer, now)
    return case


def approve(case: Erasure, by: User, now: datetime) -> None:
    verbs.approve(case, confirmation=case.reference, read=mark_of(case), by=by, now=now)


def withdrawn(instruction: Instruction, officer: User, now: datetime) -> None:
    instructions.withdraw(instruction, finding="By letter.", by=officer, now=now)


def suspended(instruction: Instruction, officer: User, now: datetime) -> None:
    instructions.suspend(instruction, finding="It seems unlawful.", by=officer, now=now)


def superseded(instruction: Instruction, officer: User, now: datetime) -> None:
    newer = log_instruction(
        instruction.client, Instruction.Kind.ERASURE, supersedes=instruction, now=now
    )
    instructions.check_authority(newer, by=officer, now=now)
    instructions.review_legality(newer, lawful=True, finding="Fine.", by=officer, now=now)
    instructions.approve(newer, by=officer, now=now)


@pytest.mark.parametrize("deed", [withdrawn, suspended, superseded])
def test_an_erasure_whose_instruction_ended_before_it_began_is_not_begun(
    case: Erasure,
    instruction: Instruction,
    officer: User,
    now: datetime,
    deed: Callable[[Instruction, User, datetime], None],
) -> None:
    deed(instruction, officer, now + timedelta(hours=1))
    later = now + timedelta(hours=25)
    execution.run_due(lambda: later)
    case.refresh_from_db()
    assert (case.state, case.last_fault, case.work_due) == ("matched", "not_in_effect", False)
    assert (case.approved_at, case.approved_by, case.recall_until) == (None, None, None)
    assert not SuppressionToken.objects.exists(), "nobody is kept out without an instruction"
    assert Leaf.objects.get(verb="erasure.send_back").reason == "not_in_effect"
    with pytest.raises(Refused, match="not in effect"):
        approve(case, officer, later)
    verbs.reject(case, by=officer, now=later)


def test_an_instruction_that_is_over_before_it_began_erases_nobody(
    case: Erasure, now: datetime
) -> None:
    execution.run_due(lambda: now + timedelta(hours=36))
    case.refresh_from_db()
    assert (case.state, case.last_fault) == ("matched", "no_longer_effective")


def test_what_has_begun_is_finished_though_the_instruction_is_withdrawn(
    case: Erasure,
    instruction: Instruction,
    officer: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half an erasure helps nobody, and what was shredded cannot come back (docs/adr/0005)."""
    later = now + timedelta(hours=25)
    journal = execution.STEPS["claimed"]

    def meanwhile(work: Erasure, clock: Any) -> None:
        withdrawn(instruction, officer, later)
        journal(work, clock)

    monkeypatch.setitem(execution.STEPS, "claimed", meanwhile)
    execution.run_due(lambda: later)
    case.refresh_from_db()
    assert case.state == "certified"
    instruction.refresh_from_db()
    assert instruction.state == "withdrawn"


def test_a_withdrawal_at_the_moment_of_the_claim_comes_before_it_or_after_it(
    case: Erasure,
    instruction: Instruction,
    officer: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker has seen the instruction in effect; only then is it withdrawn."""
    asked, done = Event(), Event()
    check = approval.check_covered

    def slowly(erasure: Erasure, at: datetime) -> None:
        check(erasure, at)
        asked.set()
        while not done.wait(0.05) and not somebody_waits_for_a_row():
            pass

    def withdraw() -> None:
        asked.wait()
        withdrawn(instruction, officer, now)
        done.set()

    monkeypatch.setattr(approval, "check_covered", slowly)
    together(lambda: execution.run_due(lambda: now + timedelta(hours=25)), withdraw)
    order = Leaf.objects.filter(verb__in=("erasure.claim", "instruction.withdraw"))
    assert list(order.order_by("id").values_list("verb", flat=True)) == [
        "erasure.claim",
        "instruction.withdraw",
    ]
    case.refresh_from_db()
    assert case.state == "certified"


def somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def test_a_large_case_that_somebody_came_into_is_sent_back_before_anything_is_destroyed(
    client_: Client, officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "AT_ONCE", 0)
    case = verbs.log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com"), Profile(email="bob@example.com")],
        channel="email",
        received_at=now,
        by=client_.assignments.get().user,
        now=now,
    )
    approve(case, officer, now)
    load(client_, [ALICE._replace(external_id="cust-000009")], now=now)
    execution.run_due(lambda: now)
    case.refresh_from_db()
    assert (case.state, case.last_fault) == ("matched", "newcomers")
    assert not SuppressionToken.objects.exists()
    verbs.match_again(case, by=officer, now=now)
    assert case.state == "ambiguous"


def test_no_client_is_ended_while_an_erasure_is_under_way(
    case: Erasure, client_: Client, officer: User, now: datetime
) -> None:
    make_instruction(client_, Instruction.Kind.END_OF_PROCESSING)
    with pytest.raises(Refused, match=case.reference):
        ending.end_processing(client_, confirmation=client_.code, by=officer, now=now)
