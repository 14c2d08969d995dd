"""Files as an attacker, a spreadsheet or a broken disk makes them: each ends, says what to do, and adds up."""

import gzip
from datetime import timedelta
from functools import partial

import pytest
from django.test import Client as Browser
from django.urls import reverse

from consumers.imports import batches, report, runner, staging, verbs
from consumers.imports.forms import choices
from consumers.imports.models import OUTCOMES, ImportJob, ImportRow, SensitiveIncident
from consumers.models import Consumer, Purchase
from consumers.readers import Row
from portal import vault, work
from portal.errors import Refused
from tests.factories import NOW
from tests.imports import engine

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

GOOD = "C1,Alice,Archer,alice@example.com,,,,,"
LAST = "C9,Bob,Baker,bob@example.com,,,,,"


def bring_in(content: bytes | str, kind: str = "consumers") -> ImportJob:
    """An import that has ended in some way, whose counts add up and whose sentence says what to do."""
    job = engine.bring_in(engine.ready_client(), content, kind)
    assert job.state in ("finished", "failed")
    assert job.rows_read == sum(getattr(job, outcome) for outcome in OUTCOMES)
    reported = ImportRow.objects.filter(job=job)
    assert reported.count() == job.suppressed + job.quarantined + job.refused
    assert all(reason.sentence[0].isupper() for reason in report.reasons(job))
    if job.state == "failed":
        assert verbs.fault(job).endswith(".")
        assert {"Cancel", "Resume", "cancel", "resume"} & set(
            verbs.fault(job).replace(",", "").split()
        )
    return job


def reasons(job: ImportJob) -> list[str]:
    rows = ImportRow.objects.filter(job=job).order_by("row_number")
    return list(rows.values_list("reason", flat=True))


# ------------------------------------------------------------------------------ refused at the door


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (gzip.compress(engine.people(GOOD).encode(), mtime=0), "packed"),
        (b"PK\x03\x04" + bytes(60), "workbook"),
        (engine.people(GOOD).encode("utf-16"), "utf_16"),
        (engine.people(GOOD).encode("utf-16-be"), "nul"),
        (b"id," * 1_000_000 + b"id\n", "cell_too_long"),
        (b",".join(b"c%d" % n for n in range(1_000)) + b"\n", "too_many_columns"),
        (b"x" * 10_000_000, "cell_too_long"),
        (b"id,id\n1,2\n", "duplicate_header"),
        (b'id,"name\n' + b"1,Alice\n" * 20, "no_header"),
        (b"a,b,a\x01\n1,2,3\n", "duplicate_header"),
    ],
)
def test_what_can_never_be_read_is_refused_at_the_door_with_what_to_do(
    content: bytes, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        engine.upload(engine.ready_client(), content)
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")
    assert not ImportJob.objects.exists()


# ---------------------------------------------------------------------------- rows that are not right


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        # The middle of the file has fewer columns than its beginning and end.
        ("C2,Carol\nC3,Dave\n", (2, 2, ["row.too_few_cells"] * 2)),
        ("C2" + "," * 100_000 + "x\n", (2, 1, ["row.too_many_cells"])),
        ('C2,"Carol\n' + LAST.replace("C9", "C8") + "\n", (1, 1, ["row.open_quote"])),
        ("C2,Carol,,carol@example.com,,,,,\r" + LAST.replace("9", "3") + "\r\r\n", (4, 0, [])),
        ('C2,"Ca\r\nrol","O\n""Hara",,,"1 Main St\nFloor 2",,,\n', (3, 0, [])),
        ("1.23457E+11,Carol,,,,,,,\n2.5E+10,Dave,,dave@example.com,,,,,\n",
         (3, 1, ["no_identifier"])),
        ('="00123",=1+1,@SUM(A1),,,,,,\n', (3, 0, [])),
        ("NULL,Carol,,,,,,,\n#N/A,Dave,,,,,,,\n", (2, 2, ["no_identifier"] * 2)),
        ("\x1b[2J,\u202eecila,\u200b,,,,,,\n", (3, 0, [])),
        (",,,,,,,,\n,,,,,,,,\n", (2, 2, ["no_identifier"] * 2)),
        (f"C2,{'x' * 60_000},,{'y' * 60_000}@example.com,,,,,\n", (3, 0, [])),
    ],
)  # fmt: skip
def test_rows_that_are_not_right_are_reported_and_the_others_go_in(
    rows: str, outcome: tuple[int, int, list[str]]
) -> None:
    job = bring_in(f"{engine.HEADER}\n{GOOD}\n{rows}{LAST}\n")
    assert job.state == "finished"
    assert (job.accepted, job.refused, reasons(job)) == outcome


def test_numbers_that_a_spreadsheet_rounded_make_nobody_of_two_people_one() -> None:
    job = bring_in(
        "customer_id,email\n1.23457E+11,alice@example.com\n1.23457E+11,bob@example.com\n"
    )
    assert (job.accepted, job.updated) == (2, 0)
    assert report.warned(job) == [("External id was rounded by a spreadsheet", 2)]
    facts = bring_in("customer_id,date,amount\n1.2E+11,2020-01-01,1.2E+03\n", "purchases")
    assert (facts.refused, Purchase.objects.count()) == (1, 0)


def test_a_formula_goes_in_as_the_text_that_it_is() -> None:
    client = engine.ready_client()
    engine.bring_in(client, f'{engine.HEADER}\n="00123",=HYPERLINK("x"),Archer,,,,,,\n')
    (found,) = engine.profiles(client).values()
    assert (found.external_id, found.given_name) == ("00123", '=HYPERLINK("x")')


def test_json_lines_of_any_kind_are_rows_with_an_outcome() -> None:
    lines = [
        b'{"customer_id":"C1","first_name":"Ali\\u0000ce"}',
        b'{"customer_id":12345678901234567890123,"first_name":"Bob"}',
        b'{"customer_id":["C3"]}',
        b'{"customer_id":"C4","first_name":"\xff"}',
        b'{"customer_id":"C5","first_name":"\\ud800"}',
        b"[1,2]",
        b"[" * 5000,
        b"null",
        b'{"customer_id":"C6","first_name":"A","first_name":"B"}',
        b'{"customer_id":{"a":{"b":{"c":{"d":{"e":1}}}}}}',
    ]
    job = bring_in(b"\n".join(lines))
    assert (job.state, job.rows_read) == ("finished", len(lines))
    assert "row.encoding" in reasons(job)
    assert Consumer.objects.filter(client_id=job.client_id).count() == job.accepted


def test_a_sensitive_number_is_found_in_a_row_that_a_quotation_mark_has_torn() -> None:
    job = bring_in(f'{engine.HEADER}\n{GOOD}\nC2,"Carol\nC3,"4111 1111 1111 1111",,\n{LAST}\n')
    assert (job.accepted, job.refused, reasons(job)) == (2, 1, ["sensitive.card"])
    assert SensitiveIncident.objects.get().column == ""


# ------------------------------------------------------------------------ what stops in the middle


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (b"C8,\xe9,,,,,,,\n", "encoding"),
        (b"C8,\0,,,,,,,\n", "nul"),
        (b"C8," + b"x" * 70_000 + b",,,,,,,\n", "cell_too_long"),
        (b"C8," + b"x" * 10_000_000, "cell_too_long"),
        (b'C8,"' + b"C9,Bob,Baker,bob@example.com,,,,,\n" * 3_000, "cell_too_long"),
        (b'C8,"' + b'\n","' * 1_000_000, "cell_too_long"),
    ],
)
def test_a_file_that_breaks_in_the_middle_keeps_what_came_before_and_says_what_to_do(
    rest: bytes, code: str
) -> None:
    # Longer than the sample at the beginning, so that only the reading itself comes to it.
    good = "".join(f"C{n % 5},Alice,,,,,Town {'x' * 190},,\n" for n in range(1_500))
    job = bring_in(f"{engine.HEADER}\n{good}".encode() + rest)
    assert (job.state, job.last_fault, job.rows_read) == ("failed", code, 1_500)
    assert "Cancel" in verbs.fault(job)
    client, by = job.client, engine.manager_of(job.client)
    verbs.cancel_import(job, by=by, now=NOW)
    again = engine.bring_in(client, f"{engine.HEADER}\n{good}{LAST}\n")
    assert (again.unchanged, again.accepted) == (1_500, 1)


def test_a_file_of_which_hardly_a_row_can_be_used_stops_early_and_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "LOOK_AT", 20)
    engine.small_batches(monkeypatch, 7)
    client = engine.ready_client()
    job = engine.start(engine.upload(client, engine.people(*["x"] * 300)))
    runner.run_job(job, engine.clock())
    assert (job.state, job.last_fault, job.rows_read) == ("failed", "hardly_usable", 21)
    assert "Resume if it is meant to be so." in verbs.fault(job)
    verbs.resume_import(job, by=engine.manager_of(client), now=NOW)
    runner.run_job(job, engine.clock())
    assert (job.last_fault, job.rows_read, job.refused) == ("hardly_usable", 203, 203)
    verbs.resume_import(job, by=engine.manager_of(client), now=NOW)
    runner.run_job(job, engine.clock())
    assert (job.state, job.refused) == ("finished", 300)


def test_a_file_with_some_good_rows_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOOK_AT", 10)
    rows = [f"C{n},Alice,,,,,,," if n % 10 == 0 else "x" for n in range(40)]
    job = bring_in(engine.people(*rows))
    assert (job.state, job.accepted, job.refused) == ("finished", 4, 36)


def test_rows_that_cost_every_worker_its_life_fail_the_import_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = engine.ready_client()
    job = engine.start(engine.upload(client, engine.people(GOOD)))
    moment = NOW
    for _ in range(work.MAX_ATTEMPTS):
        # A worker that is killed leaves its lease and nothing else.
        assert work.claim(ImportJob, moment) is not None
        moment += work.LEASE + timedelta(seconds=1)
    with monkeypatch.context() as patched:
        patched.delattr(staging, "lock_client")
        assert runner.run_due(engine.clock(moment)) == 1
    job.refresh_from_db()
    assert (job.state, job.last_fault, job.work_due) == ("failed", "WorkersDied", False)
    verbs.resume_import(job, by=engine.manager_of(client), now=moment)
    runner.run_due(engine.clock(moment))
    job.refresh_from_db()
    assert (job.state, job.accepted) == ("finished", 1)


def test_long_rows_come_in_batches_of_a_bounded_size() -> None:
    rows = [Row(n, ["x"], "", n * 1_000_000) for n in range(1, 12)]
    sizes = [len(batch) for batch in batches.batches(iter(rows))]
    assert sizes == [6, 5]
    short = [Row(n, ["x"], "", n) for n in range(1, 12)]
    assert [len(b) for b in partial(batches.batches, size=4)(iter(short))] == [4, 4, 3]


# ----------------------------------------------------------------------------------- nothing at all


def test_a_header_alone_is_said_to_hold_no_rows() -> None:
    job = bring_in(engine.HEADER + "\r\n")
    assert (job.state, job.rows_read) == ("finished", 0)
    browser = Browser()
    browser.force_login(engine.manager_of(job.client))
    page = browser.get(reverse("imports:job", args=[job.pk]))
    assert "no row below them" in page.content.decode()


def test_a_damaged_sealed_file_says_what_to_do() -> None:
    job = engine.start(engine.upload(engine.ready_client(), engine.people(GOOD)))
    job.last_fault = vault.SealBroken.__name__
    assert "upload the file again" in verbs.fault(job)


def test_a_column_whose_name_has_no_letters_is_offered_no_attribute_without_a_name() -> None:
    assert "demographics." not in dict(choices("consumers", "???"))
