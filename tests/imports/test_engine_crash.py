"""An import is killed at each of its steps: nothing is lost, nothing is there twice."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from consumers.imports import runner, source
from consumers.imports.models import ImportJob, ImportOccurrence, ImportRow, SensitiveIncident
from consumers.models import BlindIndex, Consumer, Preference, Purchase
from portal import outbox, vault
from portal.ledger.models import Leaf
from tests.factories import NOW
from tests.imports import engine
from tests.killing import Children, Outcome

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])

PEOPLE = "customer_id,first_name,email,ssn,email opt in\n" + "".join(
    f"C{n % 9},Alice {n},person{n % 9}@example.com,123-45-6789,yes\n" for n in range(12)
) + "C10,4111 1111 1111 1111,,,\n"  # fmt: skip
BOUGHT = "customer_id,date,amount\n" + "C1,1997-01-12,11.00\nC77,1997-01-12,11.00\n" * 6

STEPS = {
    "the file opened": "consumers.imports.source:open_source",
    "the client locked": "consumers.imports.staging:lock_client",
    "keys allocated": "portal.vault:allocate",
    "consumers merged": "consumers.imports.staging:merge_consumers",
    "indexes written": "consumers.imports.staging:insert_blind",
    "preferences merged": "consumers.imports.staging:merge_preferences",
    "rows reported": "consumers.imports.staging:insert_reported",
    "incidents reported": "consumers.imports.incidents:report",
    "leaf written": "portal.ledger:record",
    "occurrences counted": "consumers.imports.staging:count_occurrences",
    "purchases written": "consumers.imports.staging:insert_purchases",
    "counts forgotten": "consumers.imports.staging:forget_occurrences",
}
OF_PURCHASES = ("occurrences counted", "purchases written")


@pytest.fixture(scope="module")
def worker() -> Iterator[Children]:
    """A process that runs imports in children that can be killed."""
    with Children("tests.imports.child") as started:
        yield started


def start(worker: Children, name: str, job: ImportJob, moment: datetime, **how: Any) -> None:
    """Let a child run an import in batches of three rows."""
    given: dict[str, Any] = {"job": job.pk, "moment": moment.isoformat(), "size": 3} | how
    worker.start(name, "run job", **given)


def run(worker: Children, job: ImportJob, moment: datetime, **how: Any) -> Outcome:
    """Let a child run an import to its end, or to where it is killed."""
    start(worker, "one", job, moment, **how)
    return worker.wait("one")


def finish(job: ImportJob) -> ImportJob:
    """Let the next worker take the job over once the dead one's lease is over."""
    runner.run_due(engine.clock(NOW + timedelta(minutes=10)))
    job.refresh_from_db()
    assert job.state == "finished", job.last_fault
    return job


def test_whoever_takes_over_a_killed_import_ends_where_an_unbroken_one_would(
    worker: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test for all steps: emptying the databases in between would take longer than the imports."""
    engine.small_batches(monkeypatch, 3)
    for name, step in STEPS.items():
        client = engine.ready_client()
        if name in OF_PURCHASES:
            engine.bring_in(client, PEOPLE)
            job = engine.start(engine.upload(client, BOUGHT, "purchases"))
        else:
            job = engine.start(engine.upload(client, PEOPLE))
        kill_twice(worker, job, step)
        finish(job)
        if job.kind == "purchases":
            check_purchases(job)
        else:
            check_people(job)


def kill_twice(worker: Children, job: ImportJob, step: str) -> None:
    """Kill the first worker at its first call of the step, and the second at its third, if it comes to that."""
    outcome = run(worker, job, NOW, kill_after=step)
    assert outcome.killed, f"{step} was never passed: {outcome.error}"
    job.refresh_from_db()
    assert job.rows_read in (0, 3, 6, 9, 12, 13)
    run(worker, job, NOW + timedelta(minutes=5), kill_after=step, nth=3)


def check_people(job: ImportJob) -> None:
    assert (job.accepted, job.updated, job.refused, job.rows_read) == (9, 3, 1, 13)
    consumers = Consumer.objects.filter(client=job.client_id)
    assert consumers.count() == 9
    found = engine.profiles(job.client)
    assert sorted(found) == [f"C{n}" for n in range(9)]
    assert found["C1"].given_name == "Alice 10"
    assert Consumer.history.filter(client_id=job.client_id).count() == 12
    told = Preference.history.filter(client_id=job.client_id)
    assert Preference.objects.filter(client_id=job.client_id).count() == told.count() == 9
    emails = BlindIndex.objects.filter(client_id=job.client_id, kind=BlindIndex.Kind.EMAIL)
    assert emails.count() == 9
    assert ImportRow.objects.filter(job=job).count() == 1
    seen = {i.place: i.occurrences for i in SensitiveIncident.objects.filter(case_id=job.pk)}
    assert seen == {"column": 12, "value": 1}
    loads = Leaf.objects.filter(verb="import.load", object_id=job.pk)
    assert loads.count() == 5
    assert sum(sum(leaf.counts.values()) for leaf in loads) == 13


def check_purchases(job: ImportJob) -> None:
    assert (job.accepted, job.quarantined, job.rows_read) == (6, 6, 12)
    assert Purchase.objects.filter(client_id=job.client_id).count() == 6
    assert ImportRow.objects.filter(job=job, outcome="quarantined").count() == 6
    assert not ImportOccurrence.objects.filter(job_id=job.pk).exists()


def test_the_end_of_an_import_removes_its_file_and_shreds_its_key_even_after_a_kill(
    worker: Children,
) -> None:
    client = engine.ready_client()
    job = engine.start(engine.upload(client, PEOPLE))
    ref, path = job.key_ref, source.path_of(job)
    assert ref is not None
    assert path.exists()
    runner.run_job(job, engine.clock())
    later = NOW + timedelta(minutes=5)
    outcome = worker.run("send due", moment=later.isoformat(), kill_after="portal.vault:shred")
    assert outcome.killed, outcome.error
    assert not path.exists()
    outbox.send_due(later + timedelta(hours=1))
    job.refresh_from_db()
    assert (job.sealed, job.key_ref) == (None, None)
    assert vault.keys(client.pk, [ref]) == {}


def test_two_files_of_a_client_at_the_same_time_make_each_person_once(worker: Children) -> None:
    client = engine.ready_client()
    rows = [f"C{n},Alice {n},,person{n}@example.com,,,,," for n in range(200)]
    jobs = [
        engine.start(engine.upload(client, engine.people(*order))) for order in (rows, rows[::-1])
    ]
    for job in jobs:
        start(worker, str(job.pk), job, NOW, size=20)
    for job in jobs:
        assert worker.wait(str(job.pk)).result is True
        job.refresh_from_db()
        assert job.state == "finished", job.last_fault
    assert sum(job.accepted for job in jobs) == 200
    assert sum(job.unchanged for job in jobs) == 200
    assert Consumer.objects.filter(client=client).count() == 200
    assert len(engine.profiles(client)) == 200
