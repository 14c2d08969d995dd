"""Setting clients up, and the end of all processing."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from clients import verbs
from clients.access import reaches, visible_clients
from clients.ending import DESTROY_MESSAGE, end_processing
from clients.instructions import verbs as instructions
from clients.models import Brand, Client, ClientAssignment, Instruction
from consumers.models import Consumer
from portal import outbox, vault
from portal.cases import files
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import OutboxMessage, User
from portal.roles import (
    ACCOUNT_MANAGER,
    ADMINISTRATOR,
    AUDITOR,
    DISPUTE_STAFF,
    SECURITY_OFFICER,
)
from tests.factories import (
    log_instruction,
    make_client,
    make_contact,
    make_instruction,
    make_user,
    staff_in,
)

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
END = Instruction.Kind.END_OF_PROCESSING


@pytest.fixture
def admin() -> User:
    return make_user(ADMINISTRATOR, username="alice")


def code_of(function: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(Refused) as refused:
        function(*args, **kwargs)
    return refused.value.code


def test_a_new_client_has_its_keys_and_a_leaf(admin: User) -> None:
    client = make_client("Shop", by=admin)
    (ref,) = vault.allocate(client.pk, 1)
    assert len(vault.key(client.pk, ref)) == 32
    assert Leaf.objects.get(verb="client.create").client_id == client.pk


def test_a_client_whose_keys_cannot_be_made_is_not_made(admin: User) -> None:
    with patch("portal.vault.create_client", side_effect=OSError), pytest.raises(OSError):
        make_client("Shop", by=admin)
    assert not Client.objects.exists()
    assert not Leaf.objects.exists()


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF])
def test_only_administrators_and_the_security_officer_set_clients_up(
    role: str, admin: User, now: datetime
) -> None:
    stranger = make_user(role)
    assert code_of(make_client, "Shop", by=stranger) == "role"
    client = make_client("Shop", by=admin)
    change = {"values": {"name": "Mine"}, "by": stranger, "now": now}
    assert code_of(verbs.update_client, client, **change) == "role"
    assert code_of(verbs.assign_manager, client, stranger, by=stranger, now=now) == "role"
    assert code_of(make_contact, client, "Bob", by=stranger) == "role"
    brand = Brand(client=client, name="Brand")
    assert code_of(verbs.save_brand, brand, by=stranger, now=now) == "role"
    assert not Brand.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"time_zone": "Mars/Olympus"},
        {"recall_hours": 24 * 14 + 1},
        {"processing_days": 31},
        {"regions": ["atlantis"]},
        {"name": ""},
    ],
)
def test_what_is_not_valid_is_not_stored(
    changed: dict[str, Any], admin: User, now: datetime
) -> None:
    client = make_client("Shop", by=admin)
    assert code_of(verbs.update_client, client, values=changed, by=admin, now=now) == "invalid"
    (name,) = changed
    assert getattr(Client.objects.get(pk=client.pk), name) != changed[name]


def test_a_change_is_kept_in_the_history_and_the_ledger(admin: User, now: datetime) -> None:
    client = make_client("Shop", by=admin)
    verbs.update_client(client, values={"recall_hours": 48}, by=admin, now=now)
    hours = client.history.order_by("history_id").values_list("recall_hours", flat=True)
    assert list(hours) == [24, 48]
    assert set(client.history.values_list("history_user", "history_date")) == {(admin.pk, now)}
    assert Leaf.objects.get(verb="client.update").counts == {"fields": 1}


def test_what_nobody_may_change_is_not_taken(admin: User, now: datetime) -> None:
    client = make_client("Shop", by=admin)
    with pytest.raises(TypeError):
        verbs.update_client(client, values={"ended_at": now}, by=admin, now=now)


def test_only_account_managers_are_assigned(admin: User, now: datetime) -> None:
    client = make_client(by=admin)
    assert code_of(verbs.assign_manager, client, make_user(AUDITOR), by=admin, now=now) == "role"
    assert not ClientAssignment.objects.exists()


def test_an_assignment_opens_and_closes_one_client(admin: User, now: datetime) -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    ours, theirs = make_client(by=admin), make_client(by=admin)
    assert not visible_clients(bob).exists()
    verbs.assign_manager(ours, bob, by=admin, now=now)
    assert list(visible_clients(bob)) == [ours]
    assert not reaches(bob, theirs.pk)
    verbs.unassign_manager(ours, bob, by=admin, now=now)
    assert not visible_clients(bob).exists()
    assert Leaf.objects.get(verb="client.unassign").counts == {"assignments": 1}


# ------------------------------------------------------------------------------- the end of processing


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="charlie")


def ready_to_end(officer: User) -> Client:
    """A client with an approved instruction to end everything."""
    client = make_client("Shop", code="shop")
    make_instruction(client, END)
    return client


def test_the_end_destroys_the_clients_keys_after_the_commit(officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    instruction = Instruction.objects.get(kind=END)
    (evidence,) = files.of_case(instruction)
    end_processing(client, confirmation="shop", by=officer, now=now)
    assert files.open_content(evidence).read()
    assert outbox.send_due(now) == 1
    with pytest.raises(vault.VaultError):
        files.open_content(evidence)
    assert Client.objects.get(pk=client.pk).ended_at == now
    assert Instruction.objects.get(kind=END).state == "executed"
    assert Leaf.objects.get(verb="client.end").outcome == "done"


def test_keys_of_a_client_that_goes_on_are_not_destroyed_by_a_stray_message(now: datetime) -> None:
    client = make_client()
    outbox.put(DESTROY_MESSAGE, client.pk, now=now)
    assert outbox.send_due(now) == 1
    assert vault.allocate(client.pk, 1)


def test_destroying_twice_is_destroying_once(officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    end_processing(client, confirmation="shop", by=officer, now=now)
    outbox.put(DESTROY_MESSAGE, client.pk, now=now)
    assert outbox.send_due(now) == 2


def test_after_the_end_nothing_is_begun(officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    standing = make_instruction(client, Instruction.Kind.ERASURE, is_standing=True)
    instructions.withdraw(standing, finding="Over.", by=officer, now=now)
    end_processing(client, confirmation="shop", by=officer, now=now)
    assert code_of(log_instruction, client, by=officer) == "client_ended"
    change = {"values": {"name": "New"}, "by": officer, "now": now}
    assert code_of(verbs.update_client, client, **change) == "client_ended"
    again = {"confirmation": "shop", "by": officer, "now": now}
    assert code_of(end_processing, client, **again) == "client_ended"


def test_processing_does_not_end_without_an_instruction(officer: User, now: datetime) -> None:
    client = make_client("Shop", code="shop")
    given = {"confirmation": "shop", "by": officer, "now": now}
    assert code_of(end_processing, client, **given) == "no_instruction"
    assert vault.allocate(client.pk, 1)


def test_processing_does_not_end_by_a_slip(officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    given = {"confirmation": "shoe", "by": officer, "now": now}
    assert code_of(end_processing, client, **given) == "confirmation"
    assert not OutboxMessage.objects.exists()


def test_an_administrator_cannot_end_processing(admin: User, officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    assert code_of(end_processing, client, confirmation="shop", by=admin, now=now) == "role"


def test_whoever_logged_the_instruction_does_not_end_the_processing(
    officer: User, now: datetime
) -> None:
    client = make_client("Shop", code="shop")
    make_instruction(client, END, by=officer)
    given = {"confirmation": "shop", "by": officer, "now": now}
    assert code_of(end_processing, client, **given) == "four_eyes"
    end_processing(client, confirmation="shop", by=staff_in(SECURITY_OFFICER), now=now)


def test_processing_does_not_end_while_a_case_is_open(officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    still_open = log_instruction(client)
    with pytest.raises(Refused, match=still_open.reference):
        end_processing(client, confirmation="shop", by=officer, now=now)


def test_an_instruction_whose_time_is_over_does_not_hold_up_the_end(
    officer: User, now: datetime
) -> None:
    client, ends = ready_to_end(officer), now + timedelta(hours=1)
    over = log_instruction(client, effective_until=ends)
    given: dict[str, Any] = {"confirmation": "shop", "by": officer}
    with pytest.raises(Refused, match=over.reference):
        end_processing(client, now=ends - timedelta(microseconds=1), **given)
    end_processing(client, now=ends, **given)


def test_processing_does_not_end_while_people_are_on_file(officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    consumer = Consumer(client=client, created_at=now, updated_at=now)
    consumer.seal_content({"name": "Bob"})
    consumer.save()
    given = {"confirmation": "shop", "by": officer, "now": now}
    assert code_of(end_processing, client, **given) == "people_remain"
    Consumer.objects.filter(pk=consumer.pk).update(
        state="erased", erased_at=now, sealed=None, key_page=None, key_slot=None
    )
    end_processing(client, confirmation="shop", by=officer, now=now)


def test_when_the_leaf_cannot_be_written_nothing_ends(officer: User, now: datetime) -> None:
    client = ready_to_end(officer)
    with (
        patch("portal.ledger.leaves.Leaf.objects.create", side_effect=OSError),
        pytest.raises(OSError),
    ):
        end_processing(client, confirmation="shop", by=officer, now=now)
    assert Client.objects.get(pk=client.pk).ended_at is None
    assert not OutboxMessage.objects.exists()
