"""The preview tells exactly what the eraser then does."""

from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.models import Client
from consumers import eraser
from consumers.models import Consumer
from portal.ids import new_id
from portal.personal import Fate, subject_models
from requests.erasures.preview import Line, preview
from tests.erasures.people import ALICE, BOB, CHARLIE, load, with_case, with_quarantined_row
from tests.factories import make_client

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def client_(now: datetime) -> Client:
    return make_client(now=now)


@pytest.fixture
def alice(client_: Client, now: datetime) -> Consumer:
    alice, _ = load(client_, [ALICE, BOB], now=now)
    with_case(alice, now=now)
    with_quarantined_row(client_, ALICE, now=now)
    with_quarantined_row(client_, BOB, now=now)
    return alice


def line(lines: list[Line], table: str, field: str) -> Line:
    (found,) = [line for line in lines if (line.table, line.field) == (table, field)]
    return found


def test_each_field_stands_with_its_rows_and_its_fate(alice: Consumer, client_: Client) -> None:
    lines = preview(client_.pk, [alice.pk])
    purchases = line(lines, "purchase", "sealed")
    assert (purchases.rows, purchases.fate) == (2, "nullify")
    assert purchases.categories == "purchase history"
    assert line(lines, "web event", "sealed").fate == "delete the row"
    assert line(lines, "historical consumer", "sealed").rows == 1
    assert line(lines, "opt-out", "sealed").rows == 1
    assert line(lines, "import row", "sealed").rows == 1
    assert "birthday" in line(lines, "consumer", "sealed").categories


def test_what_stays_comes_last_with_its_reason(alice: Consumer, client_: Client) -> None:
    lines = preview(client_.pk, [alice.pk])
    kept = [line for line in lines if line.fate == Fate.KEEP]
    assert kept == lines[-len(kept) :]
    assert [(line.table, line.field) for line in kept] == [("purchase", "month")]
    assert all(line.reason for line in kept)


def test_the_preview_says_what_the_eraser_then_does(
    alice: Consumer, client_: Client, now: datetime
) -> None:
    told = preview(client_.pk, [alice.pk])
    counts = eraser.erase(client_.pk, [alice.pk], erasure_id=new_id(), now=now)
    names = {str(m._meta.verbose_name): m._meta.db_table for m in subject_models()}
    names["import row"] = "consumers_importrow"
    goes: dict[str, int] = {}
    for one in told:
        if one.fate != Fate.KEEP:
            goes[names[one.table]] = max(one.rows, goes.get(names[one.table], 0))
    assert goes == {table: rows for table, rows in counts.items() if not table.endswith("_added")}
    assert preview(client_.pk, [alice.pk]) == []


def test_another_clients_people_and_nobody_have_nothing_to_tell(
    alice: Consumer, client_: Client, now: datetime
) -> None:
    assert preview(make_client(now=now).pk, [alice.pk]) == []
    assert preview(client_.pk, []) == []
    assert preview(client_.pk, [new_id()]) == []


def test_many_people_cost_as_many_queries_as_one(client_: Client, now: datetime) -> None:
    people = [person.pk for person in load(client_, [ALICE, BOB, CHARLIE], now=now)]
    with CaptureQueriesContext(connection) as one:
        preview(client_.pk, people[:1])
    with CaptureQueriesContext(connection) as many:
        lines = preview(client_.pk, people)
    assert len(one) == len(many)
    assert line(lines, "consumer", "sealed").rows == 3
