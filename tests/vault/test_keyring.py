"""The keyring's files: owner-only, whole, in their place, and gone when destroyed."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from portal.vault import KeyringBroken, RootGone, files
from portal.vault.keyring import FileKeyring

ONE = UUID(int=1)


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    made = FileKeyring(tmp_path / "keys")
    made.create_root(ONE, 1)
    made.create_index(ONE)
    return made


def test_folders_and_files_are_for_their_owner_only(keyring: FileKeyring) -> None:
    old = os.umask(0)
    try:
        keyring.create_root(uuid4(), 1)
    finally:
        os.umask(old)
    for path in [keyring.folder, *keyring.folder.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_file_open_to_others_is_refused(keyring: FileKeyring, mode: int) -> None:
    (keyring.home(ONE) / "root-1.key").chmod(mode)
    (keyring.home(ONE) / "index.key").chmod(mode)
    with pytest.raises(KeyringBroken, match="owner-only"):
        keyring.root(ONE, 1)
    with pytest.raises(KeyringBroken, match="owner-only"):
        keyring.index_master(ONE)


def test_a_folder_open_to_others_is_refused(keyring: FileKeyring) -> None:
    for folder in (keyring.home(ONE), keyring.folder):
        folder.chmod(0o750)
        with pytest.raises(KeyringBroken, match="owner-only"):
            keyring.root(ONE, 1)
        with pytest.raises(KeyringBroken, match="owner-only"):
            keyring.create_root(ONE, 2)
        folder.chmod(0o700)


def test_a_link_is_not_followed(keyring: FileKeyring, tmp_path: Path) -> None:
    path = keyring.home(ONE) / "root-1.key"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyringBroken, match="link"):
        keyring.root(ONE, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(keyring: FileKeyring) -> None:
    os.chown(keyring.home(ONE) / "root-1.key", 12345, -1)
    with pytest.raises(KeyringBroken, match="another user"):
        keyring.root(ONE, 1)


def test_every_flipped_bit_of_a_key_file_is_found(keyring: FileKeyring) -> None:
    path = keyring.home(ONE) / "root-1.key"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(KeyringBroken):
            keyring.root(ONE, 1)
    path.write_bytes(whole[:-1])
    with pytest.raises(KeyringBroken):
        keyring.root(ONE, 1)


def test_a_key_file_in_another_place_is_refused(keyring: FileKeyring) -> None:
    other = uuid4()
    keyring.create_root(other, 1)
    content = (keyring.home(ONE) / "root-1.key").read_bytes()
    for path in (
        keyring.home(other) / "root-1.key",
        keyring.home(ONE) / "index.key",
    ):
        path.write_bytes(content)
    with pytest.raises(KeyringBroken, match="another place"):
        keyring.root(other, 1)
    with pytest.raises(KeyringBroken, match="another place"):
        keyring.index_master(ONE)


def test_a_missing_root_is_told_apart_from_one_that_was_replaced(keyring: FileKeyring) -> None:
    keyring.create_root(ONE, 2)
    keyring.destroy_root(ONE, 1)
    with pytest.raises(RootGone, match="older than any root"):
        keyring.root(ONE, 1)
    with pytest.raises(RootGone, match="no root 3"):
        keyring.root(ONE, 3)


def test_a_root_that_is_there_is_kept(keyring: FileKeyring) -> None:
    before = (keyring.home(ONE) / "root-1.key").read_bytes()
    keyring.create_root(ONE, 1)
    keyring.create_index(ONE)
    assert (keyring.home(ONE) / "root-1.key").read_bytes() == before


def test_destroying_can_be_repeated_and_leaves_nothing(keyring: FileKeyring) -> None:
    keyring.destroy_root(ONE, 1)
    keyring.destroy_root(ONE, 1)
    assert keyring.generations(ONE) == []
    keyring.destroy_client(ONE)
    keyring.destroy_client(ONE)
    assert list(keyring.folder.iterdir()) == []
    assert keyring.clients() == []


def test_what_a_crash_has_left_is_overwritten_and_removed(
    keyring: FileKeyring, tmp_path: Path
) -> None:
    home = keyring.home(ONE)
    (home / ".root-0.key.dying").write_bytes(b"k" * 89)
    (tmp_path / "link").hardlink_to(home / ".root-0.key.dying")
    (home / ".root-2.key.7.new").write_bytes(b"half")
    assert keyring.unfinished(ONE)
    keyring.tidy(ONE)
    assert not keyring.unfinished(ONE)
    assert sorted(path.name for path in home.iterdir()) == ["index.key", "root-1.key"]
    assert b"kkk" not in (tmp_path / "link").read_bytes()


def test_other_files_beside_the_keys_are_nobodys_client(keyring: FileKeyring) -> None:
    (keyring.folder / "ledger.key").write_bytes(b"")
    (keyring.folder / "notes").mkdir()
    assert keyring.clients() == [ONE]
    assert files.finish(keyring.folder / "nowhere") == 0


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    sync, rename = os.fsync, Path.rename

    def synced(handle: int) -> None:
        seen.append(f"sync {Path(f'/proc/self/fd/{handle}').readlink().name}")
        sync(handle)

    def renamed(path: Path, target: Path) -> Path:
        seen.append(f"rename to {target.name}")
        return rename(path, target)

    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    files.write_durably(folder / "one.key", b"x")
    files.destroy(folder / "one.key")
    assert seen == [
        f"sync .one.key.{os.getpid()}.new",
        "rename to one.key",
        "sync folder",
        "rename to .one.key.dying",
        "sync folder",
        "sync .one.key.dying",
        "sync folder",
    ]
