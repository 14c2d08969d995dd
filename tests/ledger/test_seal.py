"""Sealing: places, checkpoints, key and witness."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from portal import ledger
from portal.ledger import merkle, proofs, sealing, signing, witness
from portal.ledger.checkpoints import is_genuine, note_of, text_of
from portal.ledger.errors import LedgerBroken
from portal.ledger.models import Block, Checkpoint, Leaf
from portal.models import User
from tests.ledger.conftest import Fill, Tamper


def test_nothing_to_seal_makes_no_checkpoint(db: None, now: datetime) -> None:
    assert ledger.seal(now=now) is None
    assert not settings.LEDGER_WITNESS_PATH.exists()


def test_leaves_get_consecutive_places_in_the_order_of_recording(fill: Fill) -> None:
    leaves = fill(3, 4)
    assert [leaf.leaf_index for leaf in leaves] == list(range(7))
    assert [leaf.id for leaf in leaves] == sorted(leaf.id for leaf in leaves)
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [3, 7]


def test_the_checkpoint_signs_the_root_of_the_definition(fill: Fill, now: datetime) -> None:
    leaves = fill(5, 6)
    checkpoint = Checkpoint.objects.get(size=11)
    hashes = [merkle.leaf_hash(proofs.canonical_of(leaf)) for leaf in leaves]
    assert bytes(checkpoint.root) == merkle.root_of(hashes)
    assert is_genuine(checkpoint)
    lines = text_of(checkpoint).splitlines()
    assert lines[:2] + lines[3:] == [
        "portal.example.com/ledger",
        "11",
        "2026-01-31T12:00:00.123456Z",
    ]


def test_large_sealings_go_in_batches_and_keep_block_roots(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 500)
    leaves = fill(1000, 1500)
    hashes = [bytes(leaf.leaf_hash or b"") for leaf in leaves]
    stored = [
        bytes(root) for root in Block.objects.order_by("number").values_list("root", flat=True)
    ]
    assert stored == [merkle.root_of(hashes[:1024]), merkle.root_of(hashes[1024:2048])]
    assert ledger.verify().findings == []


def test_sealing_inside_a_transaction_is_refused(alice: User, now: datetime) -> None:
    ledger.record(verb="test.seal", by=alice, now=now)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        ledger.seal(now=now)
    assert not Checkpoint.objects.exists()


def test_key_and_witness_are_for_their_owner_only(fill: Fill) -> None:
    fill(1)
    for path in (settings.LEDGER_KEY_PATH, settings.LEDGER_WITNESS_PATH):
        assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in settings.LEDGER_KEY_PATH.parent.iterdir()) == ["ledger.key"]


def test_a_key_that_others_may_read_is_not_used(fill: Fill, alice: User, now: datetime) -> None:
    fill(1)
    settings.LEDGER_KEY_PATH.chmod(0o644)
    ledger.record(verb="test.seal", by=alice, now=now)
    with pytest.raises(LedgerBroken, match="chmod 600"):
        ledger.seal(now=now)
    assert Leaf.objects.filter(leaf_index=None).count() == 1


def test_a_lost_key_is_not_replaced_silently(fill: Fill, alice: User, now: datetime) -> None:
    fill(1)
    settings.LEDGER_KEY_PATH.unlink()
    ledger.record(verb="test.seal", by=alice, now=now)
    with pytest.raises(LedgerBroken, match="key is missing"):
        ledger.seal(now=now)
    signing.create_key(settings.LEDGER_KEY_PATH, settings.LEDGER_ORIGIN)
    with pytest.raises(LedgerBroken, match="not the one"):
        ledger.seal(now=now)
    with pytest.raises(CommandError, match="no active"):
        call_command("ledger", "key", create=True)
    call_command("ledger", "key", create=True, by="alice", stdout=StringIO())
    assert ledger.seal(now=now) is not None
    report = ledger.verify()
    assert report.findings == []
    assert "From checkpoint 3 on an accepted new key signs." in report.warnings
    assert Checkpoint.objects.values("key_id").distinct().count() == 2
    assert Leaf.objects.filter(verb="ledger.change_key", actor=alice).count() == 1


def test_a_sealer_that_lost_its_turn_writes_no_line_behind_its_successors(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection broke between commit and witness; the next sealer made the line good and went on."""
    late: list[dict[str, Any]] = []
    with monkeypatch.context() as patched:
        patched.setattr(witness, "append", lambda path, **line: late.append(line))
        fill(2)
    fill(3)
    witness.append(settings.LEDGER_WITNESS_PATH, **late[0])
    assert ledger.verify().findings == []
    fill(1)
    assert ledger.verify().findings == []


def test_two_first_starts_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(
            pool.map(lambda _: signing.create_key(tmp_path / "key", "origin").public, range(8))
        )
    assert len(set(keys)) == 1


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    with pytest.raises(LedgerBroken, match="PEM"):
        signing.load_key(path, "origin")


def test_the_witness_has_every_checkpoint_as_a_signed_note(fill: Fill) -> None:
    fill(2, 3)
    lines = [json.loads(line) for line in settings.LEDGER_WITNESS_PATH.read_text().splitlines()]
    assert [line["note"] for line in lines] == [
        note_of(item) for item in Checkpoint.objects.order_by("size")
    ]


def test_a_crash_before_the_witness_is_made_good(fill: Fill) -> None:
    fill(2, 3)
    path = settings.LEDGER_WITNESS_PATH
    kept, lost = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(kept + lost[:20])
    report = ledger.verify()
    assert report.ok
    assert any("not reached the witness" in text for text in report.warnings)
    fill(1)
    assert [line and line.size for line in witness.lines(path)] == [2, 5, 6]
    assert ledger.verify().findings == []


def test_sealing_stops_where_it_would_sign_a_fork(
    fill: Fill, tamper: Tamper, alice: User, now: datetime
) -> None:
    fill(2, 3)
    tamper("DELETE FROM ledger_leaf WHERE leaf_index >= 2")
    tamper("DELETE FROM ledger_checkpoint WHERE size = 5")
    ledger.record(verb="test.seal", by=alice, now=now)
    with pytest.raises(LedgerBroken, match="witness"):
        ledger.seal(now=now)


def test_sealing_stops_where_leaves_are_missing(fill: Fill, tamper: Tamper, now: datetime) -> None:
    fill(3)
    tamper("DELETE FROM ledger_leaf WHERE leaf_index = 2")
    with pytest.raises(LedgerBroken, match="differ in number"):
        ledger.seal(now=now)


def test_sealing_stops_on_a_frontier_that_is_not_signed(
    fill: Fill, tamper: Tamper, now: datetime
) -> None:
    fill(3)
    tamper("UPDATE ledger_checkpoint SET frontier = decode(repeat('00', 64), 'hex')")
    with pytest.raises(LedgerBroken, match="not genuine"):
        ledger.seal(now=now)


@pytest.mark.django_db(transaction=True)
def test_concurrent_sealers_and_recorders_make_one_line_of_leaves(now: datetime) -> None:
    alice = User.objects.create_user("alice")
    start = threading.Barrier(6)

    def work(number: int) -> None:
        try:
            start.wait()
            for _ in range(10):
                if number % 2:
                    ledger.seal(now=now)
                else:
                    ledger.record(verb="test.concurrent", by=alice, now=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    ledger.seal(now=now)
    places = list(Leaf.objects.order_by("leaf_index").values_list("leaf_index", flat=True))
    assert places == list(range(30))
    assert ledger.verify().findings == []
    assert ledger.verify().unsealed == 0


@pytest.mark.django_db(transaction=True)
def test_a_second_sealer_may_decline_to_wait(now: datetime) -> None:
    ledger.record(verb="test.lock", by=User.objects.system(), now=now)

    def try_to_seal() -> Checkpoint | None:
        try:
            return ledger.seal(now=now, wait=False)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, sealing.only_sealer(wait=False) as is_ours:
        assert is_ours
        assert pool.submit(try_to_seal).result() is None
    assert ledger.seal(now=now, wait=False) is not None


@pytest.mark.django_db(transaction=True)
def test_a_leaf_that_is_committed_late_is_sealed_next_time(now: datetime) -> None:
    system = User.objects.system()
    recorded, sealed = threading.Event(), threading.Event()

    def slow_verb() -> int:
        try:
            with transaction.atomic():
                leaf = ledger.record(verb="test.slow", by=system, now=now)
                recorded.set()
                assert sealed.wait(30)
            return leaf.id
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(slow_verb)
        assert recorded.wait(30)
        quick = ledger.record(verb="test.quick", by=system, now=now)
        ledger.seal(now=now)
        sealed.set()
        late = slow.result()
    ledger.seal(now=now)
    places = dict(Leaf.objects.values_list("id", "leaf_index"))
    assert late < quick.id
    assert (places[quick.id], places[late]) == (0, 1)
    assert ledger.verify().findings == []
