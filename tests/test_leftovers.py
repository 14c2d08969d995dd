"""Files that a crash left without a row go after a day; nothing else ever does."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_django
from django.conf import settings
from django.core.management import call_command

from clients.models import Client
from consumers.imports import source, verbs
from consumers.imports.models import ImportJob
from portal import ledger, leftovers, outbox
from portal.cases.files import attach, open_content, path_of
from portal.ledger.models import Leaf
from portal.uploads import SealedUpload
from tests.factories import NOW
from tests.imports import engine
from tests.killing import Children

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

ROWS = engine.people("C1,Alice,,alice@example.com,,,,,")
TOMORROW = NOW + timedelta(days=1, seconds=1)


def media() -> Path:
    return Path(settings.MEDIA_ROOT)


def written(path: Path, moment: datetime = NOW) -> Path:
    """Say that the last byte of a file came at a moment."""
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    return path


def files(moment: datetime = NOW) -> set[Path]:
    """All files in the media folder, whose last bytes are said to have come then, whatever day it is today."""
    return {written(path, moment) for path in media().rglob("*") if path.is_file()}


def lay(path: Path, moment: datetime = NOW) -> Path:
    """A file that no row names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"sealed")
    return written(path, moment)


def orphan(kind: str, client_id: UUID, moment: datetime = NOW) -> Path:
    return lay(media() / kind / str(client_id) / f"{uuid4()}.sealed", moment)


def sweeps() -> list[tuple[str, str, dict[str, int]]]:
    leaves = Leaf.objects.filter(verb="files.sweep").order_by("id")
    return list(leaves.values_list("outcome", "reason", "counts"))


@pytest.fixture
def client() -> Client:
    return engine.ready_client()


@pytest.fixture(scope="module")
def worker() -> Iterator[Children]:
    """A process that uploads in children that can be killed."""
    with Children("tests.imports.child") as started:
        yield started


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
@pytest.mark.parametrize(
    ("verb", "point", "kind"),
    [
        ("upload", "consumers.imports.source:keep", "imports"),
        ("upload", "consumers.imports.source:keyed_digest", "imports"),
        ("attach", "portal.cases.files:_write", "cases"),
        ("receive", "tests.imports.child:received", "incoming"),
    ],
)
def test_what_a_crash_leaves_of_a_file_is_gone_a_day_later(
    verb: str, point: str, kind: str, worker: Children, client: Client
) -> None:
    job = engine.upload(client, ROWS)
    kept = files()
    outcome = worker.run(verb, kill_after=point, client=client.pk, job=job.pk, moment=NOW)
    assert outcome.killed, outcome.error
    (left,) = files() - kept
    assert leftovers.sweep(NOW + timedelta(hours=23)) == {}
    assert left.exists()
    assert leftovers.sweep(TOMORROW) == {kind: 1}
    assert files() == kept
    assert verbs.columns(job).headers
    assert leftovers.sweep(TOMORROW) == {}
    assert sweeps() == [("done", "", {kind: 1})]


def test_what_a_row_names_stays_for_as_long_as_the_row_can_open_it(client: Client) -> None:
    job = engine.start(engine.upload(client, ROWS))
    file = attach(
        job,
        b"evidence",
        kind="evidence",
        name="letter.txt",
        content_type="text/plain",
        by=engine.manager_of(client),
        now=NOW,
    )
    assert {source.path_of(job), path_of(file)} < files()
    assert leftovers.sweep(NOW + timedelta(days=400)) == {}
    assert open_content(file).read() == b"evidence"
    assert verbs.columns(job).headers
    assert sweeps() == []


def test_a_file_that_came_back_after_its_import_had_ended_goes(client: Client) -> None:
    job = engine.bring_in(client, ROWS)
    path = source.path_of(job)
    outbox.send_due(NOW + timedelta(minutes=1))
    assert not path.exists()
    lay(path)
    assert leftovers.sweep(TOMORROW) == {"imports": 1}
    assert not path.exists()


def test_an_upload_that_is_under_way_is_left_alone() -> None:
    upload = SealedUpload("people.csv", "text/csv", None)
    dead = lay(media() / "incoming" / "tmpdead.sealed")
    upload.receive(b"x" * 200_000)
    written(upload.path, NOW + timedelta(hours=20))
    assert leftovers.sweep(TOMORROW) == {"incoming": 1}
    assert not dead.exists()
    upload.finish(200_000)
    assert len(upload.read()) == 200_000
    upload.close()


def test_a_row_that_is_stored_while_the_sweep_looks_keeps_its_file(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = engine.upload(client, ROWS)
    path = written(source.path_of(job))
    rows = ImportJob.objects.filter(pk=job.pk)
    (stored,) = rows
    rows.delete()
    real = leftovers._old

    def storing(folder: Path, before: datetime) -> Iterator[Path]:
        yield from real(folder, before)
        if folder == path.parent:
            stored.save(force_insert=True)

    monkeypatch.setattr(leftovers, "_old", storing)
    assert leftovers.sweep(TOMORROW) == {}
    assert path.exists()


def test_what_the_portal_did_not_write_is_not_touched(client: Client) -> None:
    home = media() / "imports" / str(client.pk)
    target = lay(media() / "elsewhere" / str(client.pk) / f"{uuid4()}.sealed")
    foreign = [
        target,
        lay(home / "notes.sealed"),
        lay(home / f"{uuid4()}.csv"),
        lay(home / f"{uuid4().hex}.sealed"),
        lay(media() / "imports" / "lost+found" / f"{uuid4()}.sealed"),
        lay(media() / "README.sealed"),
        home / f"{uuid4()}.sealed",
    ]
    foreign[-1].symlink_to(target)
    assert leftovers.sweep(NOW + timedelta(days=400)) == {}
    assert all(path.exists() for path in foreign)


def test_nothing_is_removed_where_the_files_seem_to_be_of_another_database(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "FEW", 3)
    paths = [orphan("cases", client.pk) for _ in range(4)]
    (evidence,) = files() - {*paths}
    incoming = lay(media() / "incoming" / "tmpdead.sealed")
    assert leftovers.sweep(TOMORROW) == {}
    assert files() == {*paths, evidence, incoming}
    assert sweeps() == [("refused", "too_many", {"cases": 4, "incoming": 1})]
    files(datetime(2001, 1, 1, tzinfo=UTC))
    call_command("vault", "check")
    told = capsys.readouterr()
    assert "6 sealed files older than a day, of which no row names 5" in told.out
    assert "Is the media folder the one of this database?" in told.err
    paths[0].unlink()
    assert leftovers.sweep(TOMORROW) == {"cases": 3, "incoming": 1}
    assert files() == {evidence}


def test_nothing_is_removed_before_the_erasures_have_been_replayed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = orphan("imports", client.pk)
    monkeypatch.setattr(leftovers, "replay_pending", lambda: True)
    assert leftovers.sweep(TOMORROW) == {}
    assert path.exists()


def test_nothing_is_removed_that_the_ledger_does_not_know(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = orphan("imports", client.pk)

    def failing(**_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(ledger, "record", failing)
    with pytest.raises(RuntimeError):
        leftovers.sweep(TOMORROW)
    assert path.exists()


def test_a_media_folder_that_is_not_there_yet_has_no_leftovers() -> None:
    assert leftovers.find(NOW).total == 0
    assert leftovers.sweep(NOW) == {}


def test_many_files_are_asked_about_in_few_queries(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: pytest_django.DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(leftovers, "BATCH", 10)
    for _ in range(24):
        orphan("cases", client.pk)
    files()
    with django_assert_num_queries(3):
        found = leftovers.find(TOMORROW)
    assert (found.files, found.counts) == (25, {"cases": 24})
