"""An import is killed at each of its steps: nothing is lost, nothing is there twice."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from consumers.imports import incidents, runner, source, staging
from consumers.imports.models import ImportJob, ImportOccurrence, ImportRow, SensitiveIncident
from consumers.models import BlindIndex, Consumer, Preference, Purchase
from portal import ledger, outbox, vault
from portal.ledger.models import Leaf
from tests.factories import NOW
from tests.imports import engine

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])

PEOPLE = "customer_id,first_name,email,ssn,email opt in\n" + "".join(
    f"C{n % 9},Alice {n},person{n % 9}@example.com,123-45-6789,yes\n" for n in range(12)
) + "C10,4111 1111 1111 1111,,,\n"  # fmt: skip
BOUGHT = "customer_id,date,amount\n" + "C1,1997-01-12,11.00\nC77,1997-01-12,11.00\n" * 6

Step = tuple[Any, str]
STEPS: dict[str, Step] = {
    "the file opened": (source, "open_source"),
    "the client locked": (staging, "lock_client"),
    "keys allocated": (vault, "allocate"),
    "consumers merged": (staging, "merge_consumers"),
    "indexes written": (staging, "insert_blind"),
    "preferences merged": (staging, "merge_preferences"),
    "rows reported": (staging, "insert_reported"),
    "incidents reported": (incidents, "report"),
    "leaf written": (ledger, "record"),
    "occurrences counted": (staging, "count_occurrences"),
    "purchases written": (staging, "insert_purchases"),
    "counts forgotten": (staging, "forget_occurrences"),
}


def killed_at(step: Step, nth: int, work: Callable[[], object]) -> bool:
    """Run `work` in a process of its own that kills itself after the nth call of a step; whether it did."""
    connections.close_all()
    child = os.fork()
    if child == 0:  # pragma: no cover  (another process)
        module, name = step
        real, calls = getattr(module, name), [0]

        def trap(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs)
            calls[0] += 1
            if calls[0] == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(module, name, trap)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def finish(job: ImportJob) -> ImportJob:
    """Let the next worker take the job over once the dead one's lease is over."""
    runner.run_due(engine.clock(NOW + timedelta(minutes=10)))
    job.refresh_from_db()
    assert job.state == "finished", job.last_fault
    return job


OF_PURCHASES = ("occurrences counted", "purchases written")


def test_whoever_takes_over_a_killed_import_ends_where_an_unbroken_one_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.small_batches(monkeypatch, 3)
    for name, step in STEPS.items():
        client = engine.ready_client()
        if name in OF_PURCHASES:
            engine.bring_in(client, PEOPLE)
            job = engine.start(engine.upload(client, BOUGHT, "purchases"))
        else:
            job = engine.start(engine.upload(client, PEOPLE))
        assert kill_twice(job, step), f"never passed: {name}"
        finish(job)
        if job.kind == "purchases":
            check_purchases(job)
        else:
            check_people(job)


def kill_twice(job: ImportJob, step: Step) -> bool:
    """Kill the first worker at its first call of the step, and the second at its third."""
    killed = killed_at(step, 1, lambda: runner.run_job(job, engine.clock()))
    job.refresh_from_db()
    assert job.rows_read in (0, 3, 6, 9, 12, 13)
    later = engine.clock(NOW + timedelta(minutes=5))
    killed_at(step, 3, lambda: runner.run_job(job, later))
    job.refresh_from_db()
    return killed


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
    seen = {i.place: i.occurrences for i in SensitiveIncident.objects.filter(job=job)}
    assert seen == {"column": 12, "value": 1}
    loads = Leaf.objects.filter(verb="import.load", object_id=job.pk)
    assert loads.count() == 5
    assert sum(sum(leaf.counts.values()) for leaf in loads) == 13


def check_purchases(job: ImportJob) -> None:
    assert (job.accepted, job.quarantined, job.rows_read) == (6, 6, 12)
    assert Purchase.objects.filter(client_id=job.client_id).count() == 6
    assert ImportRow.objects.filter(job=job, outcome="quarantined").count() == 6
    assert not ImportOccurrence.objects.filter(job_id=job.pk).exists()


def test_the_end_of_an_import_removes_its_file_and_shreds_its_key_even_after_a_kill() -> None:
    client = engine.ready_client()
    job = engine.start(engine.upload(client, PEOPLE))
    ref, path = job.key_ref, source.path_of(job)
    assert ref is not None
    assert path.exists()
    runner.run_job(job, engine.clock())
    later = NOW + timedelta(minutes=5)
    assert killed_at((vault, "shred"), 1, lambda: outbox.send_due(later))
    assert not path.exists()
    outbox.send_due(later + timedelta(hours=1))
    job.refresh_from_db()
    assert (job.sealed, job.key_ref) == (None, None)
    assert vault.keys(client.pk, [ref]) == {}


def test_two_files_of_a_client_at_the_same_time_make_each_person_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.small_batches(monkeypatch, 20)
    client = engine.ready_client()
    rows = [f"C{n},Alice {n},,person{n}@example.com,,,,," for n in range(200)]
    jobs = [
        engine.start(engine.upload(client, engine.people(*order))) for order in (rows, rows[::-1])
    ]
    connections.close_all()
    children = []
    for job in jobs:
        child = os.fork()
        if child == 0:  # pragma: no cover  (another process)
            try:
                runner.run_job(job, engine.clock())
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    for job in jobs:
        job.refresh_from_db()
        assert job.state == "finished", job.last_fault
    assert sum(job.accepted for job in jobs) == 200
    assert sum(job.unchanged for job in jobs) == 200
    assert Consumer.objects.filter(client=client).count() == 200
    assert len(engine.profiles(client)) == 200
