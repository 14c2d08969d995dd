"""What the eraser removes, what it leaves, and that no table can be forgotten."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction

from clients.models import Client
from consumers import eraser
from consumers.imports.models import ImportRow
from consumers.models import BlindIndex, Consumer, LegalHold, Preference, Purchase, WebEvent
from consumers.vaulting import open_profiles
from portal import vault
from portal.cases.files import path_of
from portal.cases.models import CaseFile, CaseNote
from portal.correspondence.models import Letter
from portal.ids import new_id
from portal.personal import (
    Category,
    Fate,
    is_history,
    personal,
    personal_fields,
    plain,
    searchable_columns,
    subject_column,
    subject_models,
)
from requests.models import OptOut
from tests.erasures.people import ALICE, BOB, CHARLIE, load, with_case, with_quarantined_row
from tests.factories import make_client

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
ERASURE = new_id()


@pytest.fixture
def client_(now: datetime) -> Client:
    return make_client(now=now)


@pytest.fixture
def alice(client_: Client, now: datetime) -> Consumer:
    """Alice, with everything that can hang from a person."""
    (alice,) = load(client_, [ALICE], now=now)
    with_case(alice, now=now)
    with_quarantined_row(client_, ALICE, now=now)
    return alice


def erase(*people: Consumer, now: datetime) -> dict[str, int]:
    return eraser.erase(
        people[0].client_id,
        [person.pk for person in people],
        erasure_id=ERASURE,
        now=now,
        reference="ER-2026-000001",
    )


def rows_of(model: type[models.Model], person: Consumer) -> list[dict[str, Any]]:
    column = subject_column(model)
    return list(model._default_manager.filter(**{column: person.pk}).values())


def everything_of(*people: Consumer) -> dict[str, Any]:
    """Every row of these people, by table and person."""
    return {
        f"{model._meta.label} {person.pk}": rows_of(model, person)
        for model in subject_models()
        for person in people
    }


def test_nothing_personal_of_an_erased_person_remains_in_any_table_of_theirs(
    alice: Consumer, now: datetime
) -> None:
    erase(alice, now=now)
    for model in subject_models():
        for row in rows_of(model, alice):
            for field, told in personal_fields(model):
                assert told.fate is Fate.KEEP or row[field.attname] is None, field
            if told_nullify(model):
                assert row.get("key_page") is row.get("key_slot") is None, model


def told_nullify(model: type[models.Model]) -> bool:
    return any(told.fate is Fate.NULLIFY for _, told in personal_fields(model))


def test_the_sealed_bytes_stand_in_no_column_of_the_database_any_more(
    alice: Consumer, now: datetime
) -> None:
    blobs = [bytes(alice.sealed or b""), bytes(CaseNote.objects.get().sealed or b"")]
    blobs += [bytes(sealed or b"") for sealed in Purchase.objects.values_list("sealed", flat=True)]
    assert all(anywhere(blob) for blob in blobs)
    erase(alice, now=now)
    assert not any(anywhere(blob) for blob in blobs)


def anywhere(blob: bytes) -> list[str]:
    """The columns in which the bytes stand."""
    found = []
    with connection.cursor() as cursor:
        for model, field in searchable_columns():
            if isinstance(field, models.BinaryField) and model._meta.app_label != "vault":
                table, column = model._meta.db_table, field.column
                cursor.execute(f'SELECT 1 FROM "{table}" WHERE "{column}" = %s LIMIT 1', [blob])
                found += [f"{table}.{column}" for _ in cursor.fetchall()]
    return found


def test_a_purchase_stays_as_a_month_that_belongs_to_nobody(alice: Consumer, now: datetime) -> None:
    counts = erase(alice, now=now)
    purchases = Purchase.objects.values("consumer_id", "sealed", "fingerprint", "month")
    assert counts["consumers_purchase"] == len(purchases) == 2
    for row in purchases:
        assert (row["consumer_id"], row["sealed"], row["fingerprint"]) == (None, None, None)
        assert row["month"] is not None


def test_web_history_preferences_and_blind_indexes_are_deleted_with_their_history(
    alice: Consumer, now: datetime
) -> None:
    counts = erase(alice, now=now)
    for model in (WebEvent, Preference, Preference.history.model, BlindIndex):
        assert not model._default_manager.exists()
        assert counts[model._meta.db_table] >= 1


def test_the_history_keeps_that_somebody_was_erased_and_by_which_case(
    alice: Consumer, now: datetime
) -> None:
    later = now + timedelta(days=3)
    counts = erase(alice, now=later)
    latest, created = Consumer.history.filter(id=alice.pk).order_by("-history_date")
    assert counts["consumers_historicalconsumer"] == 1
    assert (created.history_type, created.sealed, created.key_page) == ("+", None, None)
    assert (latest.history_type, latest.history_change_reason) == ("~", "ER-2026-000001")
    assert (latest.state, latest.erased_at, latest.erasure_id) == ("erased", later, ERASURE)
    assert (latest.sealed, latest.content_digest, latest.key_slot) == (None, None, None)


def test_to_erase_again_changes_nothing(alice: Consumer, now: datetime) -> None:
    erase(alice, now=now)
    before = everything_of(alice)
    assert erase(alice, now=now + timedelta(days=1)) == {}
    assert everything_of(alice) == before


def test_nobody_erased_is_nothing_done(client_: Client, now: datetime) -> None:
    assert eraser.erase(client_.pk, [], erasure_id=ERASURE, now=now) == {}
    assert eraser.key_refs(client_.pk, []) == []


def test_the_rest_of_the_household_is_untouched(client_: Client, now: datetime) -> None:
    """R42: Bob lives with Alice and shares her telephone, so that half of their match codes are the same."""
    alice, bob = load(client_, [ALICE, BOB._replace(telephone=ALICE.telephone)], now=now)
    with_case(bob, now=now)
    with_quarantined_row(client_, BOB, now=now)
    shared = set(BlindIndex.objects.filter(consumer_id=alice.pk).values_list("digest", flat=True))
    assert shared & set(
        BlindIndex.objects.filter(consumer_id=bob.pk).values_list("digest", flat=True)
    )
    before, refs = everything_of(bob), eraser.key_refs(client_.pk, [bob.pk])
    vault.shred(client_.pk, eraser.key_refs(client_.pk, [alice.pk]))
    erase(alice, now=now)
    assert everything_of(bob) == before
    assert ImportRow.objects.count() == 1
    assert vault.keys(client_.pk, refs).keys() == set(refs)
    assert open_profiles([bob])[bob.pk].given_name == "Bob"


def test_the_same_ids_at_another_client_are_untouched(client_: Client, now: datetime) -> None:
    (alice,) = load(client_, [ALICE], now=now)
    other = make_client(now=now)
    counts = eraser.erase(other.pk, [alice.pk], erasure_id=ERASURE, now=now)
    assert counts == {}
    assert eraser.key_refs(other.pk, [alice.pk]) == []
    assert open_profiles([Consumer.objects.get(pk=alice.pk)])[alice.pk] == ALICE


def test_a_quarantined_row_of_the_person_is_found_by_digest_and_deleted_with_its_key(
    client_: Client, now: datetime
) -> None:
    (alice,) = load(client_, [ALICE], now=now)
    hers, other = (
        with_quarantined_row(client_, ALICE, now=now),
        with_quarantined_row(client_, CHARLIE, now=now),
    )
    refs = eraser.key_refs(client_.pk, [alice.pk])
    assert hers.key_ref in refs
    assert other.key_ref not in refs
    assert erase(alice, now=now)["consumers_importrow"] == 1
    assert list(ImportRow.objects.values_list("pk", flat=True)) == [other.pk]


def test_the_keys_of_every_row_are_named_before_the_shred(
    alice: Consumer, client_: Client, now: datetime
) -> None:
    refs = eraser.key_refs(client_.pk, [alice.pk])
    rows = [
        alice,
        OptOut.objects.get(),
        CaseNote.objects.get(),
        CaseFile.objects.get(),
        Letter.objects.get(),
    ]
    assert {row.key_ref for row in [*rows, ImportRow.objects.get()]} == set(refs)
    assert len(refs) == len(rows) + 1
    assert vault.shred(client_.pk, refs) == len(refs)
    erase(alice, now=now)
    assert eraser.key_refs(client_.pk, [alice.pk]) == []


def test_the_files_of_the_person_are_named_and_those_of_others_are_not(
    alice: Consumer, client_: Client, now: datetime
) -> None:
    (charlie,) = load(client_, [CHARLIE], now=now)
    with_case(charlie, now=now)
    (file,) = eraser.files_of(client_.pk, [alice.pk])
    assert file.subject_id == alice.pk
    assert Path(path_of(file)).exists()


def test_a_legal_hold_and_the_case_keep_their_reference_to_the_person(
    alice: Consumer, client_: Client, now: datetime
) -> None:
    LegalHold.objects.create(
        client=client_,
        consumer_id=alice.pk,
        ground="litigation",
        set_at=now,
        set_by=CaseNote.objects.get().by,
    )
    erase(alice, now=now)
    assert LegalHold.objects.get().consumer_id == alice.pk
    assert OptOut.objects.get().consumer_id == alice.pk


def test_when_the_last_statement_fails_nothing_is_erased(
    alice: Consumer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything_of(alice)

    def fail(*given: Any) -> int:
        raise RuntimeError("the machine stops here")

    (last,) = [list(eraser.plans())[-1].table]
    real = eraser._carry_out
    monkeypatch.setattr(
        eraser, "_carry_out", lambda plan, *g: fail() if plan.table == last else real(plan, *g)
    )
    with pytest.raises(RuntimeError), transaction.atomic():
        erase(alice, now=now)
    assert everything_of(alice) == before


# ------------------------------------------------------------------- that no table can be forgotten

FIND_BY_DIGEST = {"consumers.ImportRow"}
NOT_A_PERSONS_ROW = {
    "requests.Inquiry": "of the house: it ends with the last person of its branches (requests.inquiries.words)",
    "requests.Dispute": "of the house: it ends with its person once it is closed (requests.disputes.words)",
    "correspondence.InboundMessage": "emptied when a case takes it, or 30 days after it was ignored",
    "clients.ClientContact": "people at the client, who are no consumers",
    "clients.HistoricalClientContact": "people at the client, who are no consumers",
    "clients.Instruction": "the client's words",
    "consumers.ImportJob": "a file of many; its key is shredded when the import ends",
    "consumers.SuppressionToken": "outlives the erasure (R39)",
    "consumers.ImportOccurrence": "a keyed count with no link to the person, gone with its import",
    "requests.Erasure": "shredded by the case itself before the root rolls",
}


def forgotten(among: Iterable[type[models.Model]]) -> Iterator[str]:
    """Models with personal fields that neither belong to a person nor say why not."""
    for model in among:
        consumer_fields = [
            field for field, told in personal_fields(model) if Category.STAFF not in told.categories
        ]
        label = model._meta.label
        if (
            consumer_fields
            and not subject_column(model)
            and label not in FIND_BY_DIGEST | NOT_A_PERSONS_ROW.keys()
        ):
            yield label


def unerased() -> Iterator[str]:
    """Fields of a person's rows that should go and that no plan touches."""
    plans = {plan.model: plan for plan in eraser.plans()}
    for model in subject_models():
        plan = plans.get(model)
        for field, told in personal_fields(model):
            touched = plan is not None and (
                plan.deletes or field.column in plan.nullifies + plan.coarsens
            )
            if told.fate is not Fate.KEEP and not touched:
                yield str(field)


def test_every_model_with_personal_data_belongs_to_a_person_or_says_why_not() -> None:
    assert list(forgotten(apps.get_models())) == []
    assert list(unerased()) == []


def test_every_row_of_a_person_names_its_client_and_has_an_index_to_its_person() -> None:
    with connection.cursor() as cursor:
        for model in (plan.model for plan in eraser.plans()):
            column = subject_column(model)
            assert "client_id" in eraser.columns_of(model), model
            cursor.execute(
                "SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
                " AND a.attnum = ANY(i.indkey[0:1]) WHERE i.indrelid = %s::regclass"
                " AND a.attname = %s",
                [model._meta.db_table, column],
            )
            assert cursor.fetchone()[0], f"{model._meta.label} has no index on {column}"


def test_the_fixture_has_a_row_in_every_table_of_a_person(alice: Consumer) -> None:
    """So that a new table cannot pass the tests above by being empty."""
    empty = {m._meta.label for m in subject_models() if not rows_of(m, alice)}
    assert empty == {"consumers.LegalHold", "requests.ErasureSubject"}


@pytest.fixture
def stray() -> Iterator[type[models.Model]]:
    class Stray(models.Model):
        data_subject = "consumer_id"
        client_id = plain(models.UUIDField())
        consumer_id = plain(models.UUIDField())
        born = personal(
            models.DateField(), Category.BIRTHDAY, fate=Fate.COARSEN, label="user.demographic"
        )
        key_page = plain(models.IntegerField(null=True))
        key_slot = plain(models.SmallIntegerField(null=True))

        class Meta:
            app_label = "strays"

        def __str__(self) -> str:
            return "stray"

    yield Stray
    apps.all_models["strays"].clear()


def test_a_model_that_is_declared_later_is_erased_without_a_change_here(
    alice: Consumer, stray: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = subject_models()
    monkeypatch.setattr(eraser, "subject_models", lambda: [*known, stray])
    with connection.schema_editor() as editor:
        editor.create_model(stray)
    keys = {"key_page": 0, "key_slot": 1000}
    stray.objects.create(client_id=alice.client_id, consumer_id=alice.pk, born=now, **keys)
    assert vault.KeyRef(0, 1000) in eraser.key_refs(alice.client_id, [alice.pk])
    assert erase(alice, now=now)["strays_stray"] == 1
    assert stray.objects.get().born == now.date().replace(day=1)
    assert "strays_stray" not in erase(alice, now=now)


def test_a_model_with_personal_data_and_no_person_is_noticed(stray: Any) -> None:
    stray.data_subject = ""
    assert is_history(stray) is False
    assert list(forgotten([stray, Consumer])) == ["strays.Stray"]
