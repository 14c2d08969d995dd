"""While an opt-out of mail is being logged, no drop is planned or moved past it; and nothing is noted twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from threading import Event

import pytest
from django.db import OperationalError, connection, connections

from clients.drops import lock_due, merge_drop, move_drop
from clients.models import Client
from portal import outbox
from portal.ledger.models import Leaf
from portal.models import OutboxMessage, User
from portal.roles import SECURITY_OFFICER
from requests.suppressions.models import SuppressedDrop
from tests.factories import make_client, staff_in
from tests.optouts.helpers import POSTAL, make_opt_out
from tests.suppressions.helpers import make_drop, make_suppression

MAILED = date(2027, 3, 1)
pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def officer() -> User:
    """Made before the threads begin, because two of them must not both make one."""
    User.objects.system()
    return staff_in(SECURITY_OFFICER)


@contextmanager
def opt_out_under_way(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An opt-out of mail that has frozen its tail and has not committed yet; it commits afterwards."""
    frozen, go_on = Event(), Event()
    put = outbox.put

    def slow(kind: str, object_id: object, *, now: datetime) -> OutboxMessage:
        frozen.set()
        go_on.wait(timeout=30)
        return put(kind, object_id, now=now)  # type: ignore[arg-type]

    def log() -> None:
        try:
            make_opt_out(client, POSTAL, "mail")
        finally:
            connections.close_all()

    monkeypatch.setattr(outbox, "put", slow)
    with ThreadPoolExecutor(1) as pool:
        logging = pool.submit(log)
        try:
            assert frozen.wait(timeout=30)
            yield
        finally:
            go_on.set()
        logging.result(timeout=30)


@contextmanager
def impatient() -> Iterator[None]:
    """Statements of this thread that would have to wait for a lock fail instead."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 200")
        try:
            with pytest.raises(OperationalError, match="lock timeout"):
                yield
        finally:
            cursor.execute("SET lock_timeout = 0")


def test_a_drop_cannot_be_planned_between_the_freeze_and_the_commit(
    officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    with opt_out_under_way(client, monkeypatch), impatient():
        make_drop(client, "meanwhile", MAILED, now=now)
    make_drop(client, "afterwards", MAILED, now=now)
    assert SuppressedDrop.objects.get().drop.name == "afterwards"


def test_a_drop_cannot_be_moved_between_the_freeze_and_the_commit(
    officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    drop, later = make_drop(client, "drop", MAILED, now=now), MAILED + timedelta(days=30)
    with opt_out_under_way(client, monkeypatch), impatient():
        move_drop(drop, mail_date=later, lead_days=21, by=officer, now=now)
    move_drop(drop, mail_date=later, lead_days=21, by=officer, now=now)
    assert SuppressedDrop.objects.get().mail_date == later


def test_another_opt_out_of_mail_need_not_wait(
    officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    make_drop(client, "drop", MAILED, now=now)
    with opt_out_under_way(client, monkeypatch):
        monkeypatch.undo()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 2000")
            make_opt_out(client, POSTAL._replace(street="9 Elm Road"), "mail")
            cursor.execute("SET lock_timeout = 0")
    assert SuppressedDrop.objects.count() == 2


def test_a_violation_is_noted_once_however_far_its_drop_goes(officer: User, now: datetime) -> None:
    client = make_client()
    suppression = make_suppression(client)
    drop = make_drop(client, "under way", date(2026, 12, 4), now=now + timedelta(hours=1))
    later = now + timedelta(days=1)
    lock_due(later)
    drop.refresh_from_db()
    merge_drop(drop, by=officer, now=later)
    noted = Leaf.objects.filter(verb="suppression.note_violation", object_id=suppression.pk)
    assert noted.count() == 1
