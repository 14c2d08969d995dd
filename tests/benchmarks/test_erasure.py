"""How fast many people are erased, against the way in which a good Django developer would write it first."""

import os
import statistics
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

import pytest
from django.db import connection, transaction

from clients.models import Client
from consumers import eraser
from consumers.models import BlindIndex, Consumer, Preference, Purchase, WebEvent
from portal import vault
from portal.ids import new_id
from portal.restore import journal_erasure
from portal.vault import KeyRef
from requests.erasures.preview import preview
from requests.erasures.sweep import Finder, sweep, values_of
from tests.erasures.people import load, person
from tests.factories import make_client

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]
PEOPLE = int(os.environ.get("BENCH_PEOPLE", "20000"))
SAMPLE = int(os.environ.get("BENCH_SAMPLE", "200"))
ROUNDS = 3
BATCH = 5_000
_numbers = count(1)


def loaded(client: Client, number: int, now: datetime) -> list[Consumer]:
    """So many people with history, two purchases, two web events, a preference and their blind indexes."""
    made: list[Consumer] = []
    while len(made) < number:
        size = min(BATCH, number - len(made))
        profiles = [person(next(_numbers)) for _ in range(size)]
        made += load(client, profiles, now=now, web_events=2)
    return made


def analyse() -> None:
    """As the database does by itself some time after an import."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def in_sets(client: Client, people: Sequence[Consumer], now: datetime) -> dict[str, float]:
    """The erasure's own way; seconds a step."""
    case_id, spent = new_id(), dict.fromkeys(("keys", "journal", "shred", "erase", "roll"), 0.0)
    for start in range(0, len(people), BATCH):
        ids = [one.pk for one in people[start : start + BATCH]]
        began = time.perf_counter()
        refs = eraser.key_refs(client.pk, ids)
        began = _add(spent, "keys", began)
        journal_erasure(client_id=client.pk, case_id=case_id, refs=refs, owner_ids=ids, now=now)
        began = _add(spent, "journal", began)
        vault.shred(client.pk, refs)
        began = _add(spent, "shred", began)
        with transaction.atomic():
            eraser.erase(client.pk, ids, erasure_id=case_id, now=now)
        _add(spent, "erase", began)
    began = time.perf_counter()
    vault.roll(client.pk)
    _add(spent, "roll", began)
    return spent


def _add(spent: dict[str, float], step: str, began: float) -> float:
    now = time.perf_counter()
    spent[step] += now - began
    return now


def one_by_one(client: Client, people: Sequence[Consumer], now: datetime) -> float:
    """The naive way: each object by itself, its history by the library. Its roll is not even counted."""
    case_id, began = new_id(), time.perf_counter()
    for one in people:
        consumer = Consumer.objects.get(pk=one.pk)
        refs = [consumer.key_ref or KeyRef(0, 0)]
        journal_erasure(
            client_id=client.pk, case_id=case_id, refs=refs, owner_ids=[one.pk], now=now
        )
        vault.shred(client.pk, refs)
        with transaction.atomic():
            _empty(consumer, case_id, now)
    return time.perf_counter() - began


def _empty(consumer: Consumer, case_id: UUID, now: datetime) -> None:
    of_them = {"client_id": consumer.client_id, "consumer_id": consumer.pk}
    consumer.sealed = consumer.content_digest = None
    consumer.key_page = consumer.key_slot = None
    consumer.state, consumer.erased_at, consumer.erasure_id = "erased", now, case_id
    consumer.save()
    for old in consumer.history.filter(sealed__isnull=False):
        old.sealed = old.content_digest = old.key_page = old.key_slot = None
        old.save()
    for purchase in Purchase.objects.filter(**of_them):
        purchase.consumer_id = purchase.sealed = purchase.fingerprint = None
        purchase.save()
    for event in WebEvent.objects.filter(**of_them):
        event.delete()
    for preference in Preference.objects.filter(**of_them):
        preference.delete()
    Preference.history.filter(**of_them).delete()
    for digest in BlindIndex.objects.filter(**of_them):
        digest.delete()


def check_gone(client: Client, people: Sequence[Consumer]) -> None:
    """No key, no sealed value and no index row of theirs survives."""
    ids = [one.pk for one in people]
    assert vault.keys(client.pk, [one.key_ref for one in people if one.key_ref]) == {}
    assert eraser.key_refs(client.pk, ids) == []
    assert preview(client.pk, ids) == []
    erased = Consumer.objects.filter(pk__in=ids, state="erased", sealed=None, key_page=None)
    assert erased.count() == len(ids)
    assert Consumer.history.filter(id__in=ids, sealed=None, content_digest=None).count() == 2 * len(
        ids
    )
    for model in (BlindIndex, WebEvent, Preference, Preference.history.model, Purchase):
        assert not model._default_manager.filter(consumer_id__in=ids).exists()


def test_bulk_erasure_in_sets_and_one_by_one(now: datetime) -> None:
    ratios, rates = [], []
    for turn in range(ROUNDS):
        client = make_client(now=now)
        many, few = loaded(client, PEOPLE, now), loaded(client, SAMPLE, now)
        analyse()
        if turn % 2:
            slow = one_by_one(client, few, now)
        steps = in_sets(client, many, now)
        if not turn % 2:
            slow = one_by_one(client, few, now)
        check_gone(client, many)
        check_gone(client, few)
        rates.append(len(many) / sum(steps.values()))
        ratios.append(rates[-1] / (len(few) / slow))
        told = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in steps.items())
        print(f"\n  {rates[-1]:,.0f} people/s in sets ({told}); {len(few) / slow:,.0f} one by one")
    print(
        f"  erasure of {PEOPLE:,}: {statistics.median(rates):,.0f} people/s, "
        f"{statistics.median(ratios):.0f} times the naive way ({min(ratios):.0f} to {max(ratios):.0f})"
    )


def test_preview_and_sweep_of_many(now: datetime) -> None:
    client = make_client(now=now)
    people = loaded(client, PEOPLE, now)
    analyse()
    began = time.perf_counter()
    lines = preview(client.pk, [one.pk for one in people])
    print(f"\n  preview of {PEOPLE:,} people: {time.perf_counter() - began:.2f} s")
    assert {line.rows for line in lines} >= {PEOPLE, 2 * PEOPLE}
    values = {value for number in range(1, PEOPLE + 1) for value in values_of(person(number))}
    began = time.perf_counter()
    patterns = Finder(values).size
    built = time.perf_counter() - began
    began = time.perf_counter()
    assert sweep(values) == []
    rows = _rows()
    seconds = time.perf_counter() - began
    print(
        f"  sweep of {rows:,} rows for {len(values):,} values ({patterns:,} forms): {seconds:.1f} s, "
        f"{rows / seconds:,.0f} rows/s, of which {built:.1f} s to build the search"
    )
    Preference.objects.filter(consumer_id=people[-1].pk).update(source="Given7 Surname7")
    assert [hit.table for hit in sweep(values)] == ["consumers_preference"]


def _rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n_live_tup) FROM pg_stat_user_tables WHERE relname LIKE 'consumers_%'"
        )
        return int(cursor.fetchone()[0])
