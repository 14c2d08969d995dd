"""The test's side of `tests.vault.child`: run vault verbs in processes that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from django.conf import settings
from django.db import connections

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """How a child ended: the steps it passed, its signal or exit code, its result."""

    steps: list[str]
    killed: bool
    result: Any
    error: str


class Worker:
    """Starts the child server once, when the first verb is asked for."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._folders: tuple[str, ...] = ()

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
            self._process.wait(timeout=60)
            assert self._process.stdout is not None
            self._process.stdout.close()

    def start(self, name: str, verb: str, *, kill_at: int | None = None, **arguments: Any) -> None:
        """Start a verb in a child called `name`; it kills itself at its step number `kill_at`."""
        self._send({"do": "start", "name": name, "verb": verb, "kill_at": kill_at, **arguments})

    def wait(self, name: str) -> Outcome:
        """Wait for a child's end."""
        self._send({"do": "wait", "name": name})
        answer = json.loads(self._read())
        killed = answer["status"] == -signal.SIGKILL
        return Outcome(answer["steps"], killed, answer["result"], answer["error"])

    def run(self, verb: str, *, kill_at: int | None = None, **arguments: Any) -> Outcome:
        """Run a verb to its end, or to the step at which it is killed."""
        self.start("one", verb, kill_at=kill_at, **arguments)
        return self.wait("one")

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None:
            self._process = self._launch()
        message["folders"] = {
            "KEYRING_DIR": str(settings.KEYRING_DIR),
            "VAULT_COPY_DIR": str(settings.VAULT_COPY_DIR),
            "JOURNAL_PATH": str(settings.JOURNAL_PATH),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message, default=str) + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "The child server ended."
        return line

    def _launch(self) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "DATABASE_URL": _url("default"),
            "VAULT_DATABASE_URL": _url("vault"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.vault.child"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _url(alias: str) -> str:
    """The URL of the test database behind an alias, as the child's environment wants it."""
    given = connections[alias].settings_dict
    login = quote(given["USER"], safe="")
    if given["PASSWORD"]:
        login += ":" + quote(given["PASSWORD"], safe="")
    host = quote(given["HOST"], safe="") if given["HOST"].startswith("/") else given["HOST"]
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"postgres://{login}@{host}{port}/{given['NAME']}"
