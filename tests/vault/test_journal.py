"""The erasure journal: synced, chained, and only a torn last line is forgiven."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.vault import JournalBroken, KeyRef, KeyringBroken, journal
from tests.killing import Children

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
CLIENT, CASE = UUID(int=1), UUID(int=2)


def put(path: Path, owner: int = 7) -> int:
    return journal.append(
        client_id=CLIENT,
        case_id=CASE,
        refs=[KeyRef(0, 3), KeyRef(2, 1023)],
        owner_ids=[UUID(int=owner)],
        now=NOW,
        path=path,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ring" / "erasures.journal"


@pytest.fixture
def written(path: Path) -> Path:
    for owner in range(5):
        assert put(path, owner) == owner + 1
    return path


def test_what_was_appended_is_read_back_in_order(written: Path) -> None:
    found = journal.read(written)
    assert [record.number for record in found] == [1, 2, 3, 4, 5]
    assert [record.owner_ids for record in found] == [(UUID(int=owner),) for owner in range(5)]
    assert found[0].refs == (KeyRef(0, 3), KeyRef(2, 1023))
    assert (found[0].at, found[0].client_id, found[0].case_id) == (NOW, CLIENT, CASE)


def test_the_journal_lies_where_the_settings_say(ring: Path) -> None:
    journal.append(client_id=CLIENT, case_id=CASE, refs=[], owner_ids=[], now=NOW)
    assert (ring / "erasures.journal").exists()
    assert len(list(journal.entries())) == 1


def test_a_journal_that_was_never_written_is_empty(path: Path) -> None:
    assert journal.read(path) == []


def test_a_time_without_zone_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="aware"):
        journal.append(
            client_id=CLIENT,
            case_id=CASE,
            refs=[],
            owner_ids=[],
            now=NOW.replace(tzinfo=None),
            path=path,
        )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_altered_byte_is_found(written: Path, data: st.DataObject) -> None:
    whole = written.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    altered = bytearray(whole)
    altered[place] ^= data.draw(st.integers(1, 255))
    written.write_bytes(bytes(altered))
    try:
        with pytest.raises(JournalBroken) as caught:
            journal.read(written)
        assert caught.value.line <= whole[:place].count(b"\n") + 2
    finally:
        written.write_bytes(whole)


@pytest.mark.parametrize("order", [[0, 2, 3, 4], [0, 2, 1, 3, 4], [0, 1, 1, 2, 3, 4], [1, 2, 3, 4]])
def test_a_line_left_out_moved_or_repeated_is_found(written: Path, order: list[int]) -> None:
    lines = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(lines[number] for number in order))
    with pytest.raises(JournalBroken) as caught:
        journal.read(written)
    assert caught.value.line == next(n for n, line in enumerate(order) if n != line) + 1


def test_a_genuine_line_of_another_past_is_found(written: Path) -> None:
    ours = written.read_bytes().splitlines(keepends=True)
    beside = written.with_name("other")
    for part in (".key", ".head", ""):
        source = written.with_name(written.name + part)
        target = beside.with_name(beside.name + part)
        target.write_bytes(source.read_bytes() if part == ".key" else b"")
        target.chmod(0o600)
    beside.with_name("other.head").unlink()
    for owner in (10, 11, 12, 13, 14):
        put(beside, owner)
    theirs = beside.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join([*ours[:2], theirs[2], *ours[3:]]))
    with pytest.raises(JournalBroken) as caught:
        journal.read(written)
    assert caught.value.line == 3


def test_the_last_number_is_known_without_reading_everything(written: Path) -> None:
    assert journal.last_number(written) == 5
    assert [record.number for record in journal.entries(written, after=3)] == [4, 5]
    head = written.with_name(written.name + ".head")
    behind = head.read_bytes()
    put(written)
    head.write_bytes(behind)
    written.write_bytes(written.read_bytes() + b"torn")
    assert journal.last_number(written) == 6
    written.write_bytes(b"")
    with pytest.raises(JournalBroken):
        journal.last_number(written)


def test_a_database_behind_the_journal_has_erasures_to_replay(
    ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_marks", [])
    assert journal.unreplayed() == 0
    put(ring / "erasures.journal")
    put(ring / "erasures.journal")
    assert journal.unreplayed() == 2
    journal.register_mark(lambda: 1)
    assert journal.unreplayed() == 1
    journal.register_mark(lambda: 2)
    assert journal.unreplayed() == 0


def test_an_end_cut_off_at_a_line_is_found_by_reading_and_by_appending(written: Path) -> None:
    lines = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(lines[:3]))
    with pytest.raises(JournalBroken):
        journal.read(written)
    with pytest.raises(JournalBroken):
        put(written)
    written.unlink()
    with pytest.raises(JournalBroken):
        journal.read(written)


def test_a_last_line_torn_by_a_crash_is_removed_and_the_rest_stands(written: Path) -> None:
    whole = written.read_bytes()
    written.write_bytes(whole + b'{"at":"2026-11-24T1')
    assert len(journal.read(written)) == 5
    assert put(written) == 6
    assert written.read_bytes().startswith(whole)
    assert len(journal.read(written)) == 6


def test_a_broken_line_in_the_middle_is_never_repaired(written: Path) -> None:
    lines = written.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][:20] + b"\n"
    written.write_bytes(b"".join(lines))
    with pytest.raises(JournalBroken) as caught:
        journal.read(written)
    assert caught.value.line == 3


def test_an_altered_or_missing_head_or_key_is_found(written: Path) -> None:
    head = written.with_name(written.name + ".head")
    whole = head.read_bytes()
    head.write_bytes(json.dumps({**json.loads(whole), "n": 4}).encode())
    with pytest.raises(JournalBroken):
        journal.read(written)
    head.unlink()
    with pytest.raises(JournalBroken):
        journal.read(written)
    head.write_bytes(whole)
    head.chmod(0o600)
    assert len(journal.read(written)) == 5
    written.with_name(written.name + ".key").unlink()
    with pytest.raises(JournalBroken):
        journal.read(written)


def test_a_journal_open_to_others_is_refused(written: Path) -> None:
    written.chmod(0o640)
    with pytest.raises(KeyringBroken, match="owner-only"):
        journal.read(written)


@pytest.mark.django_db(databases=["default", "vault"])
def test_an_append_killed_at_any_step_leaves_a_whole_journal(worker: Children, ring: Path) -> None:
    told: dict[str, Any] = {"client_id": uuid4(), "now": NOW.isoformat()}
    worker.run("journal", **told)
    steps = worker.run("journal", **told).steps
    assert "journal.synced" in steps
    for number in range(len(steps)):
        before = len(journal.read())
        assert worker.run("journal", kill_at=number, **told).killed
        after = len(journal.read())
        assert after - before in (0, 1)
        assert put(ring / "erasures.journal") == after + 1


@pytest.mark.django_db(databases=["default", "vault"])
def test_processes_that_append_at_once_take_turns(worker: Children) -> None:
    told: dict[str, Any] = {"client_id": uuid4(), "now": NOW.isoformat(), "times": 20}
    for name in ("one", "two", "three"):
        worker.start(name, "journal", **told)
    numbers = [number for name in ("one", "two", "three") for number in worker.wait(name).result]
    assert sorted(numbers) == list(range(1, 61))
    assert len(journal.read()) == 60
