"""What tests run of an erasure in processes that can be killed (`tests.killing`)."""

from datetime import datetime
from typing import Any

from requests.erasures import execution


def _run_due(message: dict[str, Any]) -> int:
    """Carry out what is due at a moment."""
    moment = datetime.fromisoformat(message["moment"])
    return execution.run_due(lambda: moment)


VERBS = {"run due": _run_due}
