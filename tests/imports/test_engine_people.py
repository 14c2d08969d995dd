"""Importing consumers: who is new, updated, unchanged, kept out."""

import pytest

from consumers.models import BlindIndex, Consumer
from tests.imports import engine

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def test_the_whole_of_febrl_comes_in_and_a_second_time_changes_nothing() -> None:
    client = engine.ready_client(default_country="AU")
    job = engine.bring_in(client, engine.FEBRL)
    assert job.state == "finished", job.last_fault
    assert job.counts == {
        "accepted": 5000,
        "updated": 0,
        "unchanged": 0,
        "suppressed": 0,
        "quarantined": 0,
        "refused": 0,
    }
    assert Consumer.objects.filter(client=client).count() == 5000
    assert Consumer.history.filter(client_id=client.pk, history_type="+").count() == 5000
    before = set(BlindIndex.objects.filter(client_id=client.pk).values_list("kind", "digest"))

    again = engine.bring_in(client, engine.FEBRL)
    assert again.counts["unchanged"] == 5000
    assert Consumer.history.filter(client_id=client.pk).count() == 5000
    after = set(BlindIndex.objects.filter(client_id=client.pk).values_list("kind", "digest"))
    assert before == after
