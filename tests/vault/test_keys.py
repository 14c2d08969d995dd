"""Keys from the outside: handed out once, found by reference, gone when shredded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction

from portal import vault
from portal.vault import held, journal, life, store
from portal.vault.models import KeyPage, KeyTree
from portal.vault.router import VaultRouter

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def test_every_key_is_handed_out_once_and_stays_the_same(client_id: UUID) -> None:
    refs = [ref for count in (1, 0, 1022, 1, 1, 3000) for ref in vault.allocate(client_id, count)]
    assert len(set(refs)) == len(refs) == 4025
    assert refs == [vault.KeyRef(*divmod(place, 1024)) for place in range(4025)]
    found = vault.keys(client_id, refs)
    assert len(set(found.values())) == 4025
    held.forget_all()
    assert vault.keys(client_id, refs) == found
    assert vault.key(client_id, refs[5]) == found[refs[5]]


def test_a_shredded_key_is_gone_and_the_others_stay(client_id: UUID) -> None:
    refs = vault.allocate(client_id, 2000)
    before = vault.keys(client_id, refs)
    doomed = [refs[0], refs[0], refs[1023], refs[1024]]
    assert vault.shred(client_id, doomed) == 3
    assert vault.shred(client_id, doomed) == 0
    assert vault.shred(client_id, []) == 0
    assert vault.keys(client_id, refs) == {r: k for r, k in before.items() if r not in doomed}
    with pytest.raises(vault.KeyShredded, match="0/1023"):
        vault.key(client_id, refs[1023])
    assert set(vault.allocate(client_id, 10)).isdisjoint(refs)


def test_a_page_is_re_keyed_once_for_all_of_its_keys(client_id: UUID) -> None:
    refs = vault.allocate(client_id, 1500)
    vault.shred(client_id, refs[:300])
    assert list(
        KeyPage.objects.order_by("number").values_list("number", "generation", "shredded")
    ) == [
        (0, 2, 300),
        (1, 1, 0),
    ]


def test_a_reference_that_leads_nowhere_is_missing(client_id: UUID) -> None:
    (ref,) = vault.allocate(client_id, 1)
    for wrong in (
        vault.KeyRef(0, 1),
        vault.KeyRef(1, 0),
        vault.KeyRef(0, 1024),
        vault.KeyRef(-1, 0),
    ):
        with pytest.raises(vault.KeyMissing):
            vault.key(client_id, wrong)
        with pytest.raises(vault.KeyMissing):
            vault.shred(client_id, [ref, wrong])
    assert vault.keys(client_id, [ref, vault.KeyRef(1, 0)]).keys() == {ref}
    KeyPage.objects.all().delete()
    with pytest.raises(vault.KeyMissing, match="missing"):
        vault.key(client_id, ref)
    with pytest.raises(vault.KeyMissing, match="missing"):
        vault.shred(client_id, [ref])


def test_an_unknown_client_has_no_keys() -> None:
    stranger = uuid4()
    assert vault.keys(stranger, [vault.KeyRef(0, 0)]) == {}
    for attempt in (
        lambda: vault.key(stranger, vault.KeyRef(0, 0)),
        lambda: vault.allocate(stranger, 1),
        lambda: vault.shred(stranger, [vault.KeyRef(0, 0)]),
        lambda: vault.roll(stranger),
    ):
        with pytest.raises(vault.KeyMissing):
            attempt()
    with pytest.raises(vault.KeyringBroken):
        vault.indexer(stranger)


def test_an_altered_page_fails_closed_and_shredding_it_changes_nothing(client_id: UUID) -> None:
    refs = vault.allocate(client_id, 1)
    held.forget_all()
    page = KeyPage.objects.get()
    KeyPage.objects.update(block=bytes(page.block[:-1]) + bytes([page.block[-1] ^ 1]))
    for attempt in (
        lambda: vault.key(client_id, refs[0]),
        lambda: vault.shred(client_id, refs),
        lambda: vault.roll(client_id),
    ):
        with pytest.raises(vault.PageBroken, match="Page 0"):
            attempt()
    assert held.keyring().generations(client_id) == [1, 2]
    assert len(vault.check().faults) == 1


def test_a_roll_keeps_every_key_and_ends_the_old_root(client_id: UUID, ring: Path) -> None:
    refs = vault.allocate(client_id, 2500)
    before = vault.keys(client_id, refs)
    blocks = list(KeyPage.objects.order_by("number").values_list("block", "generation"))
    indexed = vault.indexer(client_id).digest("email", "alice@example.com")
    assert vault.roll(client_id) == 1
    assert vault.roll(client_id) == 2
    held.forget_all()
    assert vault.keys(client_id, refs) == before
    assert list(KeyPage.objects.order_by("number").values_list("block", "generation")) == blocks
    assert sorted(path.name for path in (ring / str(client_id)).iterdir()) == [
        "index.key",
        "root-3.key",
    ]
    assert vault.indexer(client_id).digest("email", "alice@example.com") == indexed


def test_a_roll_destroys_the_bytes_of_the_old_root_and_of_its_copy(
    client_id: UUID, tmp_path: Path
) -> None:
    vault.allocate(client_id, 1)
    vault.roll(client_id)
    # A second name for the same file shows what happens to the bytes on the disk.
    links: list[tuple[Path, bytes]] = []
    for ring in (held.keyring(), held.copy_ring()):
        link = tmp_path / f"link-{len(links)}"
        link.hardlink_to(ring.home(client_id) / "root-2.key")
        links.append((link, link.read_bytes()))
    vault.roll(client_id)
    for link, before in links:
        after = link.read_bytes()
        assert len(after) == len(before)
        assert after != before
        assert before[25:57] not in after


def test_the_copy_is_complete_current_and_alone(client_id: UUID) -> None:
    vault.allocate(client_id, 1500)
    vault.roll(client_id)
    vault.roll(client_id)
    home = held.copy_ring().home(client_id)
    names = ["index.key", "pages-3.copy", "root-3.key"]
    assert sorted(path.name for path in home.iterdir()) == names
    from portal.vault import copies

    copied = list(copies.read(home / "pages-3.copy", client_id))
    assert copied == list(store.all_pages(client_id))
    path = home / "pages-3.copy"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(vault.PageBroken, match="damaged"):
        list(copies.read(path, client_id))


def test_a_keyring_that_was_lost_is_put_back_from_the_copy(client_id: UUID, ring: Path) -> None:
    refs = vault.allocate(client_id, 3)
    before = vault.keys(client_id, refs)
    for rolls in range(2):
        shutil.rmtree(ring)
        held.forget_all()
        with pytest.raises(vault.KeyringBroken):
            vault.key(client_id, refs[0])
        home = held.copy_ring().home(client_id)
        shutil.copytree(home, ring / str(client_id), ignore=shutil.ignore_patterns("*.copy"))
        ring.chmod(0o700)
        assert vault.keys(client_id, refs) == before
        assert vault.roll(client_id) == rolls + 1


def test_a_database_that_was_rolled_back_fails_closed_and_costs_no_key(client_id: UUID) -> None:
    refs = vault.allocate(client_id, 1)
    key = vault.key(client_id, refs[0])
    old_tree = KeyTree.objects.values().get()
    old_page = KeyPage.objects.values().get()
    vault.roll(client_id)
    new_tree = KeyTree.objects.values().get()
    new_page = KeyPage.objects.values().get()
    KeyTree.objects.update(**old_tree)
    KeyPage.objects.update(**old_page)
    held.forget_all()
    with pytest.raises(vault.RootGone, match="older than any root"):
        vault.key(client_id, refs[0])
    with pytest.raises(vault.RootGone):
        vault.roll(client_id)
    assert vault.recover() == []
    assert any("older than any root" in fault for fault in vault.check().faults)
    assert held.keyring().generations(client_id) == [2]
    KeyTree.objects.update(**new_tree)
    KeyPage.objects.update(**new_page)
    held.forget_all()
    assert vault.key(client_id, refs[0]) == key


def test_a_reader_whose_root_has_just_gone_reads_the_row_anew(
    client_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = vault.allocate(client_id, 1100)
    expected = vault.keys(client_id, refs)
    real = store.pages
    rolls: list[int] = []

    def read_then_rolled(client: UUID, numbers: list[int]) -> object:
        found = real(client, numbers)
        if len(rolls) < 3:
            rolls.append(vault.roll(client))
            vault.shred(client, [vault.KeyRef(0, len(rolls))])
        held.forget_all()
        return found

    monkeypatch.setattr(store, "pages", read_then_rolled)
    held.forget_all()
    found = vault.keys(client_id, refs)
    assert rolls == [1, 2, 3]
    assert set(expected) - set(found) == {vault.KeyRef(0, slot) for slot in (1, 2, 3)}
    assert all(expected[ref] == key for ref, key in found.items())


def test_a_root_that_is_really_missing_is_not_looked_for_for_ever(
    client_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = vault.allocate(client_id, 1)
    (held.keyring().home(client_id) / "root-1.key").unlink()
    held.forget_all()
    calls = []
    real = store.pages

    def counted(client: UUID, numbers: list[int]) -> object:
        calls.append(numbers)
        return real(client, numbers)

    monkeypatch.setattr(store, "pages", counted)
    with pytest.raises(vault.RootGone):
        vault.key(client_id, refs[0])
    assert len(calls) == 2


def test_after_the_end_of_the_contract_everything_fails_closed(client_id: UUID, ring: Path) -> None:
    refs = vault.allocate(client_id, 2)
    vault.roll(client_id)
    vault.destroy_client(client_id)
    vault.destroy_client(client_id)
    assert vault.keys(client_id, refs) == {}
    assert vault.shred(client_id, refs) == 0
    for attempt in (
        lambda: vault.key(client_id, refs[0]),
        lambda: vault.allocate(client_id, 1),
        lambda: vault.roll(client_id),
        lambda: vault.create_client(client_id),
    ):
        with pytest.raises(vault.KeyShredded):
            attempt()
    with pytest.raises(vault.KeyringBroken):
        vault.indexer(client_id)
    assert list(ring.iterdir()) == []
    assert not KeyPage.objects.exists()
    assert vault.check().faults == []


def test_a_client_is_made_once(client_id: UUID) -> None:
    before = vault.indexer(client_id).digest("email", "alice@example.com")
    (ref,) = vault.allocate(client_id, 1)
    key = vault.key(client_id, ref)
    vault.create_client(client_id)
    held.forget_all()
    assert vault.key(client_id, ref) == key
    assert vault.indexer(client_id).digest("email", "alice@example.com") == before


def test_keys_without_a_tree_are_reported_and_never_made_anew(client_id: UUID) -> None:
    vault.roll(client_id)
    KeyTree.objects.all().delete()
    with pytest.raises(vault.KeyringBroken):
        vault.create_client(client_id)
    assert any("without a tree" in fault for fault in vault.check().faults)


def test_status_counts_and_check_opens_everything(client_id: UUID) -> None:
    refs = vault.allocate(client_id, 1030)
    vault.shred(client_id, refs[:7])
    (found,) = vault.status()
    assert (found.pages, found.slots_used, found.shredded) == (2, 1030, 7)
    assert (found.root_generation, found.pending, found.state) == (1, False, "active")
    report = vault.check()
    assert (report.clients, report.pages, report.slots_used) == (1, 2, 1030)
    assert (report.shredded, report.faults) == (7, [])
    KeyPage.objects.filter(number=0).delete()
    assert vault.check().faults == [f"Page 0 of client {client_id} is missing."]


def test_check_walks_the_journal(client_id: UUID, ring: Path, now: datetime) -> None:
    journal.append(client_id=client_id, case_id=uuid4(), refs=[], owner_ids=[], now=now)
    assert vault.check().journalled == 1
    path = ring / "erasures.journal"
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":2'))
    assert any("line 1" in fault for fault in vault.check().faults)


def test_the_command_checks_rolls_and_shows(
    client_id: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    refs = vault.allocate(client_id, 3)
    vault.shred(client_id, refs[:1])
    call_command("vault", "status")
    assert "3 keys handed out, 1 shredded" in capsys.readouterr().out
    call_command("vault", "roll", "--client", str(client_id))
    call_command("vault", "roll", "--all")
    assert "root 2 destroyed, root 3 in use" in capsys.readouterr().out
    call_command("vault", "check")
    assert "0 faults" in capsys.readouterr().out
    held.keyring().create_root(client_id, 4)
    call_command("vault", "status")
    assert "PENDING RECOVERY" in capsys.readouterr().out
    KeyPage.objects.all().delete()
    with pytest.raises(CommandError) as caught:
        call_command("vault", "check")
    assert caught.value.returncode == 1
    with pytest.raises(CommandError):
        call_command("vault", "roll", "--all")


def test_the_database_refuses_what_cannot_be(client_id: UUID) -> None:
    vault.allocate(client_id, 1)
    wrongs: list[Callable[[], int]] = [
        lambda: KeyTree.objects.update(state="lost"),
        lambda: KeyTree.objects.update(next_slot=1025),
        lambda: KeyTree.objects.update(root_generation=0),
        lambda: KeyPage.objects.update(generation=0),
        lambda: KeyPage.objects.update(shredded=1025),
    ]
    for wrong in wrongs:
        with pytest.raises(IntegrityError), transaction.atomic(using="vault"):
            wrong()


def test_the_vault_lives_in_a_database_of_its_own() -> None:
    router = VaultRouter()
    assert KeyPage.objects.db == "vault"
    assert "vault_keypage" not in connections["default"].introspection.table_names()
    tables = set(connections["vault"].introspection.table_names())
    assert tables == {"django_migrations", "vault_keypage", "vault_keytree"}
    assert router.allow_migrate("default", "vault") is False
    assert router.allow_migrate("vault", "consumers") is False
    assert router.allow_migrate("default", "consumers") is None


def test_what_is_printed_of_a_row_is_its_reference(client_id: UUID) -> None:
    vault.allocate(client_id, 1)
    assert str(KeyPage.objects.get()) == f"page 0 of client {client_id}"
    assert str(KeyTree.objects.get()) == f"key tree of client {client_id}"


def test_a_client_that_cannot_be_recovered_does_not_keep_the_others_waiting(
    client_id: UUID,
) -> None:
    broken = uuid4()
    vault.create_client(broken)
    (held.keyring().home(broken) / "root-1.key").unlink()
    held.keyring().create_root(client_id, 2)
    assert vault.recover() == [client_id]
    assert not life.is_pending(store.tree(client_id))  # type: ignore[arg-type]
