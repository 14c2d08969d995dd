"""`manage.py import_file`."""

import io
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from clients.models import Client
from consumers.imports import source, staging
from consumers.imports.models import ImportJob
from consumers.models import Consumer
from tests.factories import make_client
from tests.imports import engine

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

ROWS = engine.people(*(f"C{n},Alice {n},,person{n}@example.com,,,,," for n in range(10)))


def run(*arguments: Any) -> str:
    """What the command prints."""
    printed = io.StringIO()
    call_command("import_file", *map(str, arguments), stdout=printed)
    return printed.getvalue()


def counted(printed: str) -> dict[str, int]:
    """The printed table of outcomes."""
    rows = re.findall(r"(\w+) +│ +([\d,]+)", printed)
    return {outcome: int(number.replace(",", "")) for outcome, number in rows}


def of(client: Client, *more: Any) -> list[Any]:
    """The arguments every call has."""
    return ["--client", client.code, "--as", engine.manager_of(client).username, *more]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture
def client() -> Client:
    return engine.ready_client()


def test_a_file_is_imported_and_its_outcomes_are_printed(client: Client, file: Path) -> None:
    printed = run(*of(client, "--kind", "consumers", file))
    job = ImportJob.objects.get()
    assert job.reference in printed
    assert counted(printed)["accepted"] == 10
    assert (job.state, job.logged_by, job.channel) == (
        "finished",
        engine.manager_of(client),
        "file",
    )
    assert not source.path_of(job).exists()
    assert "person1" not in printed


def test_a_column_is_mapped_as_it_is_told(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("customer_id,nick,city\nC1,Alice,Boston\n")
    mapped = ["--map", "nick=given_name", "--map", "city="]
    run(*of(client, "--kind", "consumers", *mapped, file))
    alice = engine.profiles(client)["C1"]
    assert (alice.given_name, alice.locality) == ("Alice", None)


def test_ctrl_c_stops_after_the_batch_and_resume_goes_on(
    client: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.small_batches(monkeypatch, 4)
    real = staging.insert_reported

    def interrupted(*arguments: Any) -> None:
        real(*arguments)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(staging, "insert_reported", interrupted)
        with pytest.raises(CommandError, match="--resume IM-"):
            run(*of(client, "--kind", "consumers", file))
    job = ImportJob.objects.get()
    assert (job.state, job.rows_read, Consumer.objects.count()) == ("stopped", 4, 4)
    assert counted(run(*of(client, "--resume", job.reference)))["accepted"] == 10
    assert Consumer.objects.count() == 10


def test_a_second_ctrl_c_breaks_the_batch_off_and_leaves_the_import_stopped(
    client: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(staging, "insert_reported", interrupted)
        with pytest.raises(CommandError, match="--resume IM-"):
            run(*of(client, "--kind", "consumers", file))
    assert (ImportJob.objects.get().state, Consumer.objects.count()) == ("stopped", 0)


def test_what_cannot_start_is_refused_with_a_sentence_and_keeps_no_file(file: Path) -> None:
    client = make_client(managers=[engine.make_manager()])
    with pytest.raises(CommandError, match="no instruction"):
        run(*of(client, "--kind", "consumers", file))
    job = ImportJob.objects.get()
    assert job.state == "cancelled"


def test_wrong_arguments_say_what_to_do(client: Client, file: Path, tmp_path: Path) -> None:
    other = engine.make_manager().username
    for arguments, says in (
        (of(client, file), "Give --client"),
        (of(client, "--kind", "consumers", tmp_path / "none.csv"), "cannot be read"),
        (["--client", client.code, "--kind", "consumers", "--as", other, file], "no client"),
        (of(client, "--resume", "IM-2026-999999"), "no import"),
        (["--as", "nobody", "--client", "x", "--kind", "consumers", file], "no such user"),
    ):
        with pytest.raises(CommandError, match=says):
            run(*arguments)
