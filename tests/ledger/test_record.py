"""What enters the ledger, and that nothing in it changes afterwards."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.db import Error, IntegrityError, connection, transaction

from portal import ledger
from portal.ledger.codes import NotACode
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR

CLIENT = UUID("0197a000-0000-7000-8000-000000000001")
OBJECT = UUID("0197a000-0000-7000-8000-000000000002")


def test_record_writes_who_in_which_role_did_what(alice: User, now: datetime) -> None:
    for name in (AUDITOR, ACCOUNT_MANAGER):
        alice.groups.add(Group.objects.get_or_create(name=name)[0])
    ledger.record(
        verb="erasure.approve",
        by=alice,
        client_id=CLIENT,
        object_kind="erasure",
        object_id=OBJECT,
        outcome="refused",
        reason="second_person",
        counts={"rows": 3},
        now=now,
    )
    leaf = Leaf.objects.get()
    assert (leaf.actor, leaf.role, leaf.at) == (alice, "Account manager, Auditor", now)
    assert (leaf.verb, leaf.outcome, leaf.reason) == ("erasure.approve", "refused", "second_person")
    assert (leaf.client_id, leaf.object_kind, leaf.object_id) == (CLIENT, "erasure", OBJECT)
    assert (leaf.counts, leaf.leaf_index, leaf.leaf_hash) == ({"rows": 3}, None, None)


def test_scheduled_work_and_people_without_a_role_are_recorded(alice: User, now: datetime) -> None:
    roles = [
        ledger.record(verb="ledger.seal", by=actor, now=now).role
        for actor in (User.objects.system(), alice)
    ]
    assert roles == ["System", "none"]


@pytest.mark.parametrize(
    "bad",
    [
        {"verb": "alice@example.com"},
        {"verb": "erasure"},
        {"verb": "erasure.Approve"},
        {"verb": "erasure.approve\n"},
        {"verb": "a." + "b" * 63},
        {"reason": "Bob asked us on the telephone"},
        {"reason": "555-0100"},
        {"reason": "tel5550100"},
        {"reason": "bob@example.com"},
        {"object_kind": "Main Street 1"},
        {"outcome": "maybe"},
        {"counts": {"bob@example.com": 1}},
        {"counts": {"rows": "Bob"}},
        {"counts": {"rows": True}},
        {"counts": {"rows": 1.0}},
        {"counts": {"rows": -1}},
        {"counts": {"telephone": 2125550100}},
        {"client_id": "bob"},
        {"object_id": str(OBJECT)},
    ],
    ids=str,
)
def test_record_refuses_what_could_be_free_text(
    bad: dict[str, Any], alice: User, now: datetime
) -> None:
    with pytest.raises(NotACode) as refusal:
        ledger.record(**{"verb": "erasure.approve", "by": alice, "now": now, **bad})
    assert "bob" not in str(refusal.value).lower()
    assert not Leaf.objects.exists()


def test_record_refuses_a_time_without_zone(alice: User, now: datetime) -> None:
    with pytest.raises(NotACode, match="zone"):
        ledger.record(verb="erasure.approve", by=alice, now=now.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verb", "bob@example.com"),
        ("role", "Bob <bob@example.com>"),
        ("reason", "Bob called"),
        ("object_kind", "Bob"),
        ("outcome", "unknown"),
        ("counts", {"rows": "Bob"}),
        ("counts", {"Bob": 1}),
        ("counts", {"rows": 1.5}),
        ("counts", {"rows": {"bob": 1}}),
        ("counts", {"telephone": 2125550100}),
        ("counts", ["Bob"]),
        ("leaf_index", 1),
    ],
    ids=str,
)
def test_the_table_itself_refuses_what_is_no_code(
    field: str, value: Any, alice: User, now: datetime
) -> None:
    fields = {"verb": "erasure.approve", "role": "Auditor", "at": now, "actor": alice}
    with pytest.raises(IntegrityError), transaction.atomic():
        Leaf.objects.create(**{**fields, field: value})


def test_a_rolled_back_verb_leaves_no_leaf(alice: User, now: datetime) -> None:
    def verb() -> None:
        with transaction.atomic():
            ledger.record(verb="erasure.approve", by=alice, now=now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        verb()
    assert not Leaf.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_leaf SET outcome = 'failed'",
        "UPDATE ledger_leaf SET leaf_index = 0, leaf_hash = 'x', reason = 'other'",
        "UPDATE ledger_leaf SET leaf_index = NULL",
        "DELETE FROM ledger_leaf",
    ],
)
def test_the_database_refuses_to_change_a_leaf(change: str, alice: User, now: datetime) -> None:
    ledger.record(verb="erasure.approve", by=alice, now=now)
    with pytest.raises(Error, match="only grows"), transaction.atomic():
        connection.cursor().execute(change)


def test_a_leaf_is_given_its_place_only_once(alice: User, now: datetime) -> None:
    ledger.record(verb="erasure.approve", by=alice, now=now)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_leaf SET leaf_index = 0, leaf_hash = 'x'")
        with pytest.raises(Error, match="only grows"), transaction.atomic():
            cursor.execute("UPDATE ledger_leaf SET leaf_index = 1")


def test_a_person_in_the_ledger_cannot_be_deleted(alice: User, now: datetime) -> None:
    ledger.record(verb="erasure.approve", by=alice, now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        alice.delete()
