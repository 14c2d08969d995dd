"""How fast long lists open and due work is found, against the stock admin and a plain condition on the same rows.

The naive way: Django's own `ModelAdmin` with the same columns and filters, the newest by date first, and a query of
one's own clients by their assignment; and due work looked for by what it lacks (`sent_at IS NULL`), not by a mark.
"""

import os
from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Any

import pytest
from django.contrib import admin
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from clients.models import Client, Instruction
from clients.verbs import assign_manager
from consumers.models import Consumer
from consumers.profile import Profile
from portal import outbox
from portal.ids import new_id
from portal.models import OutboxMessage, User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, SECURITY_OFFICER
from portal.work import claim
from requests.erasures.models import Erasure
from requests.erasures.verbs import log_erasure
from tests.benchmarks.measuring import by_turns, execute, plans_of
from tests.factories import make_client, make_instruction, make_user, staff_in

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]
ROWS = int(os.environ.get("BENCH_ROWS", "500000"))
CLIENTS, MINE = 20, 3
# An id of version 7, as the portal makes them: the later, the higher.
_ID = (
    "(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '7' ||"
    " substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 5, 15))::uuid"
)
AGO = "now() - interval '1 day' - ({rows} - n) * interval '1 second'"


@pytest.fixture
def now() -> datetime:
    """The real moment, which the ids of new rows tell too."""
    return timezone.now()


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER)


@pytest.fixture
def clients(manager: User, now: datetime) -> list[Client]:
    """Twenty clients, three of them the manager's."""
    made = [make_client(now=now) for _ in range(CLIENTS)]
    for client in made[:MINE]:
        assign_manager(client, manager, by=staff_in(ADMINISTRATOR), now=now)
    return made


def copies(row: models.Model, number: int, **changed: str) -> None:
    """Store `number` copies of a row, numbered n, whose columns differ as the SQL in `changed` says."""
    table = row._meta.db_table
    at = AGO.format(rows=number)
    changed = {"id": _ID.format(at=f"({at})")} | {k: v.format(at=at) for k, v in changed.items()}
    columns = [str(field.column) for field in row._meta.concrete_fields]
    values = ", ".join(changed.get(column, f"o.{column}") for column in columns)
    execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
        f" FROM {table} o CROSS JOIN generate_series(1, {number}) n WHERE o.id = '{row.pk}'"
    )
    execute(f"VACUUM ANALYZE {table}")


def page_of(model_admin: "admin.ModelAdmin[Any]", user: User, asked: str) -> list[Any]:
    """Open a list as the browser does, up to the last byte; the ids of the rows on it."""
    request = RequestFactory().get(f"/{asked}", headers={"host": "localhost"})
    request.user = user
    request.session = {}  # type: ignore[assignment]  # nothing is kept in it
    answer = model_admin.changelist_view(request)
    assert answer.status_code == 200
    answer.render()  # type: ignore[attr-defined]
    return [row.pk for row in answer.context_data["cl"].result_list]  # type: ignore[attr-defined]


class Stock(admin.ModelAdmin):  # type: ignore[type-arg]  # of whatever model it is put to
    """A list as Django makes it."""

    list_per_page = 50
    list_select_related = ("client",)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return True

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows = super().get_queryset(request)
        if request.user.groups.filter(name=SECURITY_OFFICER).exists():
            return rows
        return rows.filter(client__assignments__user=request.user)


class StockConsumers(Stock):
    list_display = ("__str__", "client", "state", "is_seed", "created_at", "updated_at")
    list_filter = ("state", "is_seed")
    ordering = ("-created_at",)


class StockErasures(Stock):
    list_display = ("reference", "client", "state", "received_at", "due_at")
    list_filter = ("state",)
    search_fields = ("reference",)
    ordering = ("-received_at",)


def compare(
    model: type[models.Model], stock: type[Stock], asked: dict[str, tuple[User, str]]
) -> None:
    """Open each list both ways and tell; the rows on both are the same."""
    ours, naive = admin.site._registry[model], stock(model, admin.AdminSite())
    table, number = model._meta.db_table, model._default_manager.count()
    print(f"\n  the list of {number:,} {model._meta.verbose_name_plural}:")
    for what, (user, query) in asked.items():
        listed = page_of(ours, user, query)
        assert listed == page_of(naive, user, query)
        assert len(listed) == 50
        measured = by_turns(
            lambda question: page_of(naive, *question),
            lambda question: page_of(ours, *question),
            [(user, query)] * 3,
        )
        print(f"  {what:<26} {measured}")
        for plan in plans_of(lambda: page_of(ours, user, query)):  # noqa: B023
            assert not ("Sort" in plan and f"Seq Scan on {table}" in plan)
        assert median(measured.ratios) > 1


def test_the_list_of_consumers(clients: list[Client], manager: User, now: datetime) -> None:
    first = Consumer(client=clients[0], sealed=b"\0", created_at=now, updated_at=now)
    first.save(force_insert=True)
    ids = ", ".join(f"'{client.pk}'" for client in clients)
    copies(
        first,
        ROWS,
        created_at="{at}",
        client_id=f"(ARRAY[{ids}]::uuid[])[n % {CLIENTS} + 1]",
        state="CASE WHEN n % 1000 < 20 THEN 'erased' ELSE 'active' END",
        erased_at="CASE WHEN n % 1000 < 20 THEN now() END",
        sealed="CASE WHEN n % 1000 < 20 THEN NULL ELSE o.sealed END",
    )
    officer = staff_in(SECURITY_OFFICER)
    compare(
        Consumer,
        StockConsumers,
        {
            "of the Security Officer": (officer, ""),
            "its 100th page": (officer, "?p=100"),
            "the erased alone": (officer, "?state__exact=erased"),
            "of a manager of 3 of 20": (manager, ""),
            "the manager's erased": (manager, "?state__exact=erased"),
        },
    )


@pytest.fixture
def erasure(clients: list[Client], manager: User, now: datetime) -> Erasure:
    """One erasure as it was logged."""
    return log_erasure(
        client=clients[0],
        instruction=make_instruction(clients[0], Instruction.Kind.ERASURE, now=now),
        people=[Profile(email="nobody@example.com")],
        channel="email",
        received_at=now,
        by=manager,
        now=now,
    )


def certified_copies(erasure: Erasure, number: int) -> None:
    """So many erasures that ended long ago."""
    copies(
        erasure,
        number,
        reference="'ER-1999-' || n",
        received_at="{at}",
        state="'certified'",
        certified_at="now()",
        sealed="NULL",
        key_page="NULL",
        key_slot="NULL",
    )


def test_the_list_of_erasures(erasure: Erasure, manager: User) -> None:
    certified_copies(erasure, ROWS // 2)
    officer = staff_in(SECURITY_OFFICER)
    compare(
        Erasure,
        StockErasures,
        {
            "of the Security Officer": (officer, ""),
            "its 100th page": (officer, "?p=100"),
            "of a manager of 3 of 20": (manager, ""),
        },
    )


# ------------------------------------------------------------------------------------------- due work


class Unwritten(Exception):
    """Takes back what was claimed, so that the next turn finds the same."""


def taken(way: Callable[[], Any]) -> Any:
    found = None
    try:
        with transaction.atomic():
            found = way()
            raise Unwritten
    except Unwritten:
        return found


def sweep(name: str, index: str, naive: "QuerySet[Any]", model: Any, now: datetime) -> None:
    """Find the piece of work that is due first both ways and tell; ours by the partial index."""
    due = model.objects.filter(work_due=True).order_by("next_attempt_at", "pk").first()

    def plainly(_: None) -> None:
        assert taken(lambda: naive.select_for_update(skip_locked=True, of=("self",)).first()) == due

    def ours(_: None) -> None:
        assert taken(lambda: claim(model, now)) == due

    measured = by_turns(plainly, ours, [None] * 5)
    print(f"\n  due {name} among {model.objects.count():,}: {measured}")
    (plan,) = plans_of(lambda: taken(lambda: claim(model, now)))
    assert index in plan
    assert "Seq Scan" not in plan
    assert median(measured.ratios) > 1


def test_the_sweep_for_messages_to_send(now: datetime) -> None:
    for _ in range(20):
        outbox.put("bench", new_id(), now=now)
    sent = OutboxMessage.objects.earliest("id")
    copies(sent, ROWS, work_due="false", sent_at="{at}", next_attempt_at="{at}")
    naive = OutboxMessage.objects.filter(sent_at__isnull=True, next_attempt_at__lte=now)
    ordered = naive.order_by("next_attempt_at", "pk")
    sweep("messages", "outbox_due", ordered, OutboxMessage, now)


def test_the_sweep_for_erasures_to_carry_out(erasure: Erasure, now: datetime) -> None:
    certified_copies(erasure, ROWS // 2)
    Erasure.objects.filter(pk=erasure.pk).update(work_due=True, next_attempt_at=now)
    open_ = Erasure.objects.exclude(state__in=Erasure.TABLE.final)
    sweep("erasures", "erasure_due", open_.order_by("next_attempt_at", "pk"), Erasure, now)
