"""A worker that was paused at any point and goes on after its successor has finished changes nothing."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from clients.models import Client, Instruction
from consumers.models import Consumer, SuppressionToken
from consumers.profile import Profile
from portal import ledger, vault
from portal.ledger.models import Leaf
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.vault import journal
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure, ErasureSubject
from tests.erasures.people import ALICE, BOB, CHARLIE, load
from tests.factories import make_client, make_instruction, make_user
from tests.killing import LIMIT, Children

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture(scope="module")
def worker() -> Iterator[Children]:
    """A process that carries out erasures in children that can be killed."""
    with Children("tests.erasures.child") as started:
        yield started


def _approved(now: datetime) -> tuple[Client, list[Consumer], Erasure]:
    """An approved erasure of Alice and Bob, whose window to be recalled is over in two days."""
    client = make_client(now=now)
    people = load(client, [ALICE, BOB, CHARLIE], now=now)
    erasure = verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com"), Profile(external_id="cust-000002")],
        channel="file",
        received_at=now,
        by=make_user(ACCOUNT_MANAGER, SECURITY_OFFICER),
        now=now,
    )
    officer = make_user(SECURITY_OFFICER)
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
    )
    return client, people, erasure


@pytest.mark.parametrize(
    ("point", "nth", "when"),
    [
        ("requests.erasures.execution:journal_erasure", 1, "before"),
        ("requests.erasures.execution:journal_erasure", 1, "after"),
        ("portal.vault:shred", 1, "before"),
        ("portal.vault:shred", 2, "before"),
        ("requests.erasures.sweep:sweep", 1, "before"),
        ("portal.vault:shred", 3, "before"),
        ("portal.vault:roll", 1, "before"),
        ("portal.vault:roll", 1, "after"),
    ],
)
def test_a_worker_that_was_paused_and_goes_on_after_its_successor_changes_nothing(
    point: str, nth: int, when: str, now: datetime, worker: Children, tmp_path: Path
) -> None:
    client, people, erasure = _approved(now)
    later = now + timedelta(days=2)
    worker.start(
        "slow",
        "run paused",
        target=point,
        call=nth,
        when=when,
        folder=tmp_path,
        moment=later.isoformat(),
    )
    _wait_for(tmp_path / "paused")
    assert execution.run_due(lambda: later + timedelta(minutes=5)) == 1
    erasure.refresh_from_db()
    assert (erasure.state, erasure.residue) == ("certified", [])
    stored = Erasure.objects.values().get(pk=erasure.pk), _rows()
    (tmp_path / "go").touch()
    outcome = worker.wait("slow")
    assert (outcome.result, outcome.error) == (0, "")
    assert (Erasure.objects.values().get(pk=erasure.pk), _rows()) == stored
    assert vault.keys(client.pk, [p.key_ref for p in people if p.key_ref]).keys() == {
        people[2].key_ref
    }
    assert not vault.check().faults
    assert journal.unreplayed() == 0
    assert ledger.verify().ok


def _wait_for(path: Path) -> None:
    until = time.monotonic() + LIMIT
    while not path.exists():
        assert time.monotonic() < until, "The worker never came to where it was to pause."
        time.sleep(0.02)


def _rows() -> list[int]:
    """How much there is of what a worker writes."""
    return [
        Leaf.objects.count(),
        SuppressionToken.objects.count(),
        Consumer.history.count(),
        ErasureSubject.objects.filter(wanted__isnull=False).count(),
    ]
