"""A worker that dies by SIGKILL at a named point: `python -m tests.erasures.child POINT MOMENT`."""

import os
import signal
import sys
from datetime import datetime
from typing import Any


def main(point: str, moment: str, count: int) -> None:
    import django

    django.setup()
    from portal import vault
    from requests.erasures import execution, sweep

    engine: Any = execution
    looking: Any = sweep
    keys: Any = vault

    seen = 0

    def deadly(function: Any, name: str) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            result = function(*args, **kwargs)
            seen += name == point
            if name == point and seen == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    engine.keep_tokens = deadly(engine.keep_tokens, "keep_tokens")
    engine.journal_erasure = deadly(engine.journal_erasure, "journal")
    engine.eraser.erase = deadly(engine.eraser.erase, "erase")
    engine.remove_content = deadly(engine.remove_content, "remove_file")
    looking.sweep = deadly(looking.sweep, "sweep")
    engine.certify = deadly(engine.certify, "certify")
    keys.shred = deadly(keys.shred, "shred")
    keys.roll = deadly(keys.roll, "roll")
    execution.run_due(lambda: datetime.fromisoformat(moment))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
