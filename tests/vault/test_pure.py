"""The pure core: sealing, blind indexes, pages. Whatever does not fit fails closed."""

from __future__ import annotations

import hashlib
import hmac
import os
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import vault
from portal.vault import blind, pages
from portal.vault.keyring import SoftRoot
from portal.vault.sealing import NO_KEY, OVERHEAD, pack

ALICE, BOB = UUID(int=0xA11CE), UUID(int=0xB0B)
ONE, OTHER = UUID(int=1), UUID(int=2)
keys = st.binary(min_size=32, max_size=32).filter(lambda key: key != NO_KEY)
blobs = st.binary(max_size=2000)


@given(key=keys, plaintext=blobs, purpose=st.text(max_size=20), owner=st.uuids(), client=st.uuids())
def test_what_was_sealed_opens_for_its_owner(
    key: bytes, plaintext: bytes, purpose: str, owner: UUID, client: UUID
) -> None:
    sealed = vault.seal(key, plaintext, purpose=purpose, client_id=client, owner_id=owner)
    assert len(sealed) == len(plaintext) + OVERHEAD
    assert vault.unseal(key, sealed, purpose=purpose, client_id=client, owner_id=owner) == plaintext


@given(key=keys, plaintext=blobs, data=st.data())
def test_a_flipped_bit_breaks_the_seal(key: bytes, plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(vault.seal(key, plaintext, purpose="p", client_id=ONE, owner_id=ALICE))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(vault.SealBroken):
        vault.unseal(key, bytes(sealed), purpose="p", client_id=ONE, owner_id=ALICE)


@given(key=keys, plaintext=blobs, data=st.data())
def test_a_blob_cut_short_breaks_the_seal(
    key: bytes, plaintext: bytes, data: st.DataObject
) -> None:
    sealed = vault.seal(key, plaintext, purpose="p", client_id=ONE, owner_id=ALICE)
    size = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(vault.SealBroken):
        vault.unseal(key, sealed[:size], purpose="p", client_id=ONE, owner_id=ALICE)


@pytest.mark.parametrize(
    "moved",
    [
        {"owner_id": BOB},
        {"client_id": OTHER},
        {"purpose": "consumer.history"},
        {"client_id": ALICE, "owner_id": ONE},
    ],
)
def test_a_moved_blob_does_not_open(moved: dict[str, object]) -> None:
    key = os.urandom(32)
    place: dict[str, object] = {"purpose": "consumer.profile", "client_id": ONE, "owner_id": ALICE}
    sealed = vault.seal(key, b"alice@example.com", **place)  # type: ignore[arg-type]
    with pytest.raises(vault.SealBroken) as caught:
        vault.unseal(key, sealed, **{**place, **moved})  # type: ignore[arg-type]
    assert "alice@example.com" not in str(caught.value)


@given(right=keys, wrong=keys)
def test_a_wrong_key_does_not_open(right: bytes, wrong: bytes) -> None:
    if right == wrong:
        return
    sealed = vault.seal(right, b"x", purpose="p", client_id=ONE, owner_id=ALICE)
    with pytest.raises(vault.SealBroken):
        vault.unseal(wrong, sealed, purpose="p", client_id=ONE, owner_id=ALICE)


def test_a_shredded_key_seals_and_opens_nothing() -> None:
    sealed = vault.seal(os.urandom(32), b"x", purpose="p", client_id=ONE, owner_id=ALICE)
    with pytest.raises(vault.KeyShredded):
        vault.unseal(NO_KEY, sealed, purpose="p", client_id=ONE, owner_id=ALICE)
    with pytest.raises(vault.KeyShredded):
        vault.seal(NO_KEY, b"x", purpose="p", client_id=ONE, owner_id=ALICE)
    with pytest.raises(vault.SealBroken):
        vault.seal(b"short", b"x", purpose="p", client_id=ONE, owner_id=ALICE)


@given(st.lists(st.tuples(keys, blobs, st.uuids()), max_size=20))
def test_sealing_many_gives_what_sealing_each_gives(rows: list[tuple[bytes, bytes, UUID]]) -> None:
    sealed = vault.seal_many(rows, purpose="p", client_id=ONE)
    assert len({blob[1:13] for blob in sealed}) == len(rows)
    opened = [
        vault.unseal(key, blob, purpose="p", client_id=ONE, owner_id=owner)
        for (key, _, owner), blob in zip(rows, sealed, strict=True)
    ]
    assert opened == [plaintext for _, plaintext, _ in rows]


@given(st.lists(st.binary(max_size=5), max_size=5), st.lists(st.binary(max_size=5), max_size=5))
def test_no_two_tuples_are_packed_alike(one: list[bytes], other: list[bytes]) -> None:
    assert (pack(*one) == pack(*other)) == (one == other)


@given(master=keys, kind=st.text(max_size=10), value=st.text(max_size=200))
def test_a_digest_is_the_hmac_of_the_value_under_its_own_key(
    master: bytes, kind: str, value: str
) -> None:
    indexer = vault.BlindIndexer(ONE, master)
    for use, found in (
        (b"blind-index", indexer.digest(kind, value)),
        (b"suppression-token", indexer.token(kind, value)),
    ):
        key = blind.derive(master, use, ONE.bytes, kind.encode())
        assert found == hmac.new(key, value.encode(), hashlib.sha256).digest()[:16]
    assert indexer.digests(kind, [value, value]) == [indexer.digest(kind, value)] * 2
    assert indexer.tokens(kind, [value]) == [indexer.token(kind, value)]


@given(master=keys, one=st.text(max_size=20), other=st.text(max_size=20))
def test_digests_differ_by_value_kind_use_and_client(master: bytes, one: str, other: str) -> None:
    indexer = vault.BlindIndexer(ONE, master)
    assert (indexer.digest("email", one) == indexer.digest("email", other)) == (one == other)
    assert (indexer.digest(one, "x") == indexer.digest(other, "x")) == (one == other)
    assert indexer.digest("email", one) != indexer.token("email", one)
    assert indexer.digest("email", one) != vault.BlindIndexer(OTHER, master).digest("email", one)


def test_keys_do_not_stand_in_what_is_printed() -> None:
    key = b"k" * 32
    assert "kkk" not in repr(SoftRoot(key)) + repr(vault.BlindIndexer(ONE, key))


@given(st.lists(st.sets(st.integers(0, pages.SLOTS - 1), max_size=8), max_size=4))
def test_dropping_slots_keeps_every_other_key(drops: list[set[int]]) -> None:
    root = SoftRoot(os.urandom(32))
    page = pages.draw(ONE, 0, root, 1)
    before = pages.open_page(page, root)
    gone: set[int] = set()
    for slots in drops:
        old, (page, dropped) = page, pages.drop(page, slots, root)
        assert dropped == len(slots - gone)
        gone |= slots
        assert page.generation == old.generation + bool(dropped)
        assert (page.block == old.block) == (dropped == 0)
        assert page.shredded == len(gone)
    after = pages.open_page(page, root)
    assert pages.count_shredded(after) == len(gone)
    for slot in range(pages.SLOTS):
        expected = NO_KEY if slot in gone else pages.key_at(before, slot)
        assert pages.key_at(after, slot) == expected


def test_a_page_opens_only_in_its_place_and_under_its_root() -> None:
    root = SoftRoot(os.urandom(32))
    page = pages.draw(ONE, 3, root, 1)
    newer, _ = pages.drop(page, [1], root)
    wrong = [
        page._replace(number=4),
        page._replace(client_id=OTHER),
        page._replace(generation=2),
        page._replace(block=newer.block),
        page._replace(wrapped_key=newer.wrapped_key),
        page._replace(block=page.block[:-1]),
        newer._replace(block=page.block),
    ]
    for moved in wrong:
        with pytest.raises(vault.PageBroken, match="Page"):
            pages.open_page(moved, root)
    with pytest.raises(vault.PageBroken):
        pages.open_page(page, SoftRoot(os.urandom(32)))


def test_rewrapping_changes_the_root_and_nothing_else() -> None:
    old, new = SoftRoot(os.urandom(32)), SoftRoot(os.urandom(32))
    page = pages.draw(ONE, 0, old, 1)
    moved = page._replace(wrapped_key=pages.rewrap(page, old, new), root_generation=2)
    assert pages.open_page(moved, new) == pages.open_page(page, old)
    with pytest.raises(vault.PageBroken):
        pages.open_page(moved, old)
    with pytest.raises(vault.PageBroken):
        pages.rewrap(page, new, old)


def test_a_page_of_zeros_counts_as_shredded_whole() -> None:
    root = SoftRoot(os.urandom(32))
    page, dropped = pages.drop(pages.draw(uuid4(), 0, root, 1), range(1024), root)
    assert dropped == 1024
    assert pages.open_page(page, root) == bytes(pages.BLOCK_SIZE)
