"""What tests run of an import in processes that can be killed (`tests.killing`)."""

from datetime import datetime
from functools import partial
from typing import Any

from consumers.imports import batches, runner
from consumers.imports.models import ImportJob
from portal import outbox
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


VERBS = {"run job": _run_job, "send due": _send_due}
