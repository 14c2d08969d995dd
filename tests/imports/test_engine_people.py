"""Importing consumers: who is new, updated, unchanged, kept out."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection

from clients.models import Client
from consumers.imports import verbs
from consumers.imports.models import ImportRow, SensitiveIncident
from consumers.models import BlindIndex, Consumer, Preference, SuppressionToken
from consumers.profile import Profile
from consumers.vaulting import blind_digests, suppression_tokens
from portal import outbox, vault
from portal.errors import Refused
from portal.ledger.models import Leaf
from tests.factories import NOW
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


ALICE = "C1,Alice,Archer,alice@example.com,212-555-0101,1 Main Street,Boston,MA,02101"
BOB = "C2,Bob,Baker,bob@example.com,212-555-0102,2 Main Street,Boston,MA,02101"


def digests_of(consumer: Consumer) -> set[tuple[int, bytes]]:
    """The blind index of one person as it is stored."""
    rows = BlindIndex.objects.filter(client_id=consumer.client_id, consumer_id=consumer.pk)
    return {(kind, bytes(digest)) for kind, digest in rows.values_list("kind", "digest")}


def test_nothing_personal_stands_in_the_database_in_plain() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(c::text, '') FROM (SELECT c.*, h.*, b.* FROM consumers_consumer c, "
            "consumers_historicalconsumer h, consumers_blindindex b) c"
        )
        assert b"alice".hex() not in cursor.fetchone()[0]
    assert engine.profiles(client)["C1"].given_name == "Alice"


def test_a_changed_row_updates_and_writes_only_the_indexes_that_changed() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE, BOB))
    alice = Consumer.objects.get(pk=engine.id_of(client, "C1"))
    before, bobs = digests_of(alice), digests_of(Consumer.objects.exclude(pk=alice.pk).get())
    job = engine.bring_in(client, engine.people(ALICE.replace("alice@", "a.archer@"), BOB))
    assert (job.updated, job.unchanged, job.accepted) == (1, 1, 0)
    assert engine.profiles(client)["C1"].email == "a.archer@example.com"
    after = digests_of(alice)
    assert len(before - after) == len(after - before) == 1
    assert digests_of(Consumer.objects.exclude(pk=alice.pk).get()) == bobs
    assert after == set(blind_digests(vault.indexer(client.pk), engine.profiles(client)["C1"]))


def test_the_history_of_an_import_names_the_import_and_who_logged_it_and_holds_ciphertext() -> None:
    client = engine.ready_client()
    first = engine.bring_in(client, engine.people(ALICE))
    second = engine.bring_in(client, engine.people(ALICE.replace("Main", "Long")))
    old, new = Consumer.history.filter(client_id=client.pk).order_by("history_id")
    assert (old.history_type, new.history_type) == ("+", "~")
    assert (old.history_change_reason, new.history_change_reason) == (
        first.reference,
        second.reference,
    )
    assert new.history_user == engine.manager_of(client)
    assert bytes(new.sealed) == bytes(Consumer.objects.get().sealed or b"") != bytes(old.sealed)
    assert (old.import_id, Consumer.objects.get().import_id) == (first.pk, second.pk)


def test_a_missing_value_wipes_nothing() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    job = engine.bring_in(client, "customer_id,email\nC1,\n")
    assert job.unchanged == 1
    assert engine.profiles(client)["C1"].email == "alice@example.com"


def test_a_later_row_of_a_batch_updates_an_earlier_one() -> None:
    client = engine.ready_client()
    moved = ALICE.replace("1 Main Street", "9 Elm Street").replace("02101", "02139")
    job = engine.bring_in(client, engine.people(ALICE, moved, moved, BOB))
    assert (job.accepted, job.updated, job.unchanged) == (2, 1, 1)
    assert engine.profiles(client)["C1"].street == "9 Elm Street"
    assert Consumer.history.filter(client_id=client.pk).count() == 2


def test_who_is_known_by_external_id_is_met_by_e_mail_too_within_and_across_batches() -> None:
    client = engine.ready_client()
    by_mail = ",Alicia,Archer,alice@example.com,,,,,"
    assert engine.bring_in(client, engine.people(ALICE, by_mail)).counts["updated"] == 1
    job = engine.bring_in(client, engine.people(",Alice,Archer,alice@example.com,,,,,"))
    assert (job.updated, job.accepted) == (1, 0)
    assert Consumer.objects.count() == 1


def test_an_address_that_was_given_up_within_a_batch_leads_to_nobody() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    changed = ALICE.replace("alice@", "a.archer@")
    other = ",Charlie,Cook,alice@example.com,,,,,"
    job = engine.bring_in(client, engine.people(changed, other, ALICE.replace("alice@", "a3@")))
    assert (job.updated, job.accepted) == (2, 1)
    assert engine.profiles(client)["alice@example.com"].given_name == "Charlie"
    assert engine.profiles(client)["C1"].email == "a3@example.com"


def test_who_has_no_identifier_is_known_by_name_and_address_together() -> None:
    client = engine.ready_client()
    nameless = ",Alice,Archer,,,1 Main Street,Boston,MA,02101"
    assert engine.bring_in(client, engine.people(nameless)).accepted == 1
    assert engine.bring_in(client, engine.people(nameless)).unchanged == 1
    assert engine.bring_in(client, engine.people(",,,,,1 Main Street,Boston,MA,02101")).refused == 1


def test_the_same_person_at_two_clients_is_two_people() -> None:
    one, other = engine.ready_client(), engine.ready_client()
    engine.bring_in(one, engine.people(ALICE))
    assert engine.bring_in(other, engine.people(ALICE)).accepted == 1
    digests = BlindIndex.objects.filter(kind=BlindIndex.Kind.EMAIL).values_list("digest", flat=True)
    assert len({bytes(digest) for digest in digests}) == 2


# ------------------------------------------------------------------------------- who must stay out


def suppress(client: Client, profile: Profile, reason: str) -> None:
    """Leave the tokens that an erasure or an opt-out leaves."""
    for kind, token in suppression_tokens(vault.indexer(client.pk), profile):
        SuppressionToken.objects.create(
            client_id=client.pk, kind=kind, token=token, reason=reason, case_id=uuid4(), since=NOW
        )


@pytest.mark.parametrize(
    "row",
    [
        "C1,,,,,,,,",
        "X9,,,ALICE@example.com,,,,,",
        "X9,,,,(212) 555-0101,,,,",
        "X9,Alice,Archer,,,1 Main St,Boston,MA,02101",
    ],
)
def test_who_was_erased_does_not_come_back_by_any_identifier(row: str) -> None:
    client, elsewhere = engine.ready_client(), engine.ready_client()
    engine.bring_in(elsewhere, engine.people(ALICE))
    suppress(client, engine.profiles(elsewhere)["C1"], "erased")
    job = engine.bring_in(client, engine.people(row, BOB))
    assert (job.refused, job.accepted) == (1, 1)
    reported = ImportRow.objects.get(job=job)
    assert (reported.row_number, reported.reason) == (1, "erased")
    assert (reported.sealed, reported.digest) == (None, None)
    bought = engine.bring_in(
        client, "customer_id,date\nC1,1997-01-12\nC2,1997-01-12\n", "purchases"
    )
    assert (bought.refused, bought.quarantined, bought.accepted) == (1, 0, 1)
    assert ImportRow.objects.get(job=bought).reason == "erased"


def test_who_opted_out_is_not_loaded_anew_but_goes_on_being_served_where_they_are_known() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    suppress(client, engine.profiles(client)["C1"], "opt_out")
    suppress(client, Profile(email="bob@example.com"), "opt_out")
    job = engine.bring_in(client, engine.people(ALICE.replace("Main", "Long"), BOB, BOB))
    assert (job.updated, job.suppressed) == (1, 2)
    rows = ImportRow.objects.filter(job=job).values_list("row_number", "outcome", "reason")
    assert list(rows.order_by("row_number")) == [
        (2, "suppressed", "opt_out"),
        (3, "suppressed", "opt_out"),
    ]
    assert Consumer.objects.count() == 1


def test_a_file_never_turns_an_opt_out_back_on() -> None:
    client = engine.ready_client()
    file = "customer_id,email opt in,mail opt in\nC1,yes,yes\nC2,no,\n"
    assert engine.bring_in(client, file).accepted == 2
    alice = engine.id_of(client, "C1")
    Preference.objects.filter(consumer_id=alice, channel="email").update(
        opted_in=False, source="OO-2026-000001"
    )
    job = engine.bring_in(client, file.replace("C2,no", "C2,yes"))
    assert (job.unchanged, job.updated) == (1, 1)
    told = {
        (p.consumer_id == alice, p.channel): (p.opted_in, p.source)
        for p in Preference.objects.filter(client_id=client.pk)
    }
    assert told[True, "email"] == (False, "OO-2026-000001")
    assert told[True, "mail"][0] is True
    assert told[False, "email"] == (True, job.reference)
    history = Preference.history.filter(client_id=client.pk, history_change_reason=job.reference)
    assert [(h.history_type, h.opted_in) for h in history] == [("~", True)]


# ------------------------------------------------------------------------------------ sensitive data


def test_a_refused_column_is_reported_once_with_a_count_and_nothing_of_it_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.small_batches(monkeypatch, 2)
    client = engine.ready_client()
    rows = "".join(f"C{n},Alice,{n}23-45-678{n}\n" for n in range(1, 6)) + "C6,Bob,\n"
    job = engine.bring_in(client, "customer_id,first_name,ssn\n" + rows)
    assert job.accepted == 6
    incident = SensitiveIncident.objects.get(case_id=job.pk)
    assert (incident.place, incident.kind, incident.column) == ("column", "ssn", "ssn")
    assert (incident.occurrences, incident.first_row, incident.masked) == (5, 1, "")
    assert Leaf.objects.filter(verb="import.sensitive", object_id=incident.pk).count() == 1


def test_a_card_number_refuses_its_row_and_is_told_to_the_security_officers_by_reference() -> None:
    client = engine.ready_client()
    boss = engine.officer()
    row = ALICE.replace("1 Main Street", "card 4111 1111 1111 1111")
    job = engine.bring_in(client, engine.people(row, BOB, row.replace("C1", "C3")))
    assert (job.accepted, job.refused) == (1, 2)
    incident = SensitiveIncident.objects.get(case_id=job.pk)
    assert (incident.place, incident.column, incident.occurrences) == ("value", "street", 2)
    assert "4111" not in incident.masked
    mail.outbox.clear()
    outbox.send_due(NOW + timedelta(minutes=5))
    (message,) = [m for m in mail.outbox if incident.reference in m.subject]
    assert boss.email in message.to
    assert incident.masked not in message.body
    verbs.inform_client(incident, by=boss, now=NOW)
    with pytest.raises(Refused, match="already"):
        verbs.inform_client(incident, by=boss, now=NOW)


def test_a_value_that_cannot_be_used_is_left_out_with_a_counted_warning() -> None:
    client = engine.ready_client()
    job = engine.bring_in(client, engine.people(ALICE.replace("alice@example.com", "alice@@")))
    assert (job.accepted, job.warnings) == (1, {"email.syntax": 1})
    assert engine.profiles(client)["C1"].email is None


def test_a_seed_is_updated_like_anybody_and_stays_a_seed() -> None:
    client = engine.ready_client()
    engine.bring_in(client, engine.people(ALICE))
    Consumer.objects.update(is_seed=True)
    engine.bring_in(client, engine.people(ALICE.replace("Main", "Long")))
    assert Consumer.objects.get().is_seed
