"""The vault is killed at every step: no survivor is lost, nobody comes back, and recovery finishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from portal import vault
from portal.vault import held, pages, store
from portal.vault.keyring import FileKeyring
from tests.killing import Children, Outcome

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


@dataclass
class Scene:
    """A client in mid-life: two pages, some keys shredded earlier, rolled once, with a copy."""

    client_id: UUID
    keys: dict[vault.KeyRef, bytes]
    gone: list[vault.KeyRef]
    doomed: list[vault.KeyRef]
    backup: list[pages.Page]

    @property
    def survivors(self) -> dict[vault.KeyRef, bytes]:
        return {ref: key for ref, key in self.keys.items() if ref not in self.doomed}

    def living(self) -> dict[vault.KeyRef, bytes]:
        """What a process that has just started finds."""
        held.forget_all()
        return vault.keys(self.client_id, [*self.keys, *self.gone])


def set_scene() -> Scene:
    client_id = uuid4()
    vault.create_client(client_id)
    refs = vault.allocate(client_id, 1500)
    gone, doomed = refs[3:6], [refs[7], refs[900], refs[1100]]
    vault.shred(client_id, gone)
    vault.roll(client_id)
    keys = vault.keys(client_id, refs)
    assert len(keys) == 1497
    return Scene(client_id, keys, gone, doomed, list(store.all_pages(client_id)))


def openable(backup: list[pages.Page], client_id: UUID) -> int:
    """How many pages of a backup any root in the keyring or in the copies opens."""
    opened = 0
    for folder in (settings.KEYRING_DIR, settings.VAULT_COPY_DIR):
        ring = FileKeyring(Path(folder))
        for generation in ring.generations(client_id):
            root = ring.root(client_id, generation)
            for page in backup:
                try:
                    pages.open_page(page, root)
                except vault.PageBroken:
                    continue
                opened += 1
    return opened


def kills(
    worker: Children, verb: str, prepare: Callable[[Scene], None] = lambda scene: None
) -> Iterator[tuple[Scene, str]]:
    """Kill `verb` at each of its steps in turn; give the scene that it left and the step's name."""
    scene = set_scene()
    prepare(scene)
    whole = run(worker, verb, scene, None)
    assert not whole.killed
    assert not whole.error
    assert len(whole.steps) >= 3
    for number, name in enumerate(whole.steps):
        scene = set_scene()
        prepare(scene)
        outcome = run(worker, verb, scene, number)
        assert outcome.killed, outcome.error
        assert outcome.steps[-1] == name
        held.forget_all()
        yield scene, f"{number} {name}"


def run(worker: Children, verb: str, scene: Scene, kill_at: int | None) -> Outcome:
    return worker.run(
        verb, kill_at=kill_at, client_id=scene.client_id, refs=scene.doomed, count=1100
    )


def assert_at_rest(scene: Scene, step: str) -> None:
    """Nothing is left over: one root, one copy at most, every page opens."""
    (found,) = [one for one in vault.status() if one.client_id == scene.client_id]
    assert not found.pending, step
    assert held.keyring().generations(scene.client_id) == [found.root_generation], step
    assert vault.check().faults == [], step
    assert vault.recover() == [], step


def test_a_shred_killed_at_any_step_happened_or_did_not_and_can_be_repeated(
    worker: Children,
) -> None:
    for scene, step in kills(worker, "shred"):
        vault.recover()
        living = scene.living()
        alive = [ref for ref in scene.doomed if ref in living]
        assert alive in ([], scene.doomed), step
        assert {ref: living.get(ref) for ref in scene.survivors} == scene.survivors, step
        assert not any(ref in living for ref in scene.gone), step
        assert vault.shred(scene.client_id, scene.doomed) == len(alive), step
        assert scene.living() == scene.survivors, step
        vault.roll(scene.client_id)
        assert scene.living() == scene.survivors, step
        assert openable(scene.backup, scene.client_id) == 0, step
        assert_at_rest(scene, step)


def test_a_roll_killed_at_any_step_is_finished_and_loses_and_resurrects_nobody(
    worker: Children,
) -> None:
    def shred(scene: Scene) -> None:
        vault.shred(scene.client_id, scene.doomed)

    for scene, step in kills(worker, "roll", shred):
        assert scene.living() == scene.survivors, step
        vault.recover()
        assert_at_rest(scene, step)
        assert scene.living() == scene.survivors, step
        if held.keyring().generations(scene.client_id) == [2]:
            # Killed before the new root was whole: the old tree stands, and the roll is repeated.
            vault.roll(scene.client_id)
        assert held.keyring().generations(scene.client_id) == [3], step
        assert held.copy_ring().generations(scene.client_id) == [3], step
        assert scene.living() == scene.survivors, step
        assert openable(scene.backup, scene.client_id) == 0, step


@pytest.mark.parametrize("cut_off_at", ["roll.root_written", "roll.committed"])
def test_a_recovery_killed_at_any_step_is_finished_by_the_next(
    worker: Children, cut_off_at: str
) -> None:
    first = run(worker, "roll", set_scene(), None)

    def cut_off(scene: Scene) -> None:
        vault.shred(scene.client_id, scene.doomed)
        assert run(worker, "roll", scene, first.steps.index(cut_off_at)).killed

    for scene, step in kills(worker, "recover", cut_off):
        assert scene.living() == scene.survivors, step
        vault.recover()
        assert_at_rest(scene, step)
        assert held.keyring().generations(scene.client_id) == [3], step
        assert scene.living() == scene.survivors, step
        assert openable(scene.backup, scene.client_id) == 0, step


def test_a_destruction_killed_at_any_step_is_finished(worker: Children) -> None:
    for scene, step in kills(worker, "destroy"):
        ref = next(iter(scene.keys))
        with pytest.raises(vault.KeyShredded):
            vault.key(scene.client_id, ref)
        vault.recover()
        assert scene.living() == {}, step
        assert openable(scene.backup, scene.client_id) == 0, step
        assert not held.keyring().home(scene.client_id).exists(), step
        assert not held.copy_ring().home(scene.client_id).exists(), step
        assert vault.check().faults == [], step
        assert vault.recover() == [], step


def test_a_creation_killed_at_any_step_is_repeated(worker: Children) -> None:
    whole = worker.run("create", client_id=uuid4())
    assert len(whole.steps) >= 3
    for number in range(len(whole.steps)):
        client_id = uuid4()
        assert worker.run("create", kill_at=number, client_id=client_id).killed
        vault.recover()
        vault.create_client(client_id)
        (ref,) = vault.allocate(client_id, 1)
        assert len(vault.key(client_id, ref)) == 32
    assert not any(found.pending for found in vault.status())


def test_an_allocation_killed_at_any_step_hands_no_key_out_twice(worker: Children) -> None:
    for scene, step in kills(worker, "allocate"):
        fresh = vault.allocate(scene.client_id, 600)
        assert not set(fresh) & {*scene.keys, *scene.gone}, step
        assert len(vault.keys(scene.client_id, fresh)) == 600, step
        assert scene.living() == scene.keys, step
        assert_at_rest(scene, step)
