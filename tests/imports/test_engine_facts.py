"""Importing purchases and web events: whose they are, equal rows, quarantine and its release."""

from datetime import date, timedelta

import orjson
import pytest

from clients.instructions import verbs as instructions
from clients.models import Instruction
from consumers.imports import verbs
from consumers.imports.models import ImportOccurrence, ImportRow
from consumers.models import Consumer, Purchase, WebEvent
from portal import retire, vault
from portal.errors import Refused
from portal.roles import ACCOUNT_MANAGER
from tests.factories import NOW, make_client, make_instruction, make_user
from tests.imports import engine

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

ALICE = "C1,Alice,Archer,alice@example.com,212-555-0101,1 Main Street,Boston,MA,02101"
BOUGHT = "customer_id,date,quantity,amount,order_id\n"


def contents(client: object, consumer: Consumer) -> list[dict[str, str]]:
    """The opened purchases of one person, as erasure and access would open them."""
    assert consumer.key_ref is not None
    key = vault.key(consumer.client_id, consumer.key_ref)
    return [
        orjson.loads(
            vault.unseal(
                key,
                bytes(purchase.sealed or b""),
                purpose="consumers.purchase",
                client_id=purchase.client_id,
                owner_id=purchase.id,
            )
        )
        for purchase in Purchase.objects.filter(consumer_id=consumer.pk).order_by("id")
    ]


def test_the_whole_of_cdnow_comes_in_counts_equal_rows_and_changes_nothing_a_second_time() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.joined(1000))
    job = engine.bring_in(client, engine.CDNOW, "purchases")
    assert job.state == "finished", job.last_fault
    assert job.rows_read == 69_659
    of_the_known = sum(int(line[:6]) <= 1000 for line in engine.CDNOW.read_text().splitlines()[1:])
    assert job.accepted == of_the_known > 2000
    assert job.accepted == Purchase.objects.filter(client_id=client.pk).count()
    assert job.quarantined == 69_659 - job.accepted
    assert ImportRow.objects.filter(job=job, outcome="quarantined").count() == job.quarantined
    assert not ImportOccurrence.objects.exists()

    again = engine.bring_in(client, engine.CDNOW, "purchases")
    assert (again.accepted, again.unchanged) == (0, job.accepted)


def test_a_purchase_is_sealed_under_its_customers_key_and_leaves_the_month() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    engine.bring_in(client, BOUGHT + "C1,1997-01-12,2,29.73,A-7\n", "purchases")
    alice = Consumer.objects.get(client=client)
    (content,) = contents(client, alice)
    assert content == {
        "date": "1997-01-12",
        "quantity": "2",
        "amount": "29.73",
        "currency": "USD",
        "order_number": "A-7",
    }
    assert Purchase.objects.get().month == date(1997, 1, 1)


def test_equal_rows_are_purchases_of_their_own_right_across_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.small_batches(monkeypatch, 2)
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    file = BOUGHT + "C1,1997-01-12,2,29.73,\n" * 5
    assert engine.bring_in(client, file, "purchases").accepted == 5
    again = engine.bring_in(client, file + "C1,1997-01-12,2,29.73,\n", "purchases")
    assert (again.accepted, again.unchanged) == (1, 5)


def test_purchases_of_the_unknown_wait_sealed_and_are_released_once_their_customer_is_known() -> (
    None
):
    client = engine.ready_client()
    job = engine.bring_in(
        client, BOUGHT + "C1,1997-01-12,2,29.73,\nC2,1997-01-13,1,11.00,\n", "purchases"
    )
    assert (job.state, job.quarantined) == ("finished", 2)
    row = ImportRow.objects.get(job=job, row_number=1)
    assert row.unseal_content()["date"] == "1997-01-12"
    assert bytes(row.digest or b"") == vault.indexer(client.pk).digest("external_id", "C1")
    with pytest.raises(Refused, match="None of the customers"):
        verbs.release_quarantine(job, by=engine.manager_of(client), now=NOW)

    engine.bring_in(client, engine.people(ALICE))
    assert verbs.release_quarantine(job, by=engine.manager_of(client), now=NOW) == 1
    assert (job.accepted, job.quarantined, job.rows_read) == (1, 1, 2)
    assert [c["amount"] for c in contents(client, Consumer.objects.get())] == ["29.73"]
    row.refresh_from_db()
    assert (row.sealed, row.digest, row.released_at) == (None, None, NOW)
    ref = row.key_ref
    assert ref is not None
    assert vault.keys(client.pk, [ref]).keys() == {ref}, "nothing is shredded before the commit"
    assert retire.shred_retired(NOW) == 1
    assert vault.keys(client.pk, [ref]) == {}


def test_nothing_is_released_once_no_instruction_covers_it_any_more() -> None:
    client = engine.ready_client()
    job = engine.bring_in(client, BOUGHT + "C1,1997-01-12,2,29.73,\n", "purchases")
    engine.bring_in(client, engine.people(ALICE))
    standing = Instruction.objects.get(client=client)
    instructions.withdraw(standing, finding="By letter.", by=engine.officer(), now=NOW)
    with pytest.raises(Refused, match="no instruction to process"):
        verbs.release_quarantine(job, by=engine.manager_of(client), now=NOW)
    assert not Purchase.objects.exists()
    once = make_instruction(client, is_standing=False)
    assert verbs.release_quarantine(job, by=engine.manager_of(client), now=NOW) == 1
    once.refresh_from_db()
    assert (once.state, once.used_by_case) == ("executed", job.pk)


def test_rows_of_a_one_case_import_are_released_under_its_own_instruction_while_that_lasts() -> (
    None
):
    client = make_client(managers=[make_user(ACCOUNT_MANAGER)])
    until = NOW + timedelta(days=1)
    make_instruction(client, is_standing=False, effective_until=until)
    job = engine.bring_in(client, BOUGHT + "C1,1997-01-12,2,29.73,\n", "purchases")
    make_instruction(client, is_standing=False, effective_until=until)
    engine.bring_in(client, engine.people(ALICE))
    by = engine.manager_of(client)
    with pytest.raises(Refused, match="no instruction to process"):
        verbs.release_quarantine(job, by=by, now=until)
    assert verbs.release_quarantine(job, by=by, now=until - timedelta(seconds=1)) == 1


def test_a_released_purchase_and_the_same_file_again_are_one() -> None:
    client = engine.ready_client()
    file = BOUGHT + "C1,1997-01-12,2,29.73,\n" * 2
    job = engine.bring_in(client, file, "purchases")
    engine.bring_in(client, engine.people(ALICE))
    assert engine.bring_in(client, file, "purchases").accepted == 2
    verbs.release_quarantine(job, by=engine.manager_of(client), now=NOW)
    assert (job.accepted, job.unchanged, job.quarantined) == (0, 2, 0)
    assert Purchase.objects.count() == 2


def test_web_events_come_in_once() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    file = (
        "email,timestamp,event,url\n"
        "alice@example.com,2026-01-02T10:11:12Z,view,/shoes\n"
        "alice@example.com,2026-01-02T10:11:13Z,view,/shoes\n"
        "alice@example.com,2026-01-02T10:11:13Z,,/shoes\n"
    )
    job = engine.bring_in(client, file, "web_events")
    assert (job.accepted, job.refused) == (2, 1)
    assert ImportRow.objects.get(job=job).reason == "event.missing"
    assert engine.bring_in(client, file, "web_events").unchanged == 2
    assert WebEvent.objects.filter(consumer_id=Consumer.objects.get().pk).count() == 2


def test_a_purchase_without_a_usable_date_is_refused_with_its_reason() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    job = engine.bring_in(client, BOUGHT + "C1,1997-02-30,2,29.73,\n", "purchases")
    assert ImportRow.objects.get(job=job).reason == "date.impossible"
