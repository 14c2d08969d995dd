"""Lifting: only on dated opt-in evidence, on the client's instruction, by a second person (R26)."""

from datetime import datetime, timedelta

import pytest

from clients.models import Client, Instruction
from consumers.models import Preference, SuppressionToken
from consumers.vaulting import suppression_tokens
from portal import vault
from portal.cases.models import CaseFile
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.optouts.lookup import is_suppressed, others_in_force
from requests.optouts.models import OptOut
from requests.optouts.verbs import close, confirm
from requests.suppressions.models import CatalogSuppression
from tests.factories import make_client, make_instruction, make_user, staff_in
from tests.optouts.helpers import (
    ALICE,
    EMAIL,
    do_lift,
    lift_instruction,
    make_consumer,
    make_opt_out,
    preferences,
    second_officer,
    tokens,
)

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def client_() -> Client:
    return make_client()


def refusal(opt_out: OptOut, **fields: object) -> str:
    with pytest.raises(Refused) as refused:
        do_lift(opt_out, **fields)  # type: ignore[arg-type]
    opt_out.refresh_from_db()
    assert opt_out.state == "suppressed"
    assert tokens(opt_out) == 1
    return refused.value.code


def test_a_lift_takes_the_tokens_away_and_opts_in_as_of_the_evidence(
    client_: Client, now: datetime
) -> None:
    alice, opt_out = make_consumer(client_), make_opt_out(client_)
    later = now + timedelta(days=30)
    opted_in = later - timedelta(days=2)
    do_lift(opt_out, now=later, opted_in_at=opted_in)
    assert (opt_out.state, opt_out.lifted_at, opt_out.opted_in_at) == ("lifted", later, opted_in)
    assert tokens(opt_out) == 0
    assert not is_suppressed(client_.pk, "email", None, EMAIL)
    row = Preference.objects.get(consumer_id=alice.pk)
    assert (row.opted_in, row.changed_at, row.source) == (True, opted_in, opt_out.reference)
    assert CaseFile.objects.get(case_id=opt_out.pk).kind == "opt_in"
    instruction = Instruction.objects.get(kind=Instruction.Kind.SUPPRESSION_LIFT)
    assert (instruction.state, instruction.used_by_case) == ("executed", opt_out.pk)
    assert opt_out.lift_instruction_id == instruction.pk


def test_a_confirmed_and_a_closed_opt_out_can_be_lifted_too(client_: Client, now: datetime) -> None:
    opt_out, by = make_opt_out(client_), staff_in(SECURITY_OFFICER)
    confirm(opt_out, channel="email", text="You are opted out.", by=by, now=now)
    assert opt_out.state == "confirmed"
    close(opt_out, by=by, now=now)
    assert opt_out.closed_at == now
    assert is_suppressed(client_.pk, "email", None, EMAIL), "closing a case ends no opt-out"
    do_lift(opt_out, now=now)
    assert opt_out.state == "lifted"


def test_the_opt_in_must_be_later_than_the_opt_out_and_not_in_the_future(
    client_: Client, now: datetime
) -> None:
    opt_out = make_opt_out(client_)
    received = opt_out.received_at
    assert refusal(opt_out, now=now, opted_in_at=received) == "opt_in_too_early"
    assert refusal(opt_out, now=now, opted_in_at=now + timedelta(seconds=1)) == "opt_in_in_future"
    do_lift(opt_out, now=now, opted_in_at=received + timedelta(seconds=1))
    assert opt_out.state == "lifted"


def test_whoever_logged_the_instruction_does_not_lift(client_: Client, now: datetime) -> None:
    opt_out, logger = make_opt_out(client_), make_user(SECURITY_OFFICER)
    instruction = lift_instruction(client_, now=now, by=logger)
    assert refusal(opt_out, now=now, instruction=instruction, by=logger) == "four_eyes"
    leaf = Leaf.objects.get(verb="optout.lift")
    assert (leaf.outcome, leaf.reason) == ("refused", "four_eyes")


def test_an_account_manager_does_not_lift(now: datetime) -> None:
    manager = make_user(ACCOUNT_MANAGER)
    opt_out = make_opt_out(make_client(managers=[manager]))
    assert refusal(opt_out, now=now, by=manager) == "role"


def test_an_instruction_of_another_kind_or_client_lifts_nothing(
    client_: Client, now: datetime
) -> None:
    opt_out = make_opt_out(client_)
    erasure = make_instruction(client_, Instruction.Kind.ERASURE)
    assert refusal(opt_out, now=now, instruction=erasure) == "other_kind"
    other = lift_instruction(make_client(), now=now)
    assert refusal(opt_out, now=now, instruction=other) == "other_client"


def test_an_instruction_for_one_case_lifts_one_opt_out(client_: Client, now: datetime) -> None:
    first, second = make_opt_out(client_), make_opt_out(client_)
    instruction = lift_instruction(client_, now=now)
    do_lift(first, now=now, instruction=instruction)
    assert refusal(second, now=now, instruction=instruction) == "already_used"


def test_another_opt_out_of_the_address_goes_on_keeping_it_out(
    client_: Client, now: datetime
) -> None:
    alice, first = make_consumer(client_), make_opt_out(client_)
    second = make_opt_out(client_, now=now + timedelta(hours=2))
    assert list(others_in_force(first)) == [second]
    later = now + timedelta(hours=3)
    do_lift(first, now=later)
    assert is_suppressed(client_.pk, "email", None, EMAIL).cases == (second.pk,)
    assert preferences(alice) == {"email": False}
    do_lift(second, now=later)
    assert not is_suppressed(client_.pk, "email", None, EMAIL)
    assert preferences(alice) == {"email": True}


def test_a_lift_of_one_channel_leaves_the_opt_out_of_every_channel(
    client_: Client, now: datetime
) -> None:
    alice, mail = make_consumer(client_), make_opt_out(client_)
    make_opt_out(client_, EMAIL, "")
    do_lift(mail, now=now)
    assert preferences(alice)["email"] is False


def test_a_second_opt_out_by_another_identifier_keeps_its_person_out(
    client_: Client, now: datetime
) -> None:
    alice, by_email = make_consumer(client_), make_opt_out(client_)
    make_opt_out(client_, ALICE._replace(email=None), "email")
    do_lift(by_email, now=now)
    assert preferences(alice) == {"email": False}


def test_what_the_clients_file_said_after_the_opt_in_stands(client_: Client, now: datetime) -> None:
    alice, opt_out = make_consumer(client_), make_opt_out(client_)
    row = Preference.objects.get(consumer_id=alice.pk)
    row.source, row.changed_at = "IM-2026-000009", now + timedelta(days=5)
    row.save()
    later = now + timedelta(days=6)
    do_lift(opt_out, now=later, opted_in_at=now + timedelta(days=4))
    assert preferences(alice) == {"email": False}


def test_the_token_of_an_erased_person_is_never_lifted(client_: Client, now: datetime) -> None:
    opt_out = make_opt_out(client_)
    ((kind, token),) = suppression_tokens(vault.indexer(client_.pk), EMAIL)
    SuppressionToken.objects.create(
        client_id=client_.pk,
        kind=kind,
        token=token,
        reason=SuppressionToken.Reason.ERASED,
        case_id=opt_out.pk,
        since=now,
    )
    do_lift(opt_out, now=now)
    assert is_suppressed(client_.pk, "email", None, EMAIL).reasons == ("erased",)


def test_the_six_months_go_on_under_another_opt_out_until_that_is_lifted_too(
    client_: Client, now: datetime
) -> None:
    first, second = make_opt_out(client_, ALICE, "mail"), make_opt_out(client_, ALICE, "mail")
    do_lift(first, now=now)
    suppression = CatalogSuppression.objects.get()
    assert (suppression.state, suppression.opt_out_id) == ("effective", second.pk)
    do_lift(second, now=now)
    assert CatalogSuppression.objects.get().state == "lifted"


def test_a_lift_of_the_only_opt_out_of_mail_lifts_its_catalog_suppression(
    client_: Client, now: datetime
) -> None:
    opt_out = make_opt_out(client_, ALICE, "mail")
    do_lift(opt_out, now=now)
    assert CatalogSuppression.objects.get(opt_out=opt_out).state == "lifted"


def test_a_lift_whose_ledger_fails_leaves_everything_as_it_was(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, opt_out = make_consumer(client_), make_opt_out(client_)
    instruction, by = lift_instruction(client_, now=now), second_officer()

    def broken(**_: object) -> None:
        raise RuntimeError("the ledger is away")

    monkeypatch.setattr(Leaf.objects, "create", broken)
    with pytest.raises(RuntimeError):
        do_lift(opt_out, now=now, instruction=instruction, by=by)
    opt_out = OptOut.objects.get(pk=opt_out.pk)
    instruction.refresh_from_db()
    assert (opt_out.state, instruction.state) == ("suppressed", "approved")
    assert tokens(opt_out) == 1
    assert preferences(alice) == {"email": False}
