"""Real processes at the same client: a roll under load fails no reader, and nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from portal import vault
from portal.vault import held
from tests.killing import Children

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


def test_rolls_shreds_and_allocations_fail_no_reader(worker: Children, tmp_path: Path) -> None:
    client_id = uuid4()
    vault.create_client(client_id)
    refs = vault.allocate(client_id, 3500)
    sample = refs[::25]
    doomed = [ref for number, ref in enumerate(refs) if number % 50 == 0]
    before = vault.keys(client_id, refs)
    stop = tmp_path / "stop"
    for name in ("reader one", "reader two"):
        worker.start(
            name,
            "read",
            client_id=client_id,
            keys=[(*ref, before[ref].hex()) for ref in sample],
            doomed=doomed,
            stop=stop,
            is_watched=False,
        )
    worker.start("shredder", "shred", client_id=client_id, refs=doomed, at_a_time=3)
    worker.start("taker", "allocate", client_id=client_id, count=150, times=20)
    worker.start("roller", "roll", client_id=client_id, times=6)
    assert [vault.roll(client_id) > 0 for _ in range(6)] == [True] * 6
    done = {name: worker.wait(name) for name in ("shredder", "taker", "roller")}
    stop.touch()
    done |= {name: worker.wait(name) for name in ("reader one", "reader two")}
    assert {name: outcome.error for name, outcome in done.items() if outcome.error} == {}
    assert done["shredder"].result == len(doomed)
    assert held.keyring().generations(client_id) == [13]
    taken = [vault.KeyRef(*ref) for ref in done["taker"].result]
    assert len({*taken, *refs}) == 3000 + 3500
    held.forget_all()
    assert vault.keys(client_id, refs) == {r: k for r, k in before.items() if r not in set(doomed)}
    assert len(vault.keys(client_id, taken)) == 3000
    assert vault.check().faults == []


def test_a_client_made_by_many_processes_at_once_has_one_tree(worker: Children) -> None:
    client_id = uuid4()
    names = [f"maker {number}" for number in range(6)]
    for name in names:
        worker.start(name, "create", client_id=client_id)
    assert [worker.wait(name).error for name in names] == [""] * 6
    assert held.keyring().generations(client_id) == [1]
    (ref,) = vault.allocate(client_id, 1)
    assert len(vault.key(client_id, ref)) == 32
    assert vault.check().faults == []


def test_many_processes_recover_at_once(worker: Children) -> None:
    client_id = uuid4()
    vault.create_client(client_id)
    refs = vault.allocate(client_id, 1500)
    before = vault.keys(client_id, refs)
    steps = worker.run("roll", client_id=client_id).steps
    assert worker.run("roll", client_id=client_id, kill_at=steps.index("roll.committed")).killed
    names = [f"process {number}" for number in range(5)]
    for name in names:
        worker.start(name, "recover")
    outcomes = [worker.wait(name) for name in names]
    assert [outcome.error for outcome in outcomes] == [""] * 5
    assert sum(outcome.result == [str(client_id)] for outcome in outcomes) == 1
    held.forget_all()
    assert held.keyring().generations(client_id) == [3]
    assert vault.keys(client_id, refs) == before


def test_shreds_of_the_same_pages_by_many_processes_count_every_key_once(worker: Children) -> None:
    client_id = uuid4()
    vault.create_client(client_id)
    refs = vault.allocate(client_id, 3000)
    doomed = refs[::30]
    names = [f"process {number}" for number in range(4)]
    for name in names:
        worker.start(name, "shred", client_id=client_id, refs=doomed, at_a_time=10)
    outcomes = [worker.wait(name) for name in names]
    assert [outcome.error for outcome in outcomes] == [""] * 4
    assert sum(outcome.result for outcome in outcomes) == len(doomed)
    held.forget_all()
    assert set(vault.keys(client_id, refs)) == set(refs) - set(doomed)


def test_a_process_that_holds_an_opened_page_gives_no_key_that_another_process_has_shredded(
    worker: Children,
) -> None:
    client_id = uuid4()
    vault.create_client(client_id)
    refs = vault.allocate(client_id, 3)
    assert len(vault.keys(client_id, refs)) == 3, "the page lies opened in this process now"
    assert worker.run("shred", client_id=client_id, refs=refs[:1]).result == 1
    assert vault.keys(client_id, refs).keys() == set(refs[1:])
    with pytest.raises(vault.KeyShredded):
        vault.key(client_id, refs[0])
    assert worker.run("destroy", client_id=client_id).error == ""
    assert vault.keys(client_id, refs) == {}
    with pytest.raises(vault.VaultError):
        vault.indexer(client_id)
