"""Lists of many rows: bounded counts, and the newest of a few clients in one order."""

from datetime import datetime

import pytest
from django.contrib import admin
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Client
from consumers.models import Consumer
from portal import paging
from portal.models import User
from portal.paging import BoundedPaginator, NewestPaginator
from portal.roles import ACCOUNT_MANAGER, AUDITOR
from tests.erasures.people import load, person
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER)


@pytest.fixture
def clients(manager: User, now: datetime) -> list[Client]:
    """Three clients, the first two the manager's; their people were loaded by turns."""
    made = [make_client(managers=[manager] if n < 2 else [], now=now) for n in range(3)]
    for n in range(4):
        for client in made:
            load(client, [person(10 * n), person(10 * n + 1)], now=now)
    every_third = list(Consumer.objects.values_list("pk", flat=True))[::3]
    Consumer.objects.filter(pk__in=every_third).update(is_seed=True)
    return made


def paged(paginator: BoundedPaginator) -> list[Consumer]:
    return [row for number in paginator.page_range for row in paginator.page(number)]


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_pages_of_several_clients_are_those_of_one_list(clients: list[Client], number: int) -> None:
    ids = [client.pk for client in clients[:number]]
    rows = Consumer.objects.filter(client__in=ids).select_related("client").order_by("-id")
    for chosen in (rows, rows.filter(is_seed=False), rows.filter(state="erased")):
        assert paged(NewestPaginator(chosen, 5, clients=ids)) == list(chosen)
    assert paged(NewestPaginator(rows, 5, clients=None)) == list(rows)


def test_a_page_of_several_clients_takes_three_statements(
    clients: list[Client], django_assert_num_queries: pytest.FixtureRequest
) -> None:
    ids = [client.pk for client in clients]
    rows = Consumer.objects.filter(client__in=ids).select_related("client").order_by("-id")
    with django_assert_num_queries(3):  # type: ignore[operator]
        page = NewestPaginator(rows, 5, clients=ids).page(2)
        assert {row.client.pk for row in page} <= set(ids)


def test_the_pages_end_at_the_bound(clients: list[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "BOUND", 7)
    ids = [client.pk for client in clients]
    rows = Consumer.objects.order_by("-id")
    for paginator in (BoundedPaginator(rows, 5), NewestPaginator(rows, 5, clients=ids)):
        assert (paginator.count, paginator.num_pages, paginator.is_bounded) == (7, 2, True)
        assert paged(paginator) == list(rows[:7])


def test_a_manager_sees_the_newest_of_own_clients_and_an_auditor_of_all(
    clients: list[Client], manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin.site._registry[Consumer], "list_per_page", 6)
    for user, own in ((manager, clients[:2]), (make_user(AUDITOR), clients)):
        browser = Browser()
        browser.force_login(user)
        rows = Consumer.objects.filter(client__in=own).order_by("-id")
        for page, asked in ((1, ""), (2, "?p=2"), (1, "?o=5"), (1, "?o=-6.2")):
            answer = browser.get(reverse("admin:consumers_consumer_changelist") + asked)
            listed = list(answer.context["cl"].result_list)
            assert listed == list(rows[6 * (page - 1) : 6 * page]), asked


def test_a_manager_without_clients_sees_an_empty_list(clients: list[Client]) -> None:
    browser = Browser()
    browser.force_login(make_user(ACCOUNT_MANAGER))
    answer = browser.get(reverse("admin:consumers_consumer_changelist"))
    assert list(answer.context["cl"].result_list) == []
