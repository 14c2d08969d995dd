"""What tests run of an erasure in processes that can be killed (`tests.killing`)."""

from datetime import datetime
from typing import Any

from portal import retire
from portal.models import User
from requests.erasures import execution, verbs
from requests.erasures.intake import reading
from requests.erasures.models import Erasure


def _run_due(message: dict[str, Any]) -> int:
    """Carry out what is due at a moment; a file is read in batches of `size`, where that is given."""
    engine: Any = reading
    engine.SIZE = message.get("size", reading.SIZE)
    moment = datetime.fromisoformat(message["moment"])
    return execution.run_due(lambda: moment)


def _reject(message: dict[str, Any]) -> int:
    """Reject a case, then do what the worker does whom the commit asks to."""
    now = datetime.fromisoformat(message["moment"])
    erasure = Erasure.objects.get(pk=message["case"])
    verbs.reject(erasure, by=User.objects.get(username=message["by"]), now=now)
    return retire.shred_retired(now)


VERBS = {"run due": _run_due, "reject": _reject}
