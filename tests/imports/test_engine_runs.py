"""An import's life: what is refused, stopped, resumed, cancelled, taken away, and rolled back."""

import io
from datetime import timedelta

import pytest

from clients.instructions import verbs as instructions
from clients.models import Instruction
from consumers.imports import runner, source, staging, verbs
from consumers.imports.models import ImportJob, ImportRow
from consumers.mapping import Mapping
from consumers.models import BlindIndex, Consumer
from portal import ledger, outbox, vault, work
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.roles import ACCOUNT_MANAGER, AUDITOR
from tests.factories import NOW, make_client, make_instruction, make_user
from tests.imports import engine

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

ROWS = engine.people(*(f"C{n},Alice {n},,person{n}@example.com,,,,," for n in range(10)))


def refresh(job: ImportJob) -> ImportJob:
    job.refresh_from_db()
    return job


# ----------------------------------------------------------------------------------------- the file


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\n\n  \n", "empty"),
        (b"id,na\0me\n", "nul"),
        (b"id,id\n1,2\n", "duplicate_header"),
        (b"1,2\n3,4\n", "no_header"),
        (b"Alice,alice@example.com\nBob,bob@example.com\n", "no_header"),
        (b"name,4111 1111 1111 1111\n", "no_header"),
    ],
)
def test_a_file_that_can_never_be_read_is_refused_at_once_and_not_kept(
    content: bytes, code: str
) -> None:
    client = engine.ready_client()
    with pytest.raises(Refused) as refused:
        engine.upload(client, content)
    assert refused.value.code == code
    assert not ImportJob.objects.exists()
    folder = source.path_of(ImportJob(client=client)).parent
    assert list(folder.iterdir()) == []


def test_a_file_of_a_header_alone_ends_with_no_rows() -> None:
    job = engine.bring_in(engine.ready_client(), engine.HEADER + "\n")
    assert (job.state, job.rows_read) == ("finished", 0)


def test_another_encoding_is_chosen_after_the_upload() -> None:
    client = engine.ready_client()
    file = "customer_id,first_name\nC1,René\n".encode("latin-1")
    job = engine.upload(client, file)
    mapping = verbs.columns(job, encoding="latin-1").mapping
    engine.start(job, mapping=mapping, encoding="latin-1")
    runner.run_job(job, engine.clock())
    assert engine.profiles(client)["C1"].given_name == "René"


@pytest.mark.parametrize(
    ("line", "code"), [(b"C3,\xff\xfe,,,,,,,\n", "encoding"), (b"C3,\0,,,,,,,\n", "nul")]
)
def test_a_broken_line_ends_the_import_with_what_came_before_it_in(line: bytes, code: str) -> None:
    client = engine.ready_client()
    # Beyond the sample at the beginning, so that only the reading itself finds it.
    good = "".join(f"C{n % 50},Alice,,,,,Town {'x' * 90},,\n" for n in range(3000))
    job = engine.bring_in(client, f"{engine.HEADER}\n{good}".encode() + line)
    assert (job.state, job.last_fault) == ("failed", code)
    assert (job.rows_read, job.accepted, job.unchanged) == (3000, 50, 2950)
    assert verbs.fault(job).endswith(".")
    verbs.cancel_import(job, by=engine.manager_of(client), now=NOW)
    outbox.send_due(NOW + timedelta(minutes=1))
    assert not source.path_of(job).exists()


def test_no_plaintext_of_a_file_lies_on_the_disk() -> None:
    client = engine.ready_client()
    job = engine.upload(client, ROWS)
    assert b"Alice" not in source.path_of(job).read_bytes()
    assert source.file_name(job) == ""


def test_samples_show_the_shape_of_values_and_none_of_them() -> None:
    client = engine.ready_client()
    job = engine.upload(client, "customer_id,first_name,ssn\nC7,Alice,123-45-6789\n")
    found = verbs.columns(job)
    assert found.samples == [["x9", "xxxxx", ""]]
    assert found.refused == {"ssn": "Social security numbers are never accepted."}
    assert found.mapping.columns == {"customer_id": "external_id", "first_name": "given_name"}


def test_a_confirmed_mapping_is_remembered_for_the_next_file_with_these_columns() -> None:
    client = engine.ready_client()
    mapping = Mapping("consumers", {"number": "external_id", "who": "full_name"})
    engine.bring_in(client, "number,who\nC1,Alice Archer\n", mapping=mapping)
    found = verbs.columns(engine.upload(client, "number,who,more\nC2,Bob Baker,x\n"))
    assert found.is_remembered
    assert found.mapping == mapping
    assert not verbs.columns(engine.upload(client, "email\nbob@example.com\n")).is_remembered


# ----------------------------------------------------------------------------------- who and whether


def test_nothing_is_imported_without_the_clients_instruction() -> None:
    client = make_client(managers=[make_user(ACCOUNT_MANAGER)])
    job = engine.upload(client, ROWS)
    with pytest.raises(Refused) as refused:
        engine.start(job)
    assert refused.value.code == "no_instruction"
    assert Leaf.objects.get(verb="import.start").outcome == "refused"
    assert refresh(job).state == "uploaded"


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping("consumers", {}),
        Mapping("consumers", {"no such column": "email"}),
        Mapping("purchases", {"customer_id": "external_id", "city": "date"}),
    ],
)
def test_a_mapping_that_leads_nowhere_is_refused(mapping: Mapping) -> None:
    job = engine.upload(engine.ready_client(), ROWS)
    with pytest.raises(Refused) as refused:
        engine.start(job, mapping=mapping)
    assert refused.value.code == "mapping"
    assert refresh(job).state == "uploaded"


def test_only_those_who_may_reach_a_client_import_for_it() -> None:
    client = engine.ready_client()
    for by in (make_user(AUDITOR), make_user(ACCOUNT_MANAGER)):
        with pytest.raises(Refused):
            verbs.create_import(
                client=client, kind="consumers", upload=io.BytesIO(b"id\n1\n"), by=by, now=NOW
            )
    assert not ImportJob.objects.exists()


def test_an_instruction_that_is_withdrawn_meanwhile_stops_the_import_at_the_next_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.small_batches(monkeypatch, 4)
    client = engine.ready_client()
    job = engine.start(engine.upload(client, ROWS))

    def withdraw(_: ImportJob) -> None:
        instructions.withdraw(
            Instruction.objects.get(), finding="Ended.", by=engine.officer(), now=NOW
        )

    runner.run_job(job, engine.clock(), watch=withdraw)
    assert (job.state, job.last_fault, job.rows_read) == ("failed", "not_in_effect", 4)
    assert Consumer.objects.count() == 4


def test_a_one_case_instruction_is_used_up_by_its_import() -> None:
    client = make_client(managers=[make_user(ACCOUNT_MANAGER)])
    instruction = make_instruction(client, is_standing=False)
    assert engine.bring_in(client, ROWS).state == "finished"
    instruction.refresh_from_db()
    assert instruction.state == "executed"
    with pytest.raises(Refused):
        engine.start(engine.upload(client, ROWS))


# --------------------------------------------------------------------------------- steering the work


def test_a_stopped_import_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    engine.small_batches(monkeypatch, 4)
    client = engine.ready_client()
    job = engine.start(engine.upload(client, ROWS))
    by = engine.manager_of(client)
    runner.run_job(job, engine.clock(), watch=lambda j: verbs.stop_import(j, by=by, now=NOW))
    assert (job.state, job.rows_read) == ("stopped", 4)
    assert runner.run_due(engine.clock(NOW + timedelta(hours=1))) == 0
    verbs.resume_import(job, by=by, now=NOW)
    assert runner.run_due(engine.clock()) == 1
    assert (refresh(job).state, job.accepted, job.rows_read) == ("finished", 10, 10)


def test_a_cancelled_import_keeps_what_is_in_and_its_file_is_gone() -> None:
    client = engine.ready_client()
    by = engine.manager_of(client)
    job = engine.start(engine.upload(client, ROWS))
    ref = job.key_ref
    assert ref is not None
    with pytest.raises(Refused, match="must be"):
        verbs.cancel_import(job, by=by, now=NOW)
    verbs.stop_import(job, by=by, now=NOW)
    verbs.cancel_import(job, by=by, now=NOW)
    outbox.send_due(NOW + timedelta(minutes=1))
    assert not source.path_of(job).exists()
    assert vault.keys(client.pk, [ref]) == {}
    with pytest.raises(Refused, match="removed"):
        verbs.columns(refresh(job))


def test_a_worker_whose_lease_was_taken_over_writes_nothing_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.small_batches(monkeypatch, 4)
    client = engine.ready_client()
    job = engine.start(engine.upload(client, ROWS))
    much_later = NOW + timedelta(hours=1)

    def other_worker(_: ImportJob) -> None:
        assert runner.run_due(engine.clock(much_later)) == 1

    taken = work.claim(ImportJob, NOW)
    assert taken is not None
    calls = [other_worker]
    runner._run(taken, engine.clock(), lambda j: calls.pop()(j) if calls else None)
    assert (refresh(job).state, job.accepted, job.rows_read) == ("finished", 10, 10)
    assert Leaf.objects.filter(verb="import.finish", outcome="done").count() == 1
    assert Consumer.history.count() == 10


def test_a_job_that_one_worker_holds_is_not_given_to_a_second() -> None:
    client = engine.ready_client()
    job = engine.start(engine.upload(client, ROWS))
    assert work.claim(ImportJob, NOW) is not None
    assert not runner.run_job(job, engine.clock())
    assert runner.run_due(engine.clock()) == 0


def test_a_batch_whose_leaf_cannot_be_written_is_not_there_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = engine.ready_client()
    job = engine.start(engine.upload(client, ROWS))
    real = ledger.record

    def failing(*, verb: str, **rest: object) -> object:
        if verb == "import.load":
            raise RuntimeError
        return real(verb=verb, **rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "record", failing)
        runner.run_job(job, engine.clock())
    assert (refresh(job).rows_read, job.last_fault) == (0, "RuntimeError")
    assert not Consumer.objects.exists()
    assert not BlindIndex.objects.exists()
    assert not Consumer.history.exists()
    runner.run_due(engine.clock(NOW + timedelta(hours=1)))
    assert (refresh(job).state, job.accepted) == ("finished", 10)


def test_work_that_fails_again_and_again_is_given_up_and_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = engine.ready_client()
    job = engine.start(engine.upload(client, ROWS))

    def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(staging, "merge_consumers", broken)
        for hours in range(work.MAX_ATTEMPTS):
            assert refresh(job).state != "failed"
            runner.run_due(engine.clock(NOW + timedelta(hours=3 * hours)))
    assert (refresh(job).state, job.last_fault) == ("failed", "RuntimeError")
    assert "RuntimeError" in verbs.fault(job)
    verbs.resume_import(job, by=engine.manager_of(client), now=NOW)
    runner.run_due(engine.clock(NOW + timedelta(days=2)))
    assert (refresh(job).state, job.accepted) == ("finished", 10)


def test_what_stands_in_a_row_is_never_in_a_log_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = engine.ready_client()
    job = engine.start(engine.upload(client, ROWS))

    def talkative(*_: object) -> None:
        raise RuntimeError("person1@example.com")

    monkeypatch.setattr(staging, "merge_consumers", talkative)
    runner.run_job(job, engine.clock())
    assert "RuntimeError" in caplog.text
    assert "person1" not in caplog.text + refresh(job).last_fault


def test_the_outcomes_of_rows_that_cannot_be_read_have_their_reasons() -> None:
    client = engine.ready_client()
    file = f"{engine.HEADER}\nC1,Alice\nC2,Bob,Baker,bob@example.com,,,,,,,more\n,,,,,,,,\nC3,,,,,,,,\n"
    job = engine.bring_in(client, file)
    assert (job.accepted, job.refused) == (1, 3)
    found = (
        ImportRow.objects.filter(job=job).order_by("row_number").values_list("reason", flat=True)
    )
    assert list(found) == ["row.too_few_cells", "row.too_many_cells", "no_identifier"]


def test_the_same_file_is_known_again_before_it_is_started() -> None:
    client = engine.ready_client()
    first = engine.bring_in(client, ROWS)
    assert verbs.columns(engine.upload(client, ROWS)).same_as == first.reference
    assert verbs.columns(engine.upload(client, ROWS + "C99,,,,,,,,\n")).same_as == ""
    assert verbs.columns(engine.upload(engine.ready_client(), ROWS)).same_as == ""


def test_no_import_runs_after_a_restore_until_the_erasures_are_replayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = engine.start(engine.upload(engine.ready_client(), ROWS))
    with monkeypatch.context() as patched:
        patched.setattr(runner, "replay_pending", lambda: True)
        assert runner.run_due(engine.clock()) == 0
        assert not runner.run_job(job, engine.clock())
    assert runner.run_due(engine.clock()) == 1
