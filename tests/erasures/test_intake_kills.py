"""A worker that is killed anywhere in the reading of a file loses no row and takes none in twice."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from consumers.models import SensitiveIncident
from portal import ledger
from portal.ledger.models import Leaf
from requests.erasures import execution, subjects
from requests.erasures.intake.models import ErasureFile
from requests.erasures.models import Erasure
from tests.erasures import intake
from tests.killing import Children

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

STEPS = {
    "the file opened": "requests.erasures.intake.reading:open_file",
    "a batch matched": "requests.erasures.subjects:match",
    "a batch's rows written": "requests.erasures.subjects:store",
    "incidents reported": "consumers.imports.incidents:report",
    "the leaf written": "portal.ledger:record",
    "the state entered": "requests.erasures.intake.reading:enter_matched_state",
}
ONCE = ("the file opened", "the state entered")


@pytest.fixture(scope="module")
def worker() -> Iterator[Children]:
    """A process that reads files in children that can be killed."""
    with Children("tests.erasures.child") as started:
        yield started


def killed(worker: Children, step: str, nth: int, moment: datetime) -> bool:
    """Let a worker read in batches of three rows until it is killed."""
    given = {"kill_after": step, "nth": nth, "moment": moment.isoformat(), "size": 3}
    return worker.run("run due", **given).killed


def test_whoever_takes_over_a_killed_worker_ends_where_an_unbroken_one_would(
    worker: Children, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test for all steps: emptying the databases in between would take longer than the reading."""
    intake.small_batches(monkeypatch)
    for name, step in STEPS.items():
        client = intake.make_ready(now)
        erasure = intake.start(intake.upload(client, intake.content(*intake.ROWS), now), now)
        assert killed(worker, step, 1, now), name
        check_whole_batches(erasure)
        assert execution.run_due(lambda: now + timedelta(minutes=1)) == 0, "the lease still holds"
        if name not in ONCE:
            assert killed(worker, step, 3, now + timedelta(minutes=5)), name
            check_whole_batches(erasure)
        intake.run(erasure, now + timedelta(minutes=10))
        check_done(erasure)


def check_whole_batches(erasure: Erasure) -> None:
    """What a killed worker leaves is a number of whole batches, and the place in the file fits them."""
    file = ErasureFile.objects.get(erasure=erasure)
    assert file.rows_read in (0, 3, 6, 9, 12, 13)
    assert intake.rows_of(erasure) == intake.EXPECTED[: file.rows_read]
    erasure.refresh_from_db()
    assert (erasure.state, erasure.progress_done) == ("reading", file.position)


def check_done(erasure: Erasure) -> None:
    assert (erasure.state, erasure.work_due, erasure.last_fault) == ("ambiguous", False, "")
    assert intake.rows_of(erasure) == intake.EXPECTED
    assert len(subjects.matched_ids(erasure)) == 3
    seen = {
        (one.place, one.kind): one.occurrences
        for one in SensitiveIncident.objects.filter(case_id=erasure.pk)
    }
    assert seen == {("column", "ssn"): 2, ("value", "card"): 1}
    file = ErasureFile.objects.get(erasure=erasure)
    loads = Leaf.objects.filter(verb="erasure.load", object_id=file.pk)
    assert sum(sum(leaf.counts.values()) for leaf in loads) == len(intake.ROWS)
    assert ledger.verify().ok
