"""Receipts, checked by the stand-alone file that clients are given."""

import copy
import json
import subprocess
import sys
from base64 import b64decode
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from portal import ledger
from portal.errors import Refused
from portal.ledger import merkle, offline, proofs, signing
from portal.ledger.checkpoints import note_of
from portal.ledger.errors import LedgerBroken
from portal.ledger.models import Checkpoint, Leaf
from portal.models import User
from tests.ledger.conftest import Fill, Tamper
from tests.ledger.test_merkle import cases, proof_in


def our_key() -> str:
    key = signing.load_key(settings.LEDGER_KEY_PATH, settings.LEDGER_ORIGIN)
    return signing.verifier_key(key.origin, key.public)


def test_every_leaf_has_a_receipt_under_every_later_checkpoint(fill: Fill) -> None:
    leaves = fill(1, 2, 5)
    for checkpoint in Checkpoint.objects.all():
        for leaf in leaves[: checkpoint.size]:
            receipt = json.loads(json.dumps(ledger.inclusion(leaf, checkpoint)))
            assert offline.check(receipt, our_key()) == "\n".join(
                receipt["checkpoint"].splitlines()[:4]
            )


def test_proofs_from_block_roots_are_those_from_all_leaves(fill: Fill) -> None:
    leaves = fill(1500, 1700)
    hashes = [bytes(leaf.leaf_hash or b"") for leaf in leaves]
    for checkpoint in Checkpoint.objects.all():
        whole = merkle.subtree_of(hashes[: checkpoint.size])
        for index in (0, 1023, 1024, 1499, 1500, 2047, 2048, 3199):
            if index < checkpoint.size:
                expected = merkle.inclusion_proof(index, checkpoint.size, whole)
                assert proofs.proof_of(leaves[index], checkpoint) == expected
    old, new = Checkpoint.objects.order_by("size")
    document = ledger.consistency(old, new)
    expected = merkle.consistency_proof(1500, 3200, merkle.subtree_of(hashes))
    assert [b64decode(item) for item in document["proof"]] == expected
    offline.check(document, our_key())


def test_a_leaf_that_is_not_sealed_has_no_receipt(fill: Fill, alice: User, now: datetime) -> None:
    fill(2)
    old = Checkpoint.objects.get()
    leaf = ledger.record(verb="test.receipt", by=alice, now=now)
    with pytest.raises(Refused, match="not sealed yet"):
        ledger.inclusion(leaf)
    ledger.seal(now=now)
    with pytest.raises(Refused, match="not sealed yet"):
        ledger.inclusion(leaf, old)
    assert ledger.inclusion(leaf)["leaf_index"] == 2


def test_an_edited_leaf_gets_no_receipt(fill: Fill, tamper: Tamper) -> None:
    leaves = fill(4)
    tamper("UPDATE ledger_leaf SET outcome = 'failed' WHERE leaf_index = 1")
    with pytest.raises(LedgerBroken, match="no path"):
        ledger.inclusion(leaves[1])


def test_a_rewritten_ledger_is_not_called_consistent(fill: Fill, tamper: Tamper) -> None:
    fill(3, 4)
    old, new = Checkpoint.objects.order_by("size")
    tamper(
        "UPDATE ledger_leaf SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE leaf_index = 1"
    )
    with pytest.raises(LedgerBroken, match="does not extend"):
        ledger.consistency(old, new)
    with pytest.raises(Refused):
        ledger.consistency(new, old)


def test_a_receipt_says_what_was_done_without_naming_anyone(fill: Fill) -> None:
    leaf = fill(2)[1]
    said = json.loads(ledger.inclusion(leaf)["leaf"])
    assert (said["verb"], said["outcome"], said["counts"]) == ("test.fill", "done", {"rows": 1})
    assert said["at"] == "2026-01-31T12:00:00.123456Z"
    assert said["actor_id"] == str(leaf.actor_id)
    assert "alice" not in json.dumps(said)


@pytest.fixture
def receipt(fill: Fill) -> dict[str, Any]:
    return ledger.inclusion(fill(4, 7)[5])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("leaf", "{}"),
        ("leaf_index", 4),
        ("leaf_index", -1),
        ("leaf_index", "5"),
        ("proof", []),
        ("proof", ["AAAA"]),
        ("kind", "consistency"),
        ("checkpoint", "portal.example.com/ledger\n11\n"),
    ],
    ids=str,
)
def test_a_changed_receipt_is_refused(field: str, value: Any, receipt: dict[str, Any]) -> None:
    offline.check(receipt, our_key())
    with pytest.raises(offline.NotProven):
        offline.check({**receipt, field: value}, our_key())


def test_a_receipt_with_another_size_root_time_or_signature_is_refused(
    receipt: dict[str, Any],
) -> None:
    for line in range(6):
        changed = copy.deepcopy(receipt)
        lines = changed["checkpoint"].split("\n")
        if line != 4:
            middle = len(lines[line]) // 2
            other = "1" if lines[line][middle] != "1" else "2"
            lines[line] = lines[line][:middle] + other + lines[line][middle + 1 :]
            changed["checkpoint"] = "\n".join(lines)
            with pytest.raises(offline.NotProven):
                offline.check(changed, our_key())


def test_a_receipt_signed_by_someone_else_is_refused(
    receipt: dict[str, Any], tmp_path: Path
) -> None:
    other = signing.create_key(tmp_path / "other.key", settings.LEDGER_ORIGIN)
    with pytest.raises(offline.NotProven):
        offline.check(receipt, signing.verifier_key(other.origin, other.public))


def test_the_file_runs_alone(receipt: dict[str, Any], tmp_path: Path) -> None:
    document, alone = tmp_path / "receipt.json", tmp_path / "offline.py"
    alone.write_text(Path(offline.__file__).read_text())
    document.write_text(json.dumps(receipt))
    command = [sys.executable, "-I", str(alone), str(document), our_key()]
    assert subprocess.run(command, check=True, capture_output=True).stdout.startswith(b"proven")
    document.write_text(json.dumps({**receipt, "leaf_index": 0}))
    failed = subprocess.run(command, check=False, capture_output=True)
    assert (failed.returncode, failed.stdout) == (1, b"")


def test_openssl_verifies_a_checkpoint(fill: Fill, tmp_path: Path) -> None:
    fill(3)
    checkpoint = Checkpoint.objects.get()
    text, _, signature = note_of(checkpoint).rpartition("\n\n")
    (tmp_path / "text").write_text(text + "\n")
    (tmp_path / "signature").write_bytes(b64decode(signature.split()[-1])[4:])
    (tmp_path / "key.pem").write_text(signing.public_pem(bytes(checkpoint.public_key)))
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    assert b"Successfully" in done.stdout


@pytest.mark.parametrize("case", cases("inclusion"))
def test_published_inclusion_vector_with_the_file_for_clients(case: dict[str, Any]) -> None:
    root = offline.root_by_inclusion(
        b64decode(case["leafHash"]), case["leafIdx"], case["treeSize"], proof_in(case)
    )
    is_proven = root is not None and root == b64decode(case["root"] or "")
    # Lengths are for check() to see to, because it hashes the leaf itself.
    assert is_proven is not case["wantErr"] or not case["leafHash"]


@pytest.mark.parametrize("case", cases("consistency"))
def test_published_consistency_vector_with_the_file_for_clients(case: dict[str, Any]) -> None:
    roots = b64decode(case["root1"] or ""), b64decode(case["root2"] or "")
    accepted = offline.is_extension(*roots, case["size1"], case["size2"], proof_in(case))
    assert accepted is not case["wantErr"]


def test_the_count_of_queries_does_not_grow_with_the_ledger(
    fill: Fill, django_assert_max_num_queries: Any
) -> None:
    leaf = fill(2100)[1030]
    with django_assert_max_num_queries(6):
        ledger.inclusion(Leaf.objects.get(pk=leaf.pk))
