"""What tests run of an import in processes that can be killed (`tests.killing`)."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from clients.models import Client
from consumers.imports import batches, runner
from consumers.imports.models import ImportJob
from portal import outbox
from portal.cases.files import attach
from portal.uploads import SealedUpload
from tests.imports import engine


def _run_job(message: dict[str, Any]) -> bool:
    """Run one import in small batches from a moment on."""
    engine_of_imports: Any = runner
    engine_of_imports.batches = partial(batches.batches, size=message["size"])
    job = ImportJob.objects.get(pk=message["job"])
    return runner.run_job(job, engine.clock(datetime.fromisoformat(message["moment"])))


def _send_due(message: dict[str, Any]) -> int:
    """Send what the outbox holds at a moment."""
    return outbox.send_due(datetime.fromisoformat(message["moment"]))


def _upload(message: dict[str, Any]) -> str:
    """Upload a file of consumers."""
    client = Client.objects.get(pk=message["client"])
    now = datetime.fromisoformat(message["moment"])
    return str(engine.upload(client, engine.people("C2,Bob,,bob@example.com,,,,,"), now=now).pk)


def _attach(message: dict[str, Any]) -> str:
    """Attach a file to an import."""
    job = ImportJob.objects.get(pk=message["job"])
    now = datetime.fromisoformat(message["moment"])
    with transaction.atomic():
        row = attach(
            job,
            b"evidence",
            kind="evidence",
            name="letter.txt",
            content_type="text/plain",
            by=engine.manager_of(job.client),
            now=now,
        )
    return str(row.pk)


def received(upload: SealedUpload) -> None:
    """Called when half of an upload has come."""


def _receive(message: dict[str, Any]) -> None:
    """Receive an upload."""
    upload = SealedUpload("people.csv", "text/csv", None)
    upload.receive(b"x" * 200_000)
    received(upload)
    upload.close()


VERBS = {
    "run job": _run_job,
    "send due": _send_due,
    "upload": _upload,
    "attach": _attach,
    "receive": _receive,
}
