"""Residue is found wherever it is planted, told without its value, and nothing else is taken for it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection, models
from pytest_django import Settings

from clients.models import Client
from consumers.models import Consumer, ImportJob, Preference, Purchase
from consumers.profile import Profile
from portal import ledger, outbox
from portal.ids import new_id
from portal.models import User
from portal.personal import searchable_columns
from requests.erasures import sweep
from requests.erasures.sweep import Hit, values_of
from tests.erasures.people import ALICE, BOB, CHARLIE, load, with_case, with_quarantined_row
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
EMAIL = "alice@example.com"


@pytest.fixture
def client_(now: datetime) -> Client:
    return make_client(now=now)


@pytest.fixture
def alice(client_: Client, now: datetime) -> Consumer:
    (alice,) = load(client_, [ALICE], now=now)
    with_case(alice, now=now)
    return alice


def hits(*values: str) -> list[Hit]:
    return sweep.sweep(values or values_of(ALICE))


def job(client: Client, now: datetime, **fields: Any) -> ImportJob:
    with_quarantined_row(client, CHARLIE, now=now)
    found: ImportJob = ImportJob.objects.latest("logged_at")
    ImportJob.objects.filter(pk=found.pk).update(**fields)
    return found


# --------------------------------------------------------------------------------------- the values


def test_the_values_are_what_would_betray_the_person() -> None:
    assert values_of(ALICE) == sorted(
        [
            "alice@example.com",
            "+16175550101",
            "6175550101",
            "cust-000001",
            "Alice Archer",
            "Archer Alice",
            "Archer, Alice",
            "Archer 1970-12-31",
            "Archer, 1970-12-31",
            "Archer,1970-12-31",
            "12 Harbor Street",
        ]
    )


def test_short_and_common_values_are_left_out() -> None:
    person = Profile(
        external_id="A-17", given_name="Al", surname="Li", street="1 A St", region="MA"
    )
    assert values_of(person) == []
    assert values_of(Profile(street="Harbor Street")) == []
    assert values_of(Profile()) == []
    assert hits("A-17", "") == []


# -------------------------------------------------------------------------------- what it looks through


def test_a_sealed_person_is_found_nowhere(alice: Consumer) -> None:
    assert hits() == []


def test_a_text_column(alice: Consumer) -> None:
    Preference.objects.update(source=f"mail from {EMAIL.upper()}"[:40])
    (preference,) = Preference.objects.all()
    assert hits() == [Hit("consumers_preference", "source", str(preference.pk))]


def test_a_json_column(client_: Client, alice: Consumer, now: datetime) -> None:
    row = job(client_, now, warnings={"unknown": ["line 7:\nAlice Archer\t6175550101"]})
    assert hits("Alice Archer") == [Hit("consumers_importjob", "warnings", str(row.pk))]
    assert hits("6175550101") == [Hit("consumers_importjob", "warnings", str(row.pk))]


def test_a_bytes_column_whose_key_has_two_parts(client_: Client, alice: Consumer) -> None:
    purchase = Purchase.objects.all()[0]
    Purchase.objects.filter(id=purchase.id).update(sealed=b"\xff\x00ALICE@example.com\x80")
    assert hits() == [Hit("consumers_purchase", "sealed", f"{client_.pk}/{purchase.id}")]


def test_a_history_table(alice: Consumer) -> None:
    history = Consumer.history.get()
    Consumer.history.update(history_change_reason="asked by Alice Archer")
    table, column = "consumers_historicalconsumer", "history_change_reason"
    assert hits() == [Hit(table, column, str(history.history_id))]


def test_a_session_is_read_decoded_and_its_key_is_not_told(alice: Consumer) -> None:
    user, store = make_user(), SessionStore()
    store["_auth_user_id"], store["search"] = str(user.pk), {"email": EMAIL}
    store.save()
    (hit,) = hits()
    assert hit == Hit("django_session", "session_data", f"session of user {user.pk}")
    assert str(store.session_key) not in repr(hit)


def test_the_admins_log(alice: Consumer) -> None:
    entry = LogEntry.objects.create(
        user=make_user(),
        content_type=ContentType.objects.get_for_model(User),
        object_id="1",
        object_repr="Archer, Alice",
        action_flag=CHANGE,
        change_message="[]",
    )
    assert hits() == [Hit("django_admin_log", "object_repr", str(entry.pk))]


def test_the_outbox(alice: Consumer, now: datetime) -> None:
    message = outbox.put("letter", new_id(), now=now)
    message.last_fault = "12 Harbor Street"
    message.save()
    assert hits() == [Hit("portal_outboxmessage", "last_fault", str(message.pk))]


@pytest.mark.parametrize("before", [0, sweep.CHUNK - 5, sweep.CHUNK, 2 * sweep.CHUNK - 17])
def test_a_stored_file_also_where_two_pieces_meet(before: int, settings: Settings) -> None:
    file = Path(settings.MEDIA_ROOT) / "cases" / "letter.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xfe" * before + b"Dear Alice Archer, thank you" + b"\xfe" * 9)
    assert hits() == [Hit("files", "content", "cases/letter.bin")]


def test_a_files_name_is_found_and_not_told(settings: Settings) -> None:
    folder = Path(settings.MEDIA_ROOT) / "cases"
    folder.mkdir(parents=True)
    (folder / "Alice Archer.pdf").write_bytes(b"%PDF")
    assert hits() == [Hit("files", "name", "cases/***")]


def text_columns() -> Iterator[Any]:
    for model, columns in sweep.tables():
        for column in columns:
            yield pytest.param(model, column, id=f"{model._meta.db_table}.{column}")


@pytest.mark.parametrize(("model", "column"), list(text_columns()))
def test_each_column_of_each_table_is_read(model: type[models.Model], column: str) -> None:
    """Against a copy of the table without its constraints, so that the one cell can be planted."""
    table = model._meta.db_table
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    value: Any = SessionStore().encode({"a": EMAIL}) if model is Session else EMAIL
    if isinstance(field, models.BinaryField):
        value = b"\x01" + EMAIL.encode()
    elif isinstance(field, models.JSONField):
        value = f'{{"a": ["{EMAIL}"]}}'
    elif isinstance(field, models.CharField) and field.max_length is not None:
        value = value[: field.max_length]
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TEMPORARY TABLE "{table}" AS SELECT * FROM public."{table}"')
        cursor.execute(f'DELETE FROM pg_temp."{table}"')
        cursor.execute(f'INSERT INTO pg_temp."{table}" ("{column}") VALUES (%s)', [value])
    wanted = value if isinstance(value, str) and len(value) < len(EMAIL) else EMAIL
    if len(wanted) >= sweep.SHORTEST:
        assert [(hit.table, hit.column) for hit in hits(wanted)] == [(table, column)]
    else:
        assert field.max_length is not None
        assert field.max_length < sweep.SHORTEST


def test_every_column_that_can_hold_text_is_read_or_left_out_for_a_reason() -> None:
    read = {(model, column) for model, columns in sweep.tables() for column in columns}
    unread = {
        f"{model._meta.label}.{field.name}"
        for model, field in searchable_columns()
        if (model, field.column) not in read
    }
    by_reason = {name for name in unread if {name, name.rpartition(".")[0]} & sweep.LEFT_OUT.keys()}
    of_users = {"username", "first_name", "last_name", "email", "password"}
    of_staff = {f"portal.User.{name}" for name in of_users} | {"access.Authenticator.sealed"}
    assert unread - by_reason == of_staff | {
        f"clients.ClientContact.{name}" for name in ("name", "email", "telephone")
    }
    assert all(sweep.LEFT_OUT.values())


def test_a_member_of_staff_who_has_the_same_name_is_no_residue(alice: Consumer) -> None:
    make_user(first_name="Alice", last_name="Archer", username="alice archer")
    assert hits() == []


def test_tables_longer_than_a_page_are_read_to_the_end(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PAGE", 2)
    people = load(client_, [ALICE, BOB, CHARLIE], now=now)
    last = max(people, key=lambda person: person.pk)
    Preference.objects.filter(consumer_id=last.pk).update(source=EMAIL)
    Consumer.history.filter(id=people[1].pk).update(history_change_reason=EMAIL)
    seen: list[str] = []
    found = sweep.sweep([EMAIL], progress=seen.append)
    assert {hit.table for hit in found} == {"consumers_preference", "consumers_historicalconsumer"}
    assert seen.count("consumers_consumer") == 2
    assert {model._meta.db_table for model, _ in sweep.tables()} >= set(seen) - {"values", "files"}


def test_more_values_than_fit_into_one_pass_are_all_looked_for(
    alice: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_VALUES", 2)
    for value in (EMAIL, "Archer,1970-12-31", "cust-000001", "6175550101"):
        Preference.objects.update(source=value)
        (preference,) = Preference.objects.all()
        assert hits() == [Hit("consumers_preference", "source", str(preference.pk))]


def test_no_more_than_a_hundred_hits_are_told(client_: Client, now: datetime) -> None:
    user = User.objects.system()
    LogEntry.objects.bulk_create(
        LogEntry(user=user, object_repr=EMAIL, action_flag=CHANGE) for _ in range(150)
    )
    assert len(hits()) == sweep.MOST_HITS


def test_a_hit_never_holds_the_value(alice: Consumer) -> None:
    Preference.objects.update(source="Alice Archer")
    for hit in hits():
        assert "alice" not in repr(hit).lower()


# ---------------------------------------------------------------------- what is a value, and what not

Planted = Callable[[str], bool]


@pytest.fixture
def planted(alice: Consumer) -> Planted:
    """Whether a text that stands in the admin's log is taken for residue of Alice."""
    user = User.objects.system()

    def is_found(text: str) -> bool:
        LogEntry.objects.create(user=user, object_repr="", change_message=text, action_flag=CHANGE)
        return bool(hits())

    return is_found


@pytest.mark.parametrize(
    "text",
    [
        "617-555-0101",
        "(617) 555-0101",
        "(617)555-0101",
        "617.555.0101",
        "tel:16175550101",
        "?email=alice%40example.com",
        "name=Alice+Archer",
        "name=Alice%20Archer",
        "xalice@example.community",
        '{"name": "line\\nAlice Archer\\n"}',
        "ARCHER,1970-12-31",
        "12 HARBOR STREET",
    ],
)
def test_a_value_is_found_in_the_forms_in_which_it_is_written(planted: Planted, text: str) -> None:
    assert planted(text)


@pytest.mark.parametrize(
    "text",
    [
        "26175550101",
        "sha256 9f6175550101ab",
        "cust-0000012",
        "Malice Archer",
        "Alice Archerson",
        "112 Harbor Street",
        "Alice, Archer",
    ],
)
def test_a_part_of_something_longer_is_no_residue(planted: Planted, text: str) -> None:
    assert not planted(text)


@pytest.mark.parametrize(
    "text", ["Zoë Özdemir-Ünal", "ZOË ÖZDEMIR-ÜNAL", "Zo\\u00eb \\u00d6zdemir-\\u00dcnal"]
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_letters_beyond_ascii_are_found_in_both_cases(
    client_: Client, now: datetime, text: str, as_bytes: bool
) -> None:
    load(client_, [CHARLIE], now=now)
    values = values_of(Profile(given_name="Zoë", surname="Özdemir-Ünal"))
    assert sweep.sweep(values) == []
    if as_bytes:
        Purchase.objects.update(sealed=text.encode())
    else:
        Preference.objects.update(source=text)
    assert sweep.sweep(values)


def test_values_in_quotes_and_backslashes_are_found_in_json(client_: Client, now: datetime) -> None:
    job(client_, now, warnings={"of": 'Pat "Tricky" O\\Neil'})
    assert sweep.sweep(['Pat "Tricky" O\\Neil'])


@pytest.mark.parametrize(
    "text", ["{told: 250000}", "at 12:00:00.250000Z", "portal\n250000\nroot", '{"rows": 250000}']
)
def test_a_customer_number_that_is_also_a_count_stops_no_certificate(
    planted: Planted, text: str, now: datetime
) -> None:
    ledger.record(verb="test.count", by=User.objects.system(), counts={"rows": 250000}, now=now)
    assert not planted(text)
    assert hits("250000") == []


@pytest.mark.parametrize("text", ["250000", '{"of": "250000"}', '["{\\"of\\": \\"250000\\"}"]'])
def test_a_customer_number_that_stands_by_itself_is_found(planted: Planted, text: str) -> None:
    assert not planted(text)
    assert [hit.table for hit in hits("250000")] == ["django_admin_log"]


def test_a_name_is_found_as_html_writes_it(planted: Planted) -> None:
    assert not planted("Conor O&#x27;Brien")
    assert hits("Conor O'Brien")
