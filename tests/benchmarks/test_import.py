"""Rows a second of the import against Django's own way, on the same rows, interleaved in one run."""

import csv
import io
import time
from collections.abc import Callable
from statistics import mean

import pytest
from simple_history.utils import bulk_create_with_history

from clients.models import Client
from consumers import mapping, readers
from consumers.imports import runner, samples, source
from consumers.imports.batches import batches
from consumers.imports.models import ImportJob
from consumers.imports.people import CONTENT, codes_of
from consumers.models import BlindIndex, Consumer
from consumers.prepare import PreparedRow, preparer
from consumers.profile import digest_input
from consumers.vaulting import blind_digests, seal_profile
from portal import vault
from tests.factories import NOW
from tests.imports import engine

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
]
ROUNDS = 3
COPIES = 4


def people() -> bytes:
    """20,000 people: those of Febrl four times over, each time with ids and addresses of their own."""
    target = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for copy in range(COPIES):
        for person in samples.joined_people(engine.FEBRL):
            person["customer_id"] = f"{copy}-{person['customer_id']}"
            person["email"] = f"copy{copy}.{person['email']}"
            writer = writer or csv.DictWriter(target, list(person))
            if target.tell() == 0:
                writer.writeheader()
            writer.writerow(person)
    return target.getvalue().encode()


def naive(client: Client, job: ImportJob) -> int:
    """What a Django project would write: objects, one seal each, bulk_create with history."""
    stored = 0
    with source.open_source(job) as stream:
        file = readers.inspect(stream)
        prepare = preparer(
            mapping.suggest(file.headers, country="AU", kind="consumers"),
            file.headers,
            today=NOW.date(),
        )
        indexer = vault.indexer(client.pk)
        for rows in batches(readers.read(stream, file)):
            prepared = [row for row in map(prepare, rows) if isinstance(row, PreparedRow)]
            digests = [indexer.digest("external_id", r.profile.external_id or "") for r in prepared]
            known = BlindIndex.objects.filter(client_id=client.pk, kind=3, digest__in=digests)
            assert not known.exists()
            consumers, blind = [], []
            refs = vault.allocate(client.pk, len(prepared))
            keys = vault.keys(client.pk, refs)
            for row, ref in zip(prepared, refs, strict=True):
                consumer = Consumer(client=client, created_at=NOW, updated_at=NOW, import_id=job.pk)
                consumer.key_page, consumer.key_slot = ref
                consumer.sealed = seal_profile(consumer.pk, client.pk, keys[ref], row.profile)
                text = digest_input(row.profile).decode()
                consumer.content_digest = indexer.digest(CONTENT, text)
                consumers.append(consumer)
                blind += [
                    BlindIndex(client_id=client.pk, kind=k, digest=d, consumer_id=consumer.pk)
                    for k, d in blind_digests(indexer, row.profile, codes_of(row.profile))
                ]
            bulk_create_with_history(
                consumers,
                Consumer,
                batch_size=1000,
                default_user=engine.manager_of(client),
                default_change_reason=job.reference,
                default_date=NOW,
            )
            BlindIndex.objects.bulk_create(blind, batch_size=1000)
            stored += len(consumers)
    return stored


def ours(client: Client, job: ImportJob) -> int:
    """The import, started as people start it."""
    engine.start(job)
    assert runner.run_job(job, engine.clock())
    return job.accepted


def rows_a_second(way: Callable[[Client, ImportJob], int], content: bytes) -> float:
    client = engine.ready_client(default_country="AU")
    job = engine.upload(client, content)
    begun = time.perf_counter()
    stored = way(client, job)
    spent = time.perf_counter() - begun
    assert stored == 5000 * COPIES
    assert Consumer.objects.filter(client=client).count() == stored
    assert Consumer.history.filter(client_id=client.pk).count() == stored
    return stored / spent


def test_the_import_against_djangos_own_way(capsys: pytest.CaptureFixture[str]) -> None:
    content = people()
    rows_a_second(ours, content)
    pairs = [(rows_a_second(naive, content), rows_a_second(ours, content)) for _ in range(ROUNDS)]
    ratios = [fast / slow for slow, fast in pairs]
    with capsys.disabled():
        print(f"\nDjango's own way: {mean(slow for slow, _ in pairs):,.0f} rows/s")
        print(f"the import:       {mean(fast for _, fast in pairs):,.0f} rows/s")
        print(f"ratio: {mean(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    assert min(ratios) > 1
