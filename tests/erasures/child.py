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
    from requests.erasures import execution

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

    execution.keep_tokens = deadly(execution.keep_tokens, "keep_tokens")
    execution.journal_erasure = deadly(execution.journal_erasure, "journal")
    execution.eraser.erase = deadly(execution.eraser.erase, "erase")
    execution.remove_content = deadly(execution.remove_content, "remove_file")
    execution.sweep.sweep = deadly(execution.sweep.sweep, "sweep")
    execution.certify = deadly(execution.certify, "certify")
    vault.shred = deadly(vault.shred, "shred")
    vault.roll = deadly(vault.roll, "roll")
    execution.run_due(lambda: datetime.fromisoformat(moment))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
