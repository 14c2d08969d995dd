"""A worker that falls silent in the middle of a transaction keeps nobody from its work for good."""

from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction

from consumers.imports import runner, staging
from consumers.imports.models import ImportJob
from portal.ledger.models import Leaf
from tests.factories import NOW
from tests.imports import engine

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


@pytest.mark.parametrize("alias", ["default", "vault"])
def test_each_session_tells_the_server_when_to_give_it_up(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('idle_in_transaction_session_timeout'),"
            " current_setting('client_connection_check_interval')"
        )
        assert cursor.fetchone() == ("5min", "10s")


def test_a_worker_that_fell_silent_in_a_batch_is_succeeded_and_wakes_up_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = engine.ready_client()
    job = engine.start(
        engine.upload(client, engine.people(*(f"C{n},Alice {n},,,,,,," for n in range(10))))
    )
    silent, woken = Event(), Event()
    lock_client = staging.lock_client

    def fall_silent(client_id: object) -> None:
        lock_client(job.client_id)
        if not silent.is_set():
            silent.set()
            woken.wait()

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = '200ms'")
        runner.run_job(job, engine.clock())
        connections.close_all()

    monkeypatch.setattr(staging, "lock_client", fall_silent)
    first = Thread(target=work)
    first.start()
    silent.wait()
    try:
        with transaction.atomic():
            # Waits until the server has let go of it.
            ImportJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
        assert runner.run_due(engine.clock(NOW + timedelta(minutes=5))) == 1
    finally:
        woken.set()
        first.join()
    job.refresh_from_db()
    assert (job.state, job.accepted, job.rows_read) == ("finished", 10, 10)
    assert Leaf.objects.filter(verb="import.load", object_id=job.pk).count() == 1
