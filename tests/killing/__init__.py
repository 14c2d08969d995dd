"""The test's side of processes that may be killed: start a verb, wait for its end, look at what it left.

Invariants:
- The test's own process is never forked. A child of it would speak through the sessions that the test holds,
  all the more hidden where Playwright's loop runs (Django then keeps other connections than the child sees);
  killed in the middle of a transaction, it leaves locks in a session that the test keeps alive, and the next
  TRUNCATE waits for ever.
- When `wait` returns, the databases have noticed the child's death: none of its locks is left.
- A child that does not end is killed after `LIMIT`, and the test is told where it stood.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

from django.conf import settings
from django.db import connections

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120.0
"""Seconds after which a child is taken to hang. A guard on a loaded machine, no measure."""
FOLDERS = (
    "KEYRING_DIR",
    "VAULT_COPY_DIR",
    "JOURNAL_PATH",
    "LEDGER_KEY_PATH",
    "LEDGER_WITNESS_PATH",
    "MEDIA_ROOT",
)


@dataclass(frozen=True)
class Outcome:
    """How a child ended: the steps of the vault that it passed, its signal or exit code, its result."""

    steps: list[str]
    killed: bool
    result: Any
    error: str


class Children:
    """Runs the functions in `VERBS` of a module in processes of their own; the first start makes the server."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        self._sessions: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(timeout=LIMIT)
            assert self._process.stdout is not None
            self._process.stdout.close()

    def start(
        self,
        name: str,
        verb: str,
        *,
        kill_at: int | None = None,
        kill_after: str = "",
        nth: int = 1,
        **arguments: Any,
    ) -> None:
        """Start a verb in a child called `name`.

        It kills itself at the vault's step number `kill_at`, or after the nth call of the function
        `kill_after`, which is named "package.module:function".
        """
        self._sessions[name] = f"child-{uuid4().hex}"
        self._send(
            {
                "do": "start",
                "name": name,
                "verb": verb,
                "kill_at": kill_at,
                "kill_after": kill_after,
                "nth": nth,
                "session": self._sessions[name],
                **arguments,
            }
        )

    def wait(self, name: str) -> Outcome:
        """Wait for a child's end, and until the databases have let go of what it held."""
        self._send({"do": "wait", "name": name, "limit": LIMIT})
        answer = json.loads(self._read())
        assert not answer["hung"], f"{name} did not end; it stood at:\n{answer['hung']}"
        _let_go(self._sessions.pop(name))
        killed = answer["status"] == -signal.SIGKILL
        return Outcome(answer["steps"], killed, answer["result"], answer["error"])

    def run(self, verb: str, **arguments: Any) -> Outcome:
        """Run a verb to its end, or to where it is killed."""
        self.start("one", verb, **arguments)
        return self.wait("one")

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None:
            self._process = self._launch()
        message["folders"] = {name: str(getattr(settings, name)) for name in FOLDERS}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message, default=str) + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "The children's server ended."
        return line

    def _launch(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.killing.server", self._module],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def environment() -> dict[str, str]:
    """The environment of a process that works on this test's databases."""
    return {
        **os.environ,
        "DATABASE_URL": _url("default"),
        "VAULT_DATABASE_URL": _url("vault"),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "EMAIL_URL": "dummymail://",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


def _url(alias: str) -> str:
    """The URL of the test database behind an alias, as the child's environment wants it."""
    given = connections[alias].settings_dict
    login = quote(given["USER"], safe="")
    if given["PASSWORD"]:
        login += ":" + quote(given["PASSWORD"], safe="")
    host = quote(given["HOST"], safe="") if given["HOST"].startswith("/") else given["HOST"]
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"postgres://{login}@{host}{port}/{given['NAME']}"


def _let_go(session: str) -> None:
    """Wait until no server has a session of a dead child: until then its row locks are passed over."""
    until = time.monotonic() + LIMIT
    while left := [alias for alias in ("default", "vault") if _has_session(alias, session)]:
        assert time.monotonic() < until, f"{left} still hold a session of a child that is dead."
        time.sleep(0.01)


def _has_session(alias: str, session: str) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = %s)", [session]
        )
        (found,) = cursor.fetchone()
    return bool(found)
