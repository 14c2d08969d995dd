"""The file of an erasure: every row ends as one thing, the file goes with the case, nothing runs past the client."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.instructions import verbs as instructions
from clients.models import Client, Instruction
from consumers.imports.models import RememberedMapping
from consumers.models import Consumer
from portal import ledger, vault
from portal.cases import files
from portal.cases.models import CaseFile
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.retire import shred_retired
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.work import claim
from requests.erasures import execution, subjects, sweep
from requests.erasures import verbs as case_verbs
from requests.erasures.approval import mark_of
from requests.erasures.intake import reading, verbs
from requests.erasures.intake.models import ErasureFile
from requests.erasures.models import Erasure
from tests.erasures import intake
from tests.erasures.people import load, person
from tests.factories import make_client, make_instruction, make_user, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def client_(now: datetime) -> Client:
    return intake.make_ready(now)


def sealed_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def approve(erasure: Erasure, now: datetime) -> None:
    case_verbs.approve(
        erasure,
        confirmation=erasure.reference,
        read=mark_of(erasure),
        by=staff_in(SECURITY_OFFICER),
        now=now,
    )


def leave_out_the_ambiguous(erasure: Erasure, now: datetime) -> None:
    for row in erasure.subjects.filter(match="ambiguous"):
        manager = intake.manager_of(erasure.client)
        case_verbs.resolve(erasure, subject=row, consumer=None, by=manager, now=now)


# -------------------------------------------------------------------------------------------- reading


def test_every_row_ends_as_one_thing_and_the_totals_add_up(client_: Client, now: datetime) -> None:
    erasure = intake.read(client_, intake.content(*intake.ROWS), now)
    assert intake.rows_of(erasure) == intake.EXPECTED
    assert subjects.tally(erasure) == {
        "one": 3, "repeated": 3, "none": 2, "ambiguous": 1, "left_out": 0, "refused": 4
    }  # fmt: skip
    assert ErasureFile.objects.get().rows_read == len(intake.ROWS)
    assert (erasure.state, erasure.work_due, erasure.percent) == ("ambiguous", False, 100)


@pytest.mark.parametrize(
    "given",
    [
        b"email\nalice@example.com\n",
        b"email\talice\nalice@example.com\tx\n",
        b'\xef\xbb\xbfemail,note\r\n"alice@example.com","two\r\nlines"\r\n',
        b'{"email": "alice@example.com", "note": "x"}\n',
        b"email note\nalice@example.com x\n",
        "email;Straße\nalice@example.com;Weg\n".encode(),
    ],
)
def test_whatever_an_import_can_read_an_erasure_can(
    given: bytes, client_: Client, now: datetime
) -> None:
    erasure = intake.read(client_, given, now)
    assert (erasure.state, [how for _, how, _ in intake.rows_of(erasure)]) == ("matched", ["one"])


def test_a_file_in_another_encoding_is_read_once_that_was_said(
    client_: Client, now: datetime
) -> None:
    erasure = intake.upload(client_, "email,name\nalice@example.com,Zoë\n".encode("latin-1"), now)
    with pytest.raises(Refused, match="UTF-8"):
        verbs.columns(erasure)
    mapping = verbs.columns(erasure, encoding="latin-1").mapping
    intake.run(intake.start(erasure, now, mapping=mapping, encoding="latin-1"), now)
    assert erasure.state == "matched"


def test_no_value_of_the_file_stands_anywhere_in_plain(client_: Client, now: datetime) -> None:
    intake.read(client_, intake.content(*intake.ROWS), now)
    given = {
        "nobody@example.com",
        "alice@example.com",
        "cust-000002",
        "cust-999999",
        "Alise Archer",
    }
    assert (
        sweep.sweep({*given, "12 Harbor Street", "6175550102", "people.csv", "4111111111111111"})
        == []
    )
    assert "4111" not in str(list(Leaf.objects.values_list("counts", "reason")))


def test_a_batch_takes_as_many_statements_however_many_rows_it_has(
    client_: Client, now: datetime
) -> None:
    intake.load_many(client_, 200, now)
    asked = []
    for number in (20, 20, 200):
        erasure = intake.start(intake.upload(client_, intake.many(number), now), now)
        with CaptureQueriesContext(connection) as told:
            intake.run(erasure, now)
        assert subjects.tally(erasure)["one"] == number
        asked.append(len(told))
    assert asked[1] == asked[2], "the first one filled caches"


def test_a_file_of_several_batches_knows_who_was_named_in_an_earlier_one(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.small_batches(monkeypatch)
    intake.load_many(client_, 10, now)
    erasure = intake.read(client_, intake.many(10) + intake.many(10).partition(b"\n")[2], now)
    ends = [how for _, how, _ in intake.rows_of(erasure)]
    assert ends == ["one"] * 10 + ["repeated"] * 10
    assert Leaf.objects.filter(verb="erasure.load").count() == 7


def test_a_batch_whose_leaf_cannot_be_written_is_not_there(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasure = intake.start(intake.upload(client_, intake.content(*intake.ROWS), now), now)

    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "record", fails)
        intake.run(erasure, now)
    assert (intake.rows_of(erasure), ErasureFile.objects.get().rows_read) == ([], 0)
    assert (erasure.state, erasure.last_fault) == ("reading", "RuntimeError")
    assert "RuntimeError" in verbs.fault(erasure)
    intake.run(erasure, now + timedelta(minutes=5))
    assert intake.rows_of(erasure) == intake.EXPECTED


# --------------------------------------------------------------------------------- stopping, resuming


def test_a_reading_is_stopped_and_goes_on_where_it_was(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.small_batches(monkeypatch)
    erasure = intake.start(intake.upload(client_, intake.content(*intake.ROWS), now), now)
    manager, store = intake.manager_of(client_), subjects.store

    def stops_in_the_second(*args: Any) -> Any:
        if args[1][0].row.number == 4:
            # Another connection would wait for the batch's lock; the verb is due right after it.
            monkeypatch.setattr(subjects, "match", then_stop)
        return store(*args)

    match = subjects.match

    def then_stop(*args: Any) -> Any:
        verbs.stop(Erasure.objects.get(pk=erasure.pk), by=manager, now=now)
        monkeypatch.setattr(subjects, "match", match)
        return match(*args)

    monkeypatch.setattr(subjects, "store", stops_in_the_second)
    intake.run(erasure, now)
    assert (erasure.state, erasure.work_due, len(intake.rows_of(erasure))) == ("reading", False, 6)
    intake.run(erasure, now + timedelta(hours=1))
    assert len(intake.rows_of(erasure)) == 6
    with pytest.raises(Refused, match="Nobody is reading"):
        verbs.stop(erasure, by=manager, now=now)
    verbs.resume(erasure, by=manager, now=now)
    with pytest.raises(Refused, match="being read already"):
        verbs.resume(erasure, by=manager, now=now)
    intake.run(erasure, now + timedelta(hours=1))
    assert intake.rows_of(erasure) == intake.EXPECTED


def test_a_worker_that_was_passed_by_writes_nothing(client_: Client, now: datetime) -> None:
    erasure = intake.start(intake.upload(client_, intake.content(*intake.ROWS), now), now)
    asleep = claim(Erasure, now, pk=erasure.pk)
    assert asleep is not None
    intake.run(erasure, now + timedelta(minutes=10))
    assert not execution.run(asleep, intake.ticking(now))
    assert intake.rows_of(erasure) == intake.EXPECTED


def test_an_instruction_that_is_suspended_stops_the_reading(client_: Client, now: datetime) -> None:
    erasure = intake.start(intake.upload(client_, intake.content(*intake.ROWS), now), now)
    officer = staff_in(SECURITY_OFFICER)
    instructions.suspend(erasure.instruction, finding="Unlawful?", by=officer, now=now)
    intake.run(erasure, now)
    assert (erasure.state, erasure.work_due, intake.rows_of(erasure)) == ("reading", False, [])
    assert "not in effect any more" in verbs.fault(erasure)


def test_a_file_that_breaks_off_says_so_and_is_discarded(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.small_batches(monkeypatch)
    monkeypatch.setattr("consumers.readers.SAMPLE", 40)
    broken = b"email\n" + b"alice@example.com\n" * 6 + b"bob\0@example.com\n"
    erasure = intake.read(client_, broken, now)
    assert (erasure.state, erasure.work_due) == ("reading", False)
    assert "NUL bytes" in verbs.fault(erasure)
    assert [how for _, how, _ in intake.rows_of(erasure)] == ["one", *["repeated"] * 5]
    verbs.discard(erasure, by=intake.manager_of(client_), now=now)
    assert (erasure.state, erasure.is_open) == ("discarded", False)


# ------------------------------------------------------------------------------- columns, instruction


def test_what_the_columns_mean_is_remembered_for_the_clients_next_file_of_this_kind(
    client_: Client, now: datetime
) -> None:
    odd = b"who,what\nalice@example.com,cust-000001\n"
    first = intake.upload(client_, odd, now)
    found = verbs.columns(first)
    assert (found.is_remembered, found.mapping.columns) == (False, {})
    mapping = replace(found.mapping, columns={"who": "email", "what": "external_id"})
    intake.run(intake.start(first, now, mapping=mapping), now)
    assert first.state == "matched"
    second = intake.upload(client_, odd, now)
    found = verbs.columns(second)
    assert (found.is_remembered, found.mapping.columns) == (True, mapping.columns)
    assert found.same_as == first.reference
    assert RememberedMapping.objects.get().kind == "erasures"
    other = intake.upload(intake.make_ready(now), odd, now)
    found = verbs.columns(other)
    assert (found.is_remembered, found.same_as) == (False, "")


def test_a_mapping_that_tells_nobody_apart_or_is_of_another_kind_is_refused(
    client_: Client, now: datetime
) -> None:
    erasure = intake.upload(client_, b"who,what\na,b\n", now)
    suggested = verbs.columns(erasure).mapping
    with pytest.raises(Refused, match="told apart"):
        intake.start(erasure, now, mapping=replace(suggested, columns={"who": "surname"}))
    with pytest.raises(Refused, match="another kind"):
        intake.start(erasure, now, mapping=replace(suggested, kind="consumers"))
    assert erasure.state == "uploaded"


def test_an_instruction_for_one_case_is_used_by_one_file_until_it_is_discarded(
    client_: Client, now: datetime
) -> None:
    instruction = make_instruction(client_, Instruction.Kind.ERASURE, now=now)
    first = intake.upload(client_, intake.many(1), now, instruction=instruction)
    with pytest.raises(Refused, match="covers one case"):
        intake.upload(client_, intake.many(1), now, instruction=instruction)
    verbs.discard(first, by=intake.manager_of(client_), now=now)
    instruction.refresh_from_db()
    assert instruction.state == "approved"
    intake.upload(client_, intake.many(1), now, instruction=instruction)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b"", "empty"),
        (b"1,2\n3,4\n", "column names"),
        (b"email\n\0\n", "NUL"),
        (b"alice@example.com,bob@example.com\nx,y\n", "looks like data"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_nothing_behind(
    given: bytes, sentence: str, client_: Client, now: datetime
) -> None:
    instruction = make_instruction(client_, Instruction.Kind.ERASURE, now=now)
    before = sealed_files()
    with pytest.raises(Refused, match=sentence):
        intake.upload(client_, given, now, instruction=instruction)
    assert (Erasure.objects.count(), ErasureFile.objects.count()) == (0, 0)
    assert sealed_files() == before
    instruction.refresh_from_db()
    assert instruction.state == "approved"


def test_a_file_whose_case_cannot_be_recorded_is_removed(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    instruction = make_instruction(client_, Instruction.Kind.ERASURE, now=now)
    before = sealed_files()

    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("portal.cases.verbs.record_verb", fails)
    with pytest.raises(RuntimeError):
        intake.upload(client_, intake.many(1), now, instruction=instruction)
    assert sealed_files() == before
    assert not CaseFile.objects.filter(kind=verbs.KIND).exists()


def test_only_the_clients_own_staff_uploads_and_discards(client_: Client, now: datetime) -> None:
    stranger = make_user(ACCOUNT_MANAGER)
    erasure = intake.upload(client_, intake.many(1), now)
    for verb in (verbs.stop, verbs.resume, verbs.discard):
        with pytest.raises(Refused):
            verb(erasure, by=stranger, now=now)
    with pytest.raises(Refused, match="no such client"):
        verbs.start(erasure, mapping=verbs.columns(erasure).mapping, by=stranger, now=now)
    erasure.refresh_from_db()
    assert erasure.state == "uploaded"


def test_whoever_said_what_the_columns_mean_is_not_the_second_person(
    client_: Client, now: datetime
) -> None:
    erasure = intake.upload(client_, intake.content(*intake.ROWS[:3]), now)
    officer = staff_in(SECURITY_OFFICER)
    verbs.start(erasure, mapping=verbs.columns(erasure).mapping, by=officer, now=now)
    intake.run(erasure, now)
    with pytest.raises(Refused, match="decided whom"):
        approve(erasure, now)


# -------------------------------------------------------------------------------------------- the end


def destroyed(erasure: Erasure) -> bool:
    """Whether the file's bytes, its key and its name are gone."""
    content = ErasureFile.objects.get(erasure=erasure).content
    key_is_gone = content.key_ref is None
    return key_is_gone and content.sealed is None and not files.path_of(content).exists()


def test_an_erasure_of_a_file_ends_certified_with_the_file_destroyed(
    client_: Client, now: datetime
) -> None:
    erasure = intake.read(client_, intake.content(*intake.ROWS), now)
    leave_out_the_ambiguous(erasure, now)
    content = ErasureFile.objects.get(erasure=erasure).content
    assert content.key_ref is not None
    approve(erasure, now)
    assert not destroyed(erasure)
    intake.run(erasure, now + timedelta(days=2))
    assert erasure.state == "certified", erasure.last_fault
    assert destroyed(erasure)
    assert vault.keys(client_.pk, [content.key_ref]) == {}
    scope = orjson.loads(erasure.certificate)["scope"]
    assert scope == {
        "rows_given": 13, "people_erased": 3, "people_not_on_file": 2, "rows_repeated": 3,
        "rows_left_out": 1, "rows_refused": 4,
    }  # fmt: skip
    assert not Consumer.objects.filter(client=client_, state="active").exists()


def test_the_same_file_again_is_a_second_case_of_what_is_left(
    client_: Client, now: datetime
) -> None:
    given = intake.content(*intake.ROWS[:4])
    first = intake.read(client_, given, now)
    approve(first, now)
    intake.run(first, now + timedelta(days=2))
    load(client_, [person(9)], now=now)
    again = given + f";{person(9).email};;;;;;;\n".encode()
    second = intake.read(client_, again, now + timedelta(days=3))
    assert [how for _, how, _ in intake.rows_of(second)] == ["none"] * 4 + ["one"]
    third = intake.upload(client_, again, now + timedelta(days=3))
    assert verbs.columns(third).same_as == second.reference


@pytest.mark.parametrize("end", ["discard", "reject", "recall", "close_unmatched"])
def test_the_file_goes_when_the_case_ends_otherwise(
    end: str, client_: Client, now: datetime
) -> None:
    rows = ("cust-999999;;;;;;;;",) if end == "close_unmatched" else intake.ROWS[:3]
    erasure = intake.start(intake.upload(client_, intake.content(*rows), now), now)
    if end != "discard":
        intake.run(erasure, now)
    if end == "recall":
        approve(erasure, now)
    verb = getattr(verbs if end == "discard" else case_verbs, end)
    verb(erasure, by=staff_in(SECURITY_OFFICER), now=now)
    shred_retired(now)
    assert destroyed(erasure)
    assert not erasure.subjects.filter(given__isnull=False).exists()
    with pytest.raises(Refused):
        verbs.columns(erasure)


def test_a_file_for_nobody_may_be_erased_in_part_and_says_how_many_were_not(
    client_: Client, now: datetime
) -> None:
    erasure = intake.read(
        client_, intake.content(";nobody@example.com;;;;;;;", intake.ROWS[0]), now
    )
    assert erasure.state == "matched"
    approve(erasure, now)
    intake.run(erasure, now + timedelta(days=2))
    told = orjson.loads(erasure.certificate)["scope"]
    assert (told["people_erased"], told["people_not_on_file"]) == (1, 1)


def test_rows_that_were_miscounted_are_never_approved(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasure = intake.start(intake.upload(client_, intake.content(*intake.ROWS), now), now)
    store = subjects.store
    monkeypatch.setattr(subjects, "store", lambda case, rows: store(case, rows[1:]))
    intake.run(erasure, now)
    assert (erasure.state, erasure.last_fault) == ("reading", reading.RowsMiscounted.__name__)


def test_a_client_that_has_ended_gives_no_file(now: datetime) -> None:
    client = make_client(managers=[make_user(ACCOUNT_MANAGER)], now=now)
    instruction = make_instruction(client, Instruction.Kind.ERASURE, now=now)
    Client.objects.filter(pk=client.pk).update(ended_at=now)
    with pytest.raises(Refused, match="has ended"):
        intake.upload(client, intake.many(1), now, instruction=instruction)
