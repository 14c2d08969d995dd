"""The pure tree: the published vectors, and properties against the definition in RFC 6962."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.ledger import merkle

VECTORS = Path(__file__).parent.parent / "data" / "merkle"


def cases(kind: str) -> list[Any]:
    found = json.loads((VECTORS / f"{kind}.json").read_text())
    return [pytest.param(case, id=case["file"]) for case in found]


def proof_in(case: dict[str, Any]) -> list[bytes]:
    return [b64decode(item) for item in case["proof"] or ()]


@pytest.mark.parametrize("case", cases("inclusion"))
def test_published_inclusion_vector(case: dict[str, Any]) -> None:
    accepted = merkle.verify_inclusion(
        leaf=b64decode(case["leafHash"]),
        index=case["leafIdx"],
        size=case["treeSize"],
        proof=proof_in(case),
        root=b64decode(case["root"] or ""),
    )
    assert accepted is not case["wantErr"]


@pytest.mark.parametrize("case", cases("consistency"))
def test_published_consistency_vector(case: dict[str, Any]) -> None:
    accepted = merkle.verify_consistency(
        old=case["size1"],
        new=case["size2"],
        old_root=b64decode(case["root1"] or ""),
        new_root=b64decode(case["root2"] or ""),
        proof=proof_in(case),
    )
    assert accepted is not case["wantErr"]


def test_all_published_vectors_are_there() -> None:
    assert [len(cases(kind)) for kind in ("inclusion", "consistency")] == [98, 98]


def root_by_definition(leaves: list[bytes]) -> bytes:
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = merkle.split(len(leaves))
    return merkle.node_hash(
        root_by_definition(leaves[:middle]), root_by_definition(leaves[middle:])
    )


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(size)]


@given(size=st.integers(0, 200))
def test_frontier_has_the_root_of_the_definition(size: int) -> None:
    leaves = leaves_of(size)
    assert merkle.root_of(leaves) == root_by_definition(leaves)


@given(size=st.integers(0, 200), more=st.integers(0, 50))
def test_frontier_goes_on_after_packing(size: int, more: int) -> None:
    leaves = leaves_of(size + more)
    frontier = merkle.Frontier()
    for leaf in leaves[:size]:
        frontier.append(leaf)
    frontier = merkle.Frontier.unpack(size, frontier.pack())
    for leaf in leaves[size:]:
        frontier.append(leaf)
    assert (frontier.size, frontier.root()) == (size + more, root_by_definition(leaves))


def test_frontier_refuses_hashes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="fit its size"):
        merkle.Frontier(3, [b"x" * 32])
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.Frontier(1, [b"x" * 31])


@given(data=st.data(), size=st.integers(1, 130))
def test_every_inclusion_proof_holds_for_its_leaf_only(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    claimed = data.draw(st.integers(-1, size + 1))
    leaves = leaves_of(size)
    proof = merkle.inclusion_proof(index, size, merkle.subtree_of(leaves))
    root = merkle.root_of(leaves)
    accepted = merkle.verify_inclusion(
        leaf=leaves[index], index=claimed, size=size, proof=proof, root=root
    )
    assert accepted is (claimed == index)


@given(data=st.data(), new=st.integers(1, 130))
def test_every_consistency_proof_holds(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new))
    leaves = leaves_of(new)
    proof = merkle.consistency_proof(old, new, merkle.subtree_of(leaves))
    roots = merkle.root_of(leaves[:old]), merkle.root_of(leaves)
    assert merkle.verify_consistency(
        old=old, new=new, old_root=roots[0], new_root=roots[1], proof=proof
    )


@given(data=st.data(), new=st.integers(2, 130))
def test_rewritten_history_has_no_consistency_proof(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    leaves = leaves_of(new)
    old_root = merkle.root_of(leaves[:old])
    leaves[changed] = merkle.leaf_hash(b"changed")
    proof = merkle.consistency_proof(old, new, merkle.subtree_of(leaves))
    assert not merkle.verify_consistency(
        old=old,
        new=new,
        old_root=old_root,
        new_root=merkle.root_of(leaves),
        proof=proof,
    )


def test_a_proof_from_the_empty_tree_says_nothing() -> None:
    leaves = leaves_of(3)
    assert merkle.consistency_proof(0, 3, merkle.subtree_of(leaves)) == []
    assert not merkle.verify_consistency(
        old=0,
        new=3,
        old_root=merkle.EMPTY_ROOT,
        new_root=merkle.root_of(leaves),
        proof=[],
    )


def test_proofs_outside_the_tree_are_refused() -> None:
    leaves = leaves_of(4)
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion_proof(4, 4, merkle.subtree_of(leaves))
    with pytest.raises(ValueError, match="not smaller"):
        merkle.consistency_proof(5, 4, merkle.subtree_of(leaves))
