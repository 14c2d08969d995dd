"""Nobody slips past an erasure because a file brought them in again before it was approved (R39)."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, connections

from clients.models import Client, Instruction
from consumers.imports import lookup, runner
from consumers.models import Consumer
from consumers.profile import Profile
from portal.errors import Refused
from portal.roles import SECURITY_OFFICER
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from tests.factories import NOW, make_instruction, make_user
from tests.imports import engine

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

ALICE = "C1,Alice,Archer,alice@example.com,212-555-0101,1 Main Street,Boston,MA,02101"
ALICE_AGAIN = "C9,Alice,Archer,alice@example.com,212-555-0109,9 Long Street,Boston,MA,02101"
BOB = "C2,Bob,Baker,bob@example.com,212-555-0102,2 Main Street,Boston,MA,02101"


@pytest.fixture
def client_() -> Client:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE, BOB))
    return client


def logged(client: Client, *emails: str) -> Erasure:
    return verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=[Profile(email=email) for email in emails],
        channel="email",
        received_at=NOW,
        by=engine.manager_of(client),
        now=NOW,
    )


def approve(case: Erasure) -> None:
    mark = mark_of(case)
    verbs.approve(case, confirmation=case.reference, read=mark, by=engine.officer(), now=NOW)


def refused(case: Erasure) -> str:
    with pytest.raises(Refused) as caught:
        approve(case)
    return caught.value.code


def test_somebody_who_came_in_since_and_could_be_meant_too_must_be_looked_at(
    client_: Client,
) -> None:
    case = logged(client_, "alice@example.com")
    engine.bring_in(client_, engine.people(ALICE_AGAIN))
    assert refused(case) == "newcomers"
    verbs.match_again(case, by=engine.manager_of(client_), now=NOW)
    assert case.state == "ambiguous"
    (row,) = case.subjects.all()
    ids = {engine.id_of(client_, name) for name in ("C1", "C9")}
    assert (row.consumer_id, set(row.candidates)) == (None, ids)
    chosen = Consumer.objects.get(pk=engine.id_of(client_, "C9"))
    verbs.resolve(case, subject=row, consumer=chosen, by=make_user(SECURITY_OFFICER), now=NOW)
    approve(case)
    assert case.state == "approved"


def test_somebody_who_was_not_on_file_and_is_by_now_is_not_certified_as_unknown(
    client_: Client,
) -> None:
    case = logged(client_, "bob@example.com", "alice-is-new@example.com")
    engine.bring_in(client_, engine.people("C3,Alice,New,alice-is-new@example.com,,,,,"))
    assert refused(case) == "newcomers"
    verbs.match_again(case, by=engine.manager_of(client_), now=NOW)
    approve(case)
    execution.run_due(lambda: NOW + timedelta(hours=25))
    assert list(engine.profiles(client_)) == ["C1"]


def test_to_match_again_changes_nobody_who_is_settled(client_: Client) -> None:
    case = logged(client_, "alice@example.com", "bob@example.com")
    before = list(case.subjects.order_by("row_number").values_list("match", "consumer_id"))
    engine.bring_in(client_, engine.people("C4,Dora,Dean,dora@example.com,,,,,"))
    verbs.match_again(case, by=engine.manager_of(client_), now=NOW)
    assert before == list(case.subjects.order_by("row_number").values_list("match", "consumer_id"))
    approve(case)


def test_a_batch_that_is_being_written_while_somebody_approves_brings_nobody_back(
    client_: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch has looked for tokens and found none; only then is the erasure approved."""
    case = logged(client_, "alice@example.com", "bob@example.com")
    job = engine.start(engine.upload(client_, engine.people(ALICE_AGAIN)))
    looked, decided = Event(), Event()
    look = lookup.has_tokens

    def slowly(client_id: Any) -> bool:
        answer = look(client_id)
        looked.set()
        while not decided.wait(0.05) and not somebody_waits():
            pass
        return answer

    monkeypatch.setattr(lookup, "has_tokens", slowly)
    told: list[str] = []

    def decide() -> None:
        looked.wait()
        try:
            approve(case)
        except Refused as refusal:
            told.append(refusal.code)
        finally:
            decided.set()

    together(lambda: runner.run_job(job, engine.clock()), decide)
    on_file = engine.profiles(client_)
    assert "C9" not in on_file or told == ["newcomers"], "approved, and on file all the same"


def somebody_waits() -> bool:
    """Whether a transaction waits for an advisory lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def together(*deeds: Callable[[], object]) -> None:
    """Do all of them at once, each on a connection of its own, and raise what any of them raised."""
    faults: list[BaseException] = []

    def run(deed: Callable[[], object]) -> None:
        try:
            deed()
        except BaseException as fault:  # noqa: BLE001  (shown below, in the test's own thread)
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
