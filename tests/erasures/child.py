"""What tests run of an erasure in processes that can be killed (`tests.killing`)."""

import time
from datetime import datetime
from importlib import import_module
from pathlib import Path
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


def _run_paused(message: dict[str, Any]) -> int:
    """As above, but stand still before or after the nth call of a function, until the test says go."""
    folder = Path(message["folder"])
    module_name, _, name = message["target"].partition(":")
    module: Any = import_module(module_name)
    real, calls = getattr(module, name), 0

    def stand_still(when: str) -> None:
        if (calls, when) == (message["call"], message["when"]):
            (folder / "paused").touch()
            while not (folder / "go").exists():
                time.sleep(0.02)

    def slow(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        stand_still("before")
        result = real(*args, **kwargs)
        stand_still("after")
        return result

    setattr(module, name, slow)
    return _run_due(message)


VERBS = {"run due": _run_due, "run paused": _run_paused, "reject": _reject}
