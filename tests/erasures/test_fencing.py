"""Workers that were paused, decisions that come in between, and cases whose worker cannot go on."""

from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import orjson
import pytest
from django.db import transaction

from clients.instructions import verbs as instructions
from clients.models import Client, Instruction
from consumers.imports import source
from consumers.models import Consumer, ImportJob, LegalHold, SuppressionToken
from consumers.profile import Profile
from consumers.vaulting import open_profiles
from portal import ledger, vault
from portal.cases.verbs import record_verb
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.work import MAX_ATTEMPTS, claim
from requests.erasures import execution, tokens, verbs, waiting
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from requests.erasures.subjects import matched_ids
from tests.erasures.people import ALICE, BOB, CHARLIE, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia")


@pytest.fixture
def client_(now: datetime) -> Client:
    client = make_client(now=now)
    load(client, [ALICE, BOB, CHARLIE], now=now)
    return client


@pytest.fixture
def approved(client_: Client, officer: User, now: datetime) -> Erasure:
    """Of Alice and Bob, approved; the window to recall it is open."""
    erasure = verbs.log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com"), Profile(email="bob@example.com")],
        channel="file",
        received_at=now,
        by=make_user(ACCOUNT_MANAGER, SECURITY_OFFICER),
        now=now,
    )
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
    )
    return erasure


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def taken(moment: datetime) -> Erasure:
    found = claim(Erasure, moment)
    assert found is not None
    return found


def test_a_worker_paused_behind_its_commit_does_not_wake_up_as_its_successor(
    approved: Erasure, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = now + timedelta(days=2)
    slow = taken(later)
    quick: list[Erasure] = []

    def paused(case: Any, verb: str, **told: Any) -> None:
        """Once the journal step has been committed, two minutes pass before the next line runs."""
        record_verb(case, verb, **told)
        if verb == "journal" and not quick:
            transaction.on_commit(lambda: quick.append(taken(later + timedelta(minutes=5))))

    monkeypatch.setattr(execution, "record_verb", paused)
    assert execution.run(slow, at(later)) is False, "it was passed by and must stop"
    approved.refresh_from_db()
    assert approved.state == "journalled"
    assert approved.lease_token == quick[0].lease_token
    assert execution.run(quick[0], at(later + timedelta(minutes=5)))
    approved.refresh_from_db()
    assert approved.state == "certified"


@pytest.mark.parametrize("decision", ["recall", "hold"])
def test_a_worker_that_writes_the_tokens_of_a_large_case_writes_none_after_it_was_taken_back(
    decision: str,
    client_: Client,
    officer: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verbs, "AT_ONCE", 0)
    monkeypatch.setattr(execution, "BATCH", 1)
    erasure = verbs.log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com"), Profile(email="bob@example.com")],
        channel="file",
        received_at=now,
        by=make_user(ACCOUNT_MANAGER, SECURITY_OFFICER),
        now=now,
    )
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
    )
    monkeypatch.setattr(execution, "renew", lambda work, now: None)
    suppress = tokens.suppress
    decided: list[str] = []

    def interrupted(work: Erasure, ids: Any, *, now: datetime) -> None:
        suppress(work, ids, now=now)
        if not decided:
            decided.append(decision)
            transaction.on_commit(decide)

    def decide() -> None:
        case = Erasure.objects.get(pk=erasure.pk)
        if decision == "recall":
            verbs.recall(case, by=officer, now=now)
        else:
            verbs.hold(case, ground=LegalHold.Ground.LITIGATION, by=officer, now=now)

    monkeypatch.setattr(tokens, "suppress", interrupted)
    execution.run_due(at(now))
    erasure.refresh_from_db()
    assert erasure.state == ("recalled" if decision == "recall" else "on_hold")
    assert not SuppressionToken.objects.exists(), "who was not erased may be imported"
    assert (erasure.suppressed_at, erasure.last_fault) == (None, "")


def test_a_hold_set_just_before_the_claim_still_saves_the_person(
    approved: Erasure, officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = now + timedelta(days=2)

    def held_meanwhile(work: Erasure) -> None:
        LegalHold.objects.create(
            client_id=work.client_id,
            consumer_id=matched_ids(work)[0],
            ground=LegalHold.Ground.LITIGATION,
            set_at=later,
            set_by=officer,
        )

    monkeypatch.setattr(execution, "keep_tokens", held_meanwhile)
    execution.run_due(at(later))
    approved.refresh_from_db()
    told = (approved.state, approved.last_fault, approved.work_due, approved.lease_until)
    assert told == ("matched", "legal_hold", False, None)
    assert len(open_profiles(Consumer.objects.all())) == 3


def test_a_case_that_kills_every_worker_is_given_up_and_told_about(
    approved: Erasure, now: datetime
) -> None:
    later = now + timedelta(days=2)
    for attempt in range(MAX_ATTEMPTS):
        taken(later + attempt * timedelta(hours=1))  # and never heard of again
    assert execution.run_due(at(later + timedelta(hours=MAX_ATTEMPTS))) == 0
    approved.refresh_from_db()
    assert (approved.work_due, approved.last_fault) == (False, "WorkersDied")


def test_a_refusal_met_by_a_worker_that_was_passed_by_is_not_told(
    approved: Erasure, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = now + timedelta(days=2)
    slow = taken(later)
    quick = taken(later + timedelta(minutes=5))

    def refuses(*args: Any, **kwargs: Any) -> None:
        raise Refused("Not now.", code="not_now")

    with monkeypatch.context() as patched:
        patched.setattr(instructions, "check_covers", refuses)
        assert execution.run(slow, at(later)) is False
    assert execution.run(quick, at(later + timedelta(minutes=5)))
    approved.refresh_from_db()
    assert (approved.state, approved.last_fault) == ("certified", "")


def test_a_certificate_names_a_checkpoint_that_covers_the_erasure_also_after_a_kill(
    approved: Erasure, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = now + timedelta(days=2)
    seal, killed = execution.STEPS["verified"], []

    def killed_after(work: Erasure, clock: Any) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(ledger, "seal", lambda **_: None)
            seal(work, clock)
        killed.append(work)
        raise OSError

    monkeypatch.setitem(execution.STEPS, "verified", killed_after)
    execution.run_due(at(later))
    assert killed
    execution.run_due(at(later + timedelta(hours=1)))
    approved.refresh_from_db()
    told = orjson.loads(approved.certificate)
    covered = int(told["checkpoint"].splitlines()[1])
    of_case = Leaf.objects.filter(object_id=approved.pk, verb="erasure.seal")
    assert of_case.filter(leaf_index__lt=covered).count() == 1
    assert ledger.verify().ok


def test_a_case_without_a_key_is_carried_to_its_end_and_says_what_it_could_not_look_for(
    approved: Erasure, now: datetime
) -> None:
    """A restored database brings back a case that was sealed since: its key and its people's are gone."""
    people = list(Consumer.objects.filter(pk__in=matched_ids(approved)))
    vault.shred(approved.client_id, [p.key_ref for p in people if p.key_ref])
    assert approved.key_ref is not None
    vault.shred(approved.client_id, [approved.key_ref])
    execution.run_due(at(now + timedelta(days=2)))
    approved.refresh_from_db()
    assert (approved.state, approved.last_fault) == ("certified", "")
    assert "For 2 of them" in orjson.loads(approved.certificate)["residue_sweep"]
    assert Consumer.objects.filter(state="erased").count() == 2
    assert list(open_profiles(Consumer.objects.all()).values()) == [CHARLIE]


def test_no_certificate_while_an_import_keeps_a_file_that_may_name_the_erased(
    client_: Client, approved: Erasure, now: datetime
) -> None:
    job = ImportJob(client=client_, kind=ImportJob.Kind.CONSUMERS, channel="file", received_at=now)
    job.open_case(by=User.objects.system(), now=now)
    source.keep(job, BytesIO(b"email\nalice@example.com\n"), "people.csv")
    job.save(force_insert=True)
    later = now + timedelta(days=2)
    for hours in range(3):
        execution.run_due(at(later + hours * waiting.LOOK_AGAIN))
    approved.refresh_from_db()
    assert (approved.state, approved.last_fault, approved.work_due) == (
        "recipients_notified",
        "import_open",
        True,
    )
    refused = Leaf.objects.filter(object_id=approved.pk, reason="import_open")
    assert refused.count() == 1, "once, not each hour"

    # The import has ended, and the outbox has not yet removed its file.
    ImportJob.objects.update(closed_at=later)
    execution.run_due(at(later + 4 * waiting.LOOK_AGAIN))
    approved.refresh_from_db()
    assert (approved.state, approved.last_fault) == ("certified", "")
    assert ImportJob.objects.get().sealed is None
    assert not source.path_of(job).exists()
