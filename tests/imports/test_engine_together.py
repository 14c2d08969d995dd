"""The import together with the real erasure and the real opt-out."""

from datetime import timedelta

import pytest

from clients.models import Client, Instruction
from consumers.imports import verbs as imports
from consumers.imports.models import ImportRow
from consumers.models import Consumer, Preference, Purchase
from consumers.profile import Profile
from portal import outbox, vault
from portal.errors import Refused
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.optouts import verbs as optouts
from tests.factories import NOW, make_instruction
from tests.imports import engine

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

ALICE = "C1,Alice,Archer,alice@example.com,212-555-0101,1 Main Street,Boston,MA,02101"
BOB = "C2,Bob,Baker,bob@example.com,212-555-0102,2 Main Street,Boston,MA,02101"
BOUGHT = "customer_id,date,amount\nC1,1997-01-12,11.00\nC2,1997-01-12,12.00\n"


def erase_alice(client: Client) -> None:
    """Log, approve and carry out the erasure of Alice."""
    erasure = verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com")],
        channel="email",
        received_at=NOW,
        by=engine.manager_of(client),
        now=NOW,
    )
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=engine.officer(), now=NOW
    )
    # The files of imports that have ended go by the outbox; while one is there, no erasure is certified.
    outbox.send_due(NOW + timedelta(minutes=1))
    execution.run_due(lambda: NOW + timedelta(hours=25))
    erasure.refresh_from_db()
    assert erasure.state == "certified", (erasure.last_fault, erasure.residue)


def test_who_was_erased_is_gone_with_their_purchases_and_stays_out() -> None:
    client = engine.ready_client()
    waiting = engine.bring_in(client, BOUGHT, "purchases")
    engine.bring_in(client, engine.people(ALICE, BOB))
    engine.bring_in(client, BOUGHT, "purchases")
    row = ImportRow.objects.get(job=waiting, row_number=1)
    ref = row.key_ref
    assert ref is not None

    erase_alice(client)
    assert vault.keys(client.pk, [ref]) == {}
    assert not ImportRow.objects.filter(pk=row.pk).exists()
    people = engine.bring_in(client, engine.people(ALICE, BOB))
    assert (people.refused, people.unchanged) == (1, 1)
    bought = engine.bring_in(client, BOUGHT, "purchases")
    assert (bought.refused, bought.unchanged) == (1, 1)
    assert Consumer.objects.filter(state="active").count() == 1
    assert Purchase.objects.filter(sealed__isnull=False).count() == 1
    assert imports.release_quarantine(waiting, by=engine.manager_of(client), now=NOW) == 1
    assert (waiting.unchanged, waiting.quarantined) == (1, 1)
    with pytest.raises(Refused):
        imports.release_quarantine(waiting, by=engine.manager_of(client), now=NOW)


def test_an_opt_out_that_was_logged_stands_against_every_later_file() -> None:
    client = engine.ready_client()
    file = f"{engine.HEADER},email opt in\n{ALICE},yes\n"
    engine.bring_in(client, file)
    optouts.log_opt_out(
        client=client,
        address=Profile(email="alice@example.com"),
        marketing_channel="email",
        channel="email",
        received_at=NOW,
        by=engine.manager_of(client),
        now=NOW,
    )
    job = engine.bring_in(client, file.replace("Main", "Long"))
    assert job.updated == 1
    assert not Preference.objects.get(channel="email").opted_in
    elsewhere = engine.bring_in(client, engine.people(ALICE.replace("C1,", "C7,")))
    assert elsewhere.suppressed == 1
