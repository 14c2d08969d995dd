"""Without its leaf nothing happens: the ledger's failure takes the schedule's and the drops' work back."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError

from clients.drops import lock_due, move_drop
from clients.models import Client, MailDrop
from portal import ledger
from portal.roles import SECURITY_OFFICER
from requests.suppressions.models import CatalogSuppression, SuppressedDrop
from requests.suppressions.schedule import advance
from requests.suppressions.verbs import note_violation
from tests.factories import make_client, staff_in
from tests.optouts.helpers import POSTAL
from tests.suppressions.helpers import classes, make_drop, make_suppression

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def failing(verb: str, *, after: int = 0) -> Any:
    """The ledger, out of order for `verb` once it has written `after` of its leaves."""
    real, written = ledger.record, [0]

    def record(**fields: Any) -> Any:
        if fields["verb"] == verb:
            written[0] += 1
            if written[0] > after:
                raise DatabaseError("the ledger is out of order")
        return real(**fields)

    return patch("portal.ledger.record", record)


@pytest.fixture
def client_() -> Client:
    return make_client()


@pytest.fixture
def tail(client_: Client, now: datetime) -> MailDrop:
    drop = make_drop(client_, "tail", (now + timedelta(days=10)).date())
    lock_due(now)
    drop.refresh_from_db()
    return drop


def test_a_batch_of_the_schedule_is_all_or_nothing(client_: Client, now: datetime) -> None:
    for number in range(3):
        make_suppression(client_, address=POSTAL._replace(surname=f"Sample{number}"))
    over = now + timedelta(days=200)
    with failing("suppression.complete", after=2), pytest.raises(DatabaseError):
        advance(over)
    assert set(CatalogSuppression.objects.values_list("state", "closed_at")) == {
        ("effective", None)
    }
    assert advance(over)["completed"] == 3


@pytest.mark.parametrize("verb", ["suppression.note_violation", "drop.move"])
def test_a_drop_does_not_move_where_its_violation_cannot_be_recorded(
    client_: Client, tail: MailDrop, now: datetime, verb: str
) -> None:
    suppression = make_suppression(client_)
    was = tail.mail_date
    with failing(verb), pytest.raises(DatabaseError):
        move_drop(
            tail,
            mail_date=suppression.tail_ends_on + timedelta(days=1),
            lead_days=tail.lead_days,
            by=staff_in(SECURITY_OFFICER),
            now=now,
        )
    tail.refresh_from_db()
    suppression.refresh_from_db()
    assert tail.mail_date == was
    assert classes(suppression) == {"tail": "tail"}
    assert SuppressedDrop.objects.get().mail_date == was
    assert not suppression.has_violation


def test_a_noted_violation_whose_leaf_fails_is_not_noted(client_: Client, now: datetime) -> None:
    suppression = make_suppression(client_)
    by = staff_in(SECURITY_OFFICER)
    with failing("suppression.note_violation"), pytest.raises(DatabaseError):
        note_violation(suppression, text="It came today.", by=by, now=now)
    suppression.refresh_from_db()
    assert not suppression.has_violation
