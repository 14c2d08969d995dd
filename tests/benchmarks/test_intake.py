"""Rows a second of the reading of an erasure's file, against looking for each row's person by itself."""

import os
import time
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from statistics import mean

import pytest
from django.db import connection, transaction

from clients.models import Client
from consumers import readers
from consumers.imports import samples
from consumers.imports.runner import today
from consumers.mapping import Mapping
from consumers.prepare import PreparedRow, preparer
from consumers.profile import pack
from consumers.search import find
from portal import vault
from requests.erasures import subjects
from requests.erasures.intake import verbs
from requests.erasures.intake.models import ErasureFile
from requests.erasures.models import Erasure, ErasureSubject
from tests.erasures import intake
from tests.imports import engine

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]
SAMPLE = int(os.environ.get("BENCH_SAMPLE", "300"))
ROUNDS = 3
PEOPLE = 5_000


def rows(number: int) -> bytes:
    """A file of the published people in which every fifth row knows its person by name and address alone."""
    lines = []
    for at, one in enumerate(islice(samples.joined_people(engine.FEBRL), number)):
        if at % 5:
            lines.append(f"{one['email']};;;;;;")
        else:
            street = f"{one['street_number']} {one['address_1']}"
            lines.append(
                f";{one['given_name']};{one['surname']};{street};{one['suburb']};{one['postcode']};{one['state']}"
            )
    header = "email;given_name;surname;street;suburb;postcode;state"
    return intake.content(*lines, header=header)


def ours(erasure: Erasure, now: datetime) -> int:
    """The worker's own way."""
    intake.run(erasure, now)
    return erasure.subjects.filter(match="one").count()


def one_by_one(erasure: Erasure, now: datetime) -> int:
    """What a Django project would write: a search, a seal and a row for each line."""
    file = ErasureFile.objects.select_related("content").get(erasure=erasure)
    found = 0
    with verbs.open_file(file) as stream:
        form = readers.inspect(stream)
        prepare = preparer(Mapping.from_json(file.mapping), form.headers, today=today(now))
        for row in map(prepare, readers.read(stream, form)):
            assert isinstance(row, PreparedRow)
            known = [one for one in find(erasure.client_id, row.profile) if one.score == 100.0]
            with transaction.atomic():
                subject = ErasureSubject(
                    erasure=erasure, client_id=erasure.client_id, row_number=row.number
                )
                if len(known) == 1:
                    subject.match, subject.consumer_id = "one", known[0].consumer.pk
                    found += 1
                subject.given = vault.seal(
                    subjects.case_key(erasure),
                    pack(row.profile),
                    purpose=subjects.GIVEN,
                    client_id=erasure.client_id,
                    owner_id=subject.pk,
                )
                subject.save()
    return found


def rows_a_second(
    way: Callable[[Erasure, datetime], int], client: Client, number: int, now: datetime
) -> float:
    erasure = intake.start(intake.upload(client, rows(number), now), now)
    began = time.perf_counter()
    found = way(erasure, now)
    spent = time.perf_counter() - began
    assert found > 0.9 * number
    assert erasure.subjects.count() == number
    Erasure.objects.filter(pk=erasure.pk).update(work_due=False)
    return number / spent


def test_reading_a_file_in_sets_and_row_by_row(
    now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    client = engine.ready_client(default_country="AU")
    engine.bring_in(client, engine.joined())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    rows_a_second(ours, client, SAMPLE, now)
    pairs = [
        (rows_a_second(one_by_one, client, SAMPLE, now), rows_a_second(ours, client, PEOPLE, now))
        for _ in range(ROUNDS)
    ]
    ratios = [fast / slow for slow, fast in pairs]
    with capsys.disabled():
        print(f"\n  row by row: {mean(slow for slow, _ in pairs):,.0f} rows/s")
        print(f"  in sets:    {mean(fast for _, fast in pairs):,.0f} rows/s of {PEOPLE:,}")
        print(f"  ratio: {mean(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    assert min(ratios) > 1
