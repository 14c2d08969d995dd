"""From an instruction to a sealed, certified end, by the real verbs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection

from clients.models import Client, Instruction
from consumers.models import BlindIndex, Consumer, Preference, Purchase, SuppressionToken, WebEvent
from consumers.profile import Profile
from consumers.search import find
from consumers.vaulting import open_profiles
from portal import ledger, vault
from portal.cases.verbs import check_can
from portal.errors import Refused
from portal.models import User
from portal.personal import searchable_columns
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.vault import journal
from portal.work import claim
from requests.erasures import certificate, execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from tests.erasures.people import ALICE, BOB, CHARLIE, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    return make_client(managers=[manager], now=now)


@pytest.fixture
def people(client_: Client, now: datetime) -> dict[str, Consumer]:
    alice, bob, charlie = load(client_, [ALICE, BOB, CHARLIE], now=now)
    return {"alice": alice, "bob": bob, "charlie": charlie}


def logged(client: Client, by: User, now: datetime, *given: Profile) -> Erasure:
    instruction = make_instruction(client, Instruction.Kind.ERASURE)
    return verbs.log_erasure(
        client=client,
        instruction=instruction,
        people=given or [Profile(email="alice@example.com")],
        channel="email",
        received_at=now,
        by=by,
        now=now,
    )


def approved(client: Client, manager: User, officer: User, now: datetime) -> Erasure:
    erasure = logged(client, manager, now)
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
    )
    return erasure


def after(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def test_an_approved_erasure_ends_sealed_and_certified(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    generation = vault.status()[0].root_generation
    erasure = approved(client_, manager, officer, now)
    assert execution.run_due(after(now + timedelta(hours=25))) == 1
    erasure.refresh_from_db()
    assert (erasure.state, erasure.last_fault, erasure.residue) == ("certified", "", [])
    assert vault.status()[0].root_generation == generation + 1
    alice = Consumer.objects.get(pk=people["alice"].pk)
    assert alice.state == "erased"
    assert alice.sealed is None
    of_alice = {"client_id": client_.pk, "consumer_id": alice.pk}
    for model in (BlindIndex, Purchase, WebEvent, Preference):
        assert not model.objects.filter(**of_alice).exists()
    assert Purchase.objects.filter(consumer_id=None, sealed=None, fingerprint=None).count() == 2
    assert not alice.history.filter(sealed__isnull=False).exists()
    assert find(client_.pk, Profile(email="alice@example.com")) == []
    with pytest.raises(vault.KeyShredded):
        vault.key(client_.pk, people["alice"].key_ref or vault.KeyRef(0, 0))
    survivors = open_profiles([people["bob"], people["charlie"]])
    assert set(survivors.values()) == {BOB, CHARLIE}
    assert not vault.check().faults
    assert ledger.verify().ok


def test_the_certificate_is_signed_and_names_nobody(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = approved(client_, manager, officer, now)
    execution.run_due(after(now + timedelta(hours=25)))
    erasure.refresh_from_db()
    told = orjson.loads(erasure.certificate)
    assert told["scope"]["people_erased"] == 1
    assert told["rows_by_table"]["consumers_purchase"] == 2
    assert [one["name"] for one in told["signatories"]] == [str(manager), str(officer)]
    assert certificate.is_genuine(erasure)
    for value in ("alice", "archer", "cust-000001", "5550101"):
        assert value not in erasure.certificate.lower()
    erasure.certificate = erasure.certificate.replace('"people_erased":1', '"people_erased":2')
    assert not certificate.is_genuine(erasure)


def test_the_logger_cannot_approve_and_the_reference_must_be_typed(
    client_: Client, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = logged(client_, officer, now)
    with pytest.raises(Refused, match="another Security Officer"):
        verbs.approve(
            erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
        )
    other = make_user(SECURITY_OFFICER)
    with pytest.raises(Refused, match="Type ER-"):
        verbs.approve(erasure, confirmation="yes", read=mark_of(erasure), by=other, now=now)
    erasure.refresh_from_db()
    assert erasure.state == "matched"


def test_the_suppression_starts_with_the_approval_and_a_recall_removes_it(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = approved(client_, manager, officer, now)
    assert SuppressionToken.objects.filter(case_id=erasure.pk, reason="erased").exists()
    assert execution.run_due(after(now + timedelta(hours=1))) == 0
    verbs.recall(erasure, by=manager, now=now + timedelta(hours=2))
    assert not SuppressionToken.objects.exists()
    assert execution.run_due(after(now + timedelta(hours=48))) == 0
    assert set(open_profiles([people["alice"]]).values()) == {ALICE}


def test_the_recall_ends_with_its_window_and_not_with_the_workers_beginning(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = approved(client_, manager, officer, now)
    ends = erasure.recall_until
    assert ends == now + timedelta(hours=24)
    with pytest.raises(Refused, match="legal hold") as refused:
        verbs.recall(erasure, by=manager, now=ends)
    assert refused.value.code == "window_over"
    with pytest.raises(Refused):
        check_can(erasure, "recall", manager, ends)
    assert SuppressionToken.objects.filter(case_id=erasure.pk).exists()
    verbs.recall(erasure, by=manager, now=ends - timedelta(microseconds=1))
    assert erasure.state == "recalled"


def test_after_the_window_a_legal_hold_still_stops_what_no_worker_has_begun(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = approved(client_, manager, officer, now)
    late = now + timedelta(hours=25)
    verbs.hold(erasure, ground="litigation", by=officer, now=late)
    assert execution.run_due(after(late)) == 0
    verbs.reject(erasure, by=officer, now=late)
    assert set(open_profiles([people["alice"]]).values()) == {ALICE}


def test_a_legal_hold_blocks_the_approval(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = approved(client_, manager, officer, now)
    verbs.hold(erasure, ground="litigation", by=officer, now=now)
    assert execution.run_due(after(now + timedelta(hours=48))) == 0
    verbs.release_hold(erasure, by=officer, now=now)
    assert erasure.state == "matched"
    again = logged(client_, manager, now)
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
    )
    verbs.hold(erasure, ground="litigation", by=officer, now=now)
    with pytest.raises(Refused, match="legal hold"):
        verbs.approve(again, confirmation=again.reference, read=mark_of(again), by=officer, now=now)


def test_nobody_and_somebody_who_merely_looks_alike_are_not_erased(
    client_: Client, manager: User, people: dict[str, Consumer], now: datetime
) -> None:
    nobody = logged(client_, manager, now, Profile(email="nobody@example.com"))
    assert nobody.state == "no_match"
    misspelt = Profile(
        given_name="Alise", surname="Archer", street="12 Harbor Street", postcode="02210"
    )
    alike = logged(client_, manager, now, misspelt)
    assert alike.state == "ambiguous"
    subject = alike.subjects.get()
    assert people["alice"].pk in subject.candidates
    verbs.resolve(alike, subject=subject, consumer=people["alice"], by=manager, now=now)
    assert alike.state == "matched"
    with pytest.raises(Refused):
        verbs.resolve(alike, subject=subject, consumer=people["bob"], by=manager, now=now)


@pytest.mark.parametrize("state", list(execution.STEPS))
def test_a_worker_that_fails_in_any_step_is_succeeded_by_one_that_finishes(
    state: str,
    client_: Client,
    manager: User,
    officer: User,
    people: dict[str, Consumer],
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    erasure = approved(client_, manager, officer, now)
    later = now + timedelta(hours=25)
    step = execution.STEPS[state]

    def dies_after(work: Erasure, clock: Any) -> None:
        step(work, clock)
        raise OSError

    monkeypatch.setitem(execution.STEPS, state, dies_after)
    execution.run_due(after(later))
    monkeypatch.setitem(execution.STEPS, state, step)
    execution.run_due(after(later + timedelta(hours=3)))
    erasure.refresh_from_db()
    assert erasure.state == "certified"
    assert orjson.loads(erasure.certificate)["rows_by_table"]["consumers_purchase"] == 2
    assert not vault.check().faults


def test_a_worker_that_was_passed_by_writes_nothing(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = approved(client_, manager, officer, now)
    later = now + timedelta(hours=25)
    slow = claim(Erasure, later)
    assert slow is not None
    quick = claim(Erasure, later + timedelta(minutes=5))
    assert quick is not None
    assert execution.run(quick, after(later + timedelta(minutes=5)))
    assert execution.run(slow, after(later + timedelta(minutes=6))) is False
    erasure.refresh_from_db()
    assert erasure.state == "certified"


def test_residue_anywhere_stops_the_certificate_until_it_is_gone(
    client_: Client,
    manager: User,
    officer: User,
    people: dict[str, Consumer],
    now: datetime,
    tmp_path: Path,
) -> None:
    erasure = approved(client_, manager, officer, now)
    client_.privacy_policy_url = "https://example.com/?mail=ALICE@example.com"
    client_.save()
    stray = tmp_path / "media" / "cases" / "stray.txt"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"\xff\xfe called Alice Archer")
    execution.run_due(after(now + timedelta(hours=25)))
    erasure.refresh_from_db()
    assert erasure.state == "residue_found"
    assert {hit["table"] for hit in erasure.residue} >= {"clients_client", "files"}
    assert "alice" not in str(erasure.residue).lower()
    client_.privacy_policy_url = ""
    client_.save()
    client_.history.all().delete()
    stray.unlink()
    verbs.sweep_again(erasure, by=officer, now=now + timedelta(hours=26))
    execution.run_due(after(now + timedelta(hours=26)))
    erasure.refresh_from_db()
    assert erasure.state == "certified"


def test_no_value_of_the_erased_is_left_in_the_databases_or_files(
    client_: Client,
    manager: User,
    officer: User,
    people: dict[str, Consumer],
    now: datetime,
    tmp_path: Path,
) -> None:
    approved(client_, manager, officer, now)
    execution.run_due(after(now + timedelta(hours=25)))
    wanted = [b"alice@example.com", b"cust-000001", b"5550101"]
    for model, field in searchable_columns():
        if model._meta.app_label == "vault":
            continue
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT "{field.column}" FROM "{model._meta.db_table}"')
            for (value,) in cursor.fetchall():
                found = bytes(value) if isinstance(value, memoryview) else str(value).encode()
                assert not any(one in found.lower() for one in wanted), model._meta.label
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not any(one in path.read_bytes().lower() for one in wanted)


def test_the_journal_names_references_before_the_shred(
    client_: Client, manager: User, officer: User, people: dict[str, Consumer], now: datetime
) -> None:
    erasure = approved(client_, manager, officer, now)
    execution.run_due(after(now + timedelta(hours=25)))
    (record,) = journal.read()
    assert record.case_id == erasure.pk
    assert record.owner_ids == (people["alice"].pk,)
    assert people["alice"].key_ref in record.refs
    assert journal.unreplayed() == 0
