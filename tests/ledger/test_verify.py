"""Tampering as someone with every right on the database would, and what verification says."""

import json
from datetime import datetime
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import Error, connection, transaction

from portal import ledger
from portal.ledger import canonical, keychange, merkle, signing
from portal.ledger.models import Checkpoint, Leaf
from portal.ledger.verification import Report
from portal.models import User
from tests.ledger.conftest import Fill, Tamper


def found(report: Report) -> list[tuple[str, int, int]]:
    return [(item.code, item.first, item.after) for item in report.findings]


def rehash() -> None:
    """What a careful forger does after an edit: make the stored hashes fit again."""
    for row in Leaf.objects.exclude(leaf_index=None).values_list(*canonical.COLUMNS):
        hashed = merkle.leaf_hash(canonical.canonical(row))
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_leaf DISABLE TRIGGER USER")
            cursor.execute("UPDATE ledger_leaf SET leaf_hash = %s WHERE id = %s", [hashed, row[0]])
            cursor.execute("ALTER TABLE ledger_leaf ENABLE TRIGGER USER")


def test_an_intact_ledger_has_no_findings(fill: Fill, alice: User, now: datetime) -> None:
    fill(3, 1, 8)
    ledger.record(verb="test.unsealed", by=alice, now=now)
    report = ledger.verify()
    assert (report.ok, report.size, report.checkpoints, report.unsealed) == (True, 12, 3, 1)


def test_an_empty_ledger_is_intact(db: None) -> None:
    assert ledger.verify().ok


@pytest.mark.parametrize(
    "edit",
    [
        "at = at + interval '1 microsecond'",
        "actor_id = (SELECT id FROM portal_user WHERE username = 'bob')",
        "role = 'Auditor'",
        "verb = 'other.verb'",
        "object_kind = 'erasure'",
        "object_id = gen_random_uuid()",
        "client_id = gen_random_uuid()",
        "outcome = 'failed'",
        "reason = 'other'",
        """counts = '{"rows": 9}'""",
        "id = 999999",
        "leaf_hash = decode(repeat('00', 32), 'hex')",
    ],
)
def test_any_edit_is_found_at_its_leaf(edit: str, fill: Fill, tamper: Tamper) -> None:
    User.objects.create_user("bob")
    fill(3, 4, 5)
    tamper(f"UPDATE ledger_leaf SET {edit} WHERE leaf_index = 4")
    assert ("leaf_edited", 4, 5) in found(ledger.verify())


def test_an_edit_with_its_hash_is_found_between_its_checkpoints(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4, 5)
    tamper("UPDATE ledger_leaf SET outcome = 'failed' WHERE leaf_index = 4")
    rehash()
    assert found(ledger.verify()) == [("leaves_changed", 3, 7)]


def test_a_deletion_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4, 5)
    tamper("DELETE FROM ledger_leaf WHERE leaf_index IN (4, 5)")
    assert found(ledger.verify()) == [("leaves_missing", 4, 6)]


def test_two_faults_are_both_named(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4, 5)
    tamper("DELETE FROM ledger_leaf WHERE leaf_index = 0")
    tamper("UPDATE ledger_leaf SET outcome = 'failed' WHERE leaf_index = 11")
    rehash()
    assert found(ledger.verify()) == [("leaves_missing", 0, 1), ("leaves_changed", 7, 12)]


def test_a_deletion_closed_up_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    tamper("DELETE FROM ledger_leaf WHERE leaf_index = 1")
    for index in range(2, 7):
        tamper(f"UPDATE ledger_leaf SET leaf_index = {index - 1} WHERE leaf_index = {index}")
    codes = found(ledger.verify())
    assert codes[0] == ("leaves_changed", 0, 3)
    assert ("leaves_missing", 6, 7) in codes


INSERT = (
    "INSERT INTO ledger_leaf (at, actor_id, role, verb, object_kind, outcome, reason, counts,"
    " leaf_index, leaf_hash) SELECT at, actor_id, role, 'test.forged', '', 'done', '', '{}', %d,"
    " leaf_hash FROM ledger_leaf WHERE leaf_index = 0"
)


def test_an_insertion_in_the_middle_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    for index in range(6, 1, -1):
        tamper(f"UPDATE ledger_leaf SET leaf_index = {index + 1} WHERE leaf_index = {index}")
    tamper(INSERT % 2)
    rehash()
    assert found(ledger.verify()) == [
        ("leaves_changed", 0, 3),
        ("leaves_changed", 3, 7),
        ("leaf_beyond", 7, 8),
    ]


def test_an_insertion_at_the_end_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(3)
    tamper(INSERT % 3)
    assert found(ledger.verify()) == [("leaf_beyond", 3, 4)]


def test_a_duplicate_place_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(3)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'ledger_leaf'::regclass"
            " AND contype = 'u'"
        )
        (name,) = cursor.fetchone() or ("",)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f'ALTER TABLE ledger_leaf DROP CONSTRAINT "{name}"')
    tamper(INSERT % 1)
    assert found(ledger.verify()) == [("leaf_duplicate", 1, 2)]


def test_a_reordering_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    tamper("UPDATE ledger_leaf SET leaf_index = 100 WHERE leaf_index = 4")
    tamper("UPDATE ledger_leaf SET leaf_index = 4 WHERE leaf_index = 5")
    tamper("UPDATE ledger_leaf SET leaf_index = 5 WHERE leaf_index = 100")
    assert found(ledger.verify()) == [("leaves_changed", 3, 7)]


def test_an_unsealed_leaf_is_found_missing(fill: Fill, tamper: Tamper) -> None:
    fill(3)
    tamper("UPDATE ledger_leaf SET leaf_index = NULL, leaf_hash = NULL WHERE leaf_index = 2")
    assert found(ledger.verify()) == [("leaves_missing", 2, 3)]


def test_truncated_leaves_are_found(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    tamper("DELETE FROM ledger_leaf WHERE leaf_index >= 3")
    assert found(ledger.verify()) == [("leaves_missing", 3, 7)]


def test_truncation_together_with_checkpoints_is_found_by_the_witness(
    fill: Fill, tamper: Tamper
) -> None:
    fill(3, 4)
    tamper("DELETE FROM ledger_leaf WHERE leaf_index >= 3")
    tamper("DELETE FROM ledger_checkpoint WHERE size = 7")
    assert found(ledger.verify()) == [("checkpoint_missing", 7, 7)]


def test_emptied_tables_are_found_by_the_witness(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    tamper("TRUNCATE ledger_leaf, ledger_checkpoint, ledger_block")
    assert found(ledger.verify()) == [("checkpoint_missing", 3, 3), ("checkpoint_missing", 7, 7)]


@pytest.mark.parametrize(
    "edit",
    [
        "signed_at = signed_at + interval '1 second'",
        "origin = 'elsewhere.example.com'",
        "root = decode(repeat('00', 32), 'hex')",
        "signature = decode(repeat('00', 64), 'hex')",
        "public_key = decode(repeat('00', 32), 'hex')",
        "key_id = repeat('0', 64)",
    ],
)
def test_an_edited_checkpoint_is_found(edit: str, fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    tamper(f"UPDATE ledger_checkpoint SET {edit} WHERE size = 3")
    assert ("checkpoint_forged", 3, 3) in found(ledger.verify())


def test_an_edited_frontier_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    tamper("UPDATE ledger_checkpoint SET frontier = '' WHERE size = 3")
    assert found(ledger.verify()) == [("checkpoint_frontier", 3, 3)]


def test_history_rewritten_and_signed_with_another_key_is_found_by_the_witness(
    fill: Fill, tamper: Tamper, now: datetime
) -> None:
    fill(3)
    path = settings.LEDGER_WITNESS_PATH
    honest = path.read_bytes()
    tamper("TRUNCATE ledger_leaf, ledger_checkpoint, ledger_block")
    path.unlink()
    settings.LEDGER_KEY_PATH.unlink()
    fill(3)
    path.write_bytes(honest)
    assert found(ledger.verify()) == [("checkpoint_differs", 3, 3)]


def test_a_key_put_in_place_of_the_ledgers_is_found(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(3)
    settings.LEDGER_KEY_PATH.unlink()
    signing.create_key(settings.LEDGER_KEY_PATH, settings.LEDGER_ORIGIN)
    with (
        monkeypatch.context() as patched
    ):  # The sealer refuses; whoever has the key can sign without it.
        patched.setattr(keychange, "is_accepted", lambda public: True)
        fill(2)
    fill(1)
    assert found(ledger.verify()) == [("key_replaced", 5, 5)]


def test_a_lost_witness_is_found(fill: Fill) -> None:
    fill(3, 4)
    settings.LEDGER_WITNESS_PATH.unlink()
    assert found(ledger.verify()) == [("witness_missing", 3, 3), ("witness_missing", 7, 7)]


def test_faults_of_the_witness_are_found(fill: Fill) -> None:
    fill(1, 1, 1)
    path = settings.LEDGER_WITNESS_PATH
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(second + first + b"{}\n" + third)
    assert found(ledger.verify()) == [
        ("witness_order", 1, 1),
        ("witness_unreadable", 2, 2),
        ("witness_missing", 1, 1),
    ]


def test_a_wrong_block_root_is_found(fill: Fill, tamper: Tamper) -> None:
    fill(1030)
    tamper("UPDATE ledger_block SET root = decode(repeat('00', 32), 'hex')")
    assert found(ledger.verify()) == [("block_wrong", 0, 1024)]
    tamper("DELETE FROM ledger_block")
    assert found(ledger.verify()) == [("block_wrong", 0, 1024)]


@pytest.mark.parametrize("table", ["leaf", "checkpoint", "block"])
def test_the_database_refuses_to_truncate(table: str, db: None) -> None:
    with connection.cursor() as cursor:
        # The clean-up after other tests needs this guard off; here it stands as it does in use.
        cursor.execute(f"ALTER TABLE ledger_{table} ENABLE TRIGGER USER")
        with pytest.raises(Error, match="only grows"), transaction.atomic():
            cursor.execute(f"TRUNCATE ledger_{table}")


@pytest.mark.parametrize("change", ["UPDATE {} SET root = root", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["ledger_checkpoint", "ledger_block"])
def test_the_database_refuses_to_change_what_is_signed(table: str, change: str, fill: Fill) -> None:
    fill(1030)
    with pytest.raises(Error, match="only grows"), transaction.atomic():
        connection.cursor().execute(change.format(table))


def test_guards_that_are_off_are_told(fill: Fill) -> None:
    fill(1)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE ledger_leaf DISABLE TRIGGER USER")
    assert any("guards" in text for text in ledger.verify().warnings)


def test_the_command_verifies_seals_and_tells(alice: User, now: datetime) -> None:
    ledger.record(verb="test.command", by=alice, now=now)
    out = StringIO()
    call_command("ledger", "status", stdout=out)
    call_command("ledger", "seal", stdout=out)
    call_command("ledger", "seal", stdout=out)
    call_command("ledger", "verify", stdout=out)
    call_command("ledger", "status", stdout=out)
    call_command("ledger", "key", stdout=out)
    text = out.getvalue()
    checkpoint = Checkpoint.objects.get()
    for part in ("0 leaves sealed, 1 waiting", "Nothing to seal", "is intact", "1 leaves sealed"):
        assert part in text
    assert signing.verifier_key(checkpoint.origin, bytes(checkpoint.public_key)) in text


def test_the_command_fails_on_a_fault_and_says_where(fill: Fill, tamper: Tamper) -> None:
    fill(3)
    tamper("UPDATE ledger_leaf SET outcome = 'failed' WHERE leaf_index = 1")
    out = StringIO()
    with pytest.raises(CommandError, match="not intact") as failure:
        call_command("ledger", "verify", stdout=out)
    assert failure.value.returncode == 1
    assert "leaf_edited: Leaf 1 " in out.getvalue()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("ledger", "verify", "--json", stdout=out)
    assert json.loads(out.getvalue())["findings"][0]["code"] == "leaf_edited"
