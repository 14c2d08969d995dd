"""Any order of allocating, shredding, rolling, crashing and recovering: survivors open, the erased never do.

The attacker of this test holds every page that was ever in the database, every file that lies in the keyring and
the copies now, and tries each of the roots there on each of the pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from portal import vault
from portal.vault import copies, held, pages, steps, store
from portal.vault.errors import PageBroken
from portal.vault.refs import KeyRef


class Crash(BaseException):
    """The process ends here; nothing of Python's is run but what gives the database's locks back."""


class Machine(RuleBasedStateMachine):
    """One client's tree, and what is known of each of its keys."""

    @initialize()
    def begin(self) -> None:
        self.client_id = uuid4()
        self.alive: dict[KeyRef, bytes] = {}
        self.shredded: dict[KeyRef, bytes] = {}
        self.sealed: dict[KeyRef, bytes] = {}
        self.seen: set[pages.Page] = set()
        vault.create_client(self.client_id)

    def _look(self) -> None:
        """The attacker copies what lies in the database."""
        self.seen |= set(store.all_pages(self.client_id))

    def _roll(self) -> None:
        before = dict(self.shredded)
        self._look()
        vault.roll(self.client_id)
        self.sealed |= before

    def _shred(self, refs: list[KeyRef]) -> None:
        vault.shred(self.client_id, refs)

    @rule(count=st.sampled_from([1, 3, 700, 1023, 1025]))
    def allocate(self, count: int) -> None:
        refs = vault.allocate(self.client_id, count)
        assert not set(refs) & (self.alive.keys() | self.shredded.keys()), "handed out twice"
        keys = vault.keys(self.client_id, refs)
        assert keys.keys() == set(refs)
        assert len(set(keys.values())) == len(refs)
        self.alive |= keys
        self._look()

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def shred(self, data: st.DataObject) -> None:
        refs = data.draw(st.lists(st.sampled_from(sorted(self.alive)), min_size=1, max_size=5))
        self._look()
        assert vault.shred(self.client_id, refs) == len(set(refs))
        for ref in set(refs):
            self.shredded[ref] = self.alive.pop(ref)

    @rule()
    def roll(self) -> None:
        self._roll()

    @rule(data=st.data(), at=st.integers(0, 30), is_roll=st.booleans())
    def crash(self, data: st.DataObject, at: int, is_roll: bool) -> None:
        """Die at some step of a roll or a shred; the next process recovers, and repeats a shred."""
        refs: list[KeyRef] = []
        if not is_roll and self.alive:
            refs = data.draw(st.lists(st.sampled_from(sorted(self.alive)), min_size=1, max_size=3))
        passed = 0

        def die(_: str) -> None:
            nonlocal passed
            passed += 1
            if passed > at:
                raise Crash

        steps.hook = die
        try:
            self._shred(refs) if refs else self._roll()
        except Crash:
            pass
        finally:
            steps.hook = None
            held.forget_all()
        if refs:
            vault.shred(self.client_id, refs)
            for ref in set(refs):
                self.shredded[ref] = self.alive.pop(ref)
        vault.recover()

    @rule()
    def another_process(self) -> None:
        held.forget_all()

    @invariant()
    def the_living_open_and_the_shredded_do_not(self) -> None:
        wanted = [*self.alive, *self.shredded]
        assert vault.keys(self.client_id, wanted) == self.alive

    @invariant()
    def nothing_is_pending_and_every_page_opens(self) -> None:
        (status,) = (s for s in vault.status() if s.client_id == self.client_id)
        assert not status.pending
        assert status.shredded == len(self.shredded)
        assert status.slots_used == len(self.alive) + len(self.shredded)
        assert held.copy_ring().generations(self.client_id) == [status.root_generation]

    @invariant()
    def the_sealed_are_in_nothing_that_an_attacker_can_open(self) -> None:
        gone = set(self.sealed.values())
        for block in self._openable():
            found = {pages.key_at(block, slot) for slot in range(pages.SLOTS)}
            assert not found & gone

    def _openable(self) -> list[bytes]:
        """Every block that opens: all pages ever seen, and the copies, under all roots that lie anywhere."""
        blocks = []
        copied = list(held.copy_ring().home(self.client_id).glob("pages-*.copy"))
        held_pages = [page for path in copied for page in copies.read(path, self.client_id)]
        for ring in (held.keyring(), held.copy_ring()):
            for generation in ring.generations(self.client_id):
                root = ring.root(self.client_id, generation)
                for page in [*self.seen, *held_pages]:
                    try:
                        blocks.append(pages.open_page(page, root))
                    except PageBroken:
                        continue
        return blocks


@pytest.mark.django_db(databases=["default", "vault"])
def test_survivors_open_and_the_erased_never_do(ring: Path) -> None:
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=25,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    files: list[Any] = [settings.KEYRING_DIR, settings.VAULT_COPY_DIR]
    for folder in files:
        assert not [path for path in Path(folder).rglob("*") if path.name.startswith(".")]
