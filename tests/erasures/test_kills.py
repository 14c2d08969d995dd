"""A worker killed at any point of an erasure loses no survivor, resurrects nobody, and is succeeded."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson
import pytest

from clients.models import Instruction
from consumers.models import Consumer, Purchase
from consumers.profile import Profile
from consumers.vaulting import open_profiles
from portal import ledger, retire, vault
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.vault import journal
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from tests.erasures.people import ALICE, BOB, CHARLIE, load
from tests.erasures.test_closing import ciphertexts, is_in_dump, logged, refs_of
from tests.factories import make_client, make_instruction, make_user
from tests.killing import Children

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

POINTS = [
    ("requests.erasures.execution:keep_tokens", 1),
    ("requests.erasures.execution:journal_erasure", 1),
    ("portal.vault:shred", 1),
    ("portal.vault:shred", 2),
    ("consumers.eraser:erase", 1),
    ("requests.erasures.sweep:sweep", 1),
    ("portal.vault:shred", 3),
    ("portal.vault:roll", 1),
    ("requests.erasures.execution:certify", 1),
]


@pytest.fixture(scope="module")
def worker() -> Iterator[Children]:
    """A process that carries out erasures in children that can be killed."""
    with Children("tests.erasures.child") as started:
        yield started


@pytest.mark.parametrize(("point", "count"), POINTS)
def test_a_worker_killed_anywhere_is_succeeded_by_one_that_finishes(
    point: str, count: int, now: datetime, worker: Children
) -> None:
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
    later = now + timedelta(days=2)

    outcome = worker.run("run due", kill_after=point, nth=count, moment=later.isoformat())
    assert outcome.killed, outcome.error

    assert execution.run_due(lambda: later + timedelta(minutes=1)) == 0, "the lease still holds"
    assert execution.run_due(lambda: later + timedelta(minutes=5)) == 1
    erasure.refresh_from_db()
    assert (erasure.state, erasure.residue) == ("certified", [])
    told = orjson.loads(erasure.certificate)
    assert told["rows_by_table"]["consumers_purchase"] == 4
    assert told["rows_by_table"]["consumers_consumer"] == 2
    assert Purchase.objects.filter(consumer_id__isnull=True).count() == 4
    assert Consumer.objects.filter(state="erased").count() == 2
    assert list(open_profiles(Consumer.objects.filter(client=client)).values()) == [CHARLIE]
    assert vault.keys(client.pk, [p.key_ref for p in people if p.key_ref]).keys() == {
        people[2].key_ref
    }
    assert not vault.check().faults
    assert journal.unreplayed() == 0
    assert ledger.verify().ok
    assert Erasure.objects.count() == 1


@pytest.mark.parametrize(
    ("point", "count", "alive"),
    [
        ("portal.retire:hint", 1, 3),
        ("portal.vault:shred", 1, 2),
        ("portal.vault:shred", 2, 1),
        ("portal.cases.files:remove_content", 1, 1),
        ("portal.vault:shred", 3, 0),
    ],
)
def test_a_case_whose_closer_was_killed_after_the_commit_is_finished_by_the_sweep(
    point: str, count: int, alive: int, now: datetime, worker: Children
) -> None:
    client = make_client(now=now)
    officer = make_user(SECURITY_OFFICER, username="olivia")
    erasure = logged(client, officer, now, Profile(email="alice@example.com"))
    refs, kept = refs_of(erasure), ciphertexts(erasure)

    outcome = worker.run(
        "reject",
        case=erasure.pk,
        by=officer.username,
        moment=now.isoformat(),
        kill_after=point,
        nth=count,
    )
    assert outcome.killed, outcome.error

    erasure.refresh_from_db()
    assert (erasure.state, erasure.sealed) == ("rejected", None)
    assert erasure.subjects.get().given is None
    assert len(vault.keys(client.pk, refs)) == alive
    assert retire.shred_retired(now) > 0
    assert vault.keys(client.pk, refs) == {}
    assert not any(is_in_dump(one) for one in kept)
    assert retire.shred_retired(now) == 0
    assert not vault.check().faults
    assert ledger.verify().ok
