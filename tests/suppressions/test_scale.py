"""Many suppressions: the sweep reads the partial index of what is open, and a moved drop is one statement."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.roles import SECURITY_OFFICER
from requests.suppressions.models import CatalogSuppression, SuppressedDrop
from requests.suppressions.schedule import _OVER_SQL, advance, classify_drop
from requests.suppressions.selection import suppressed_among
from requests.suppressions.verbs import STILL_TO_MAIL
from tests.factories import make_client, staff_in
from tests.optouts.helpers import ALICE, BOB, POSTAL, make_opt_out
from tests.suppressions.helpers import make_brand, make_drop, make_suppression

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

_COPY = """
INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object(
    'id', md5('{table}' || n)::uuid, 'reference', '{prefix}-' || n) || {more})).*
FROM {table} t, generate_series(1, {number}) n WHERE t.id = %s"""


def multiply(suppression: CatalogSuppression, number: int) -> None:
    """Copies of a suppression that the real verb made, with their opt-outs."""
    with connection.cursor() as cursor:
        cursor.execute(
            _COPY.format(table="requests_optout", prefix="XO", number=number, more="'{}'"),
            [suppression.opt_out_id],
        )
        more = "jsonb_build_object('opt_out_id', md5('requests_optout' || n)::uuid)"
        cursor.execute(
            _COPY.format(
                table="requests_catalogsuppression", prefix="XS", number=number, more=more
            ),
            [suppression.pk],
        )
        cursor.execute("ANALYZE requests_catalogsuppression")


def test_the_sweep_reads_what_is_due_by_the_index_of_what_is_open(now: datetime) -> None:
    multiply(make_suppression(make_client()), 20_000)
    values: dict[str, Any] = {
        "now": datetime(2027, 5, 1, tzinfo=UTC),
        "states": ["effective", "tail_closed"],
        "batch": 1000,
        "to_mail": [str(state) for state in STILL_TO_MAIL],
    }
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {_OVER_SQL}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "suppression_open" in plan, plan
    assert "Seq Scan on requests_catalogsuppression" not in plan, plan


def test_a_drop_is_classified_for_all_by_as_many_queries_as_for_one(now: datetime) -> None:
    client, by = make_client(), staff_in(SECURITY_OFFICER)
    suppression = make_suppression(client)
    drop = make_drop(client, "drop", datetime(2027, 3, 1, tzinfo=UTC).date())
    with CaptureQueriesContext(connection) as for_one:
        classify_drop(drop, by=by, now=now)
    multiply(suppression, 500)
    with CaptureQueriesContext(connection) as for_many:
        classify_drop(drop, by=by, now=now)
    assert SuppressedDrop.objects.filter(drop=drop).count() == 501
    assert len(for_many) == len(for_one)


def test_when_nothing_is_due_the_sweep_writes_nothing(now: datetime) -> None:
    multiply(make_suppression(make_client()), 50)
    advance(now)
    with CaptureQueriesContext(connection) as queries:
        assert advance(now) == {"tails_closed": 0, "completed": 0}
    assert not [one for one in queries if one["sql"].startswith(("INSERT", "UPDATE"))]


def test_selection_leaves_out_who_may_not_be_mailed(now: datetime) -> None:
    """R23: an address is not selected for a drop once it has opted out of mail, for its brand or all."""
    from consumers.vaulting import suppression_tokens
    from portal import vault

    client = make_client()
    brand, other = make_brand(client), make_brand(client, "Home")
    mailed = datetime(2027, 3, 1, tzinfo=UTC).date()
    drops = {
        "own": make_drop(client, "own", mailed, brand=brand),
        "other": make_drop(client, "other", mailed, brand=other),
        "all": make_drop(client, "all", mailed),
    }
    indexer = vault.indexer(client.pk)
    alice, bob = (suppression_tokens(indexer, one) for one in (ALICE, BOB))
    make_opt_out(client, POSTAL, "mail", brand=brand)
    make_opt_out(client, BOB, "email")

    def left_out(name: str) -> bool:
        found = suppressed_among(client.pk, drops[name], [*alice, *bob])
        assert not found & set(bob), "an opt-out of e-mail stops no catalog"
        return bool(found & set(alice))

    assert {name: left_out(name) for name in drops} == {"own": True, "other": False, "all": True}
    with pytest.raises(ValueError, match="another client"):
        suppressed_among(make_client().pk, drops["own"], alice)
