"""One program of `make run`: started, watched, started again, and ended with its group.

Invariants: a child stands in a process group of its own and ends when the supervisor ends, `kill
-9` included; it holds the lock of the children open, so the next start knows whether any of them
still lives.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from portal.embedded_place import die_with_parent

_LONGEST_PAUSE = 30.0
# A child that ran this long is taken to have recovered: its next pause is the shortest again.
_HEALTHY_SECONDS = 60.0


@dataclass
class Child:
    """A program, what it still has to say, and when it may start again (monotonic time)."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    rest: bytes = b""
    started_at: float = 0.0
    pause: float = 0.5
    start_at: float | None = field(default=0.0)

    @property
    def output(self) -> IO[bytes] | None:
        return self.process.stdout if self.process else None

    def start(self, environ: Mapping[str, str], lock: int, now: float) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        if self.output:
            os.set_blocking(self.output.fileno(), False)
        self.started_at, self.start_at = now, None

    def lines(self) -> list[str]:
        """The whole lines that can be read without waiting; what is left of a line is kept."""
        try:
            chunk = (self.output.read() or b"") if self.output else b""
        except BlockingIOError:
            chunk = b""
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return [line.decode("utf-8", "replace").rstrip() for line in lines]

    def code(self) -> int | None:
        """The exit code of a child that has ended and was not yet put away; else None."""
        return self.process.poll() if self.process else None

    def put_away(self, now: float) -> None:
        """Forget a process that has ended, kill what it left, and set the next start."""
        self.send(signal.SIGKILL)
        if self.output:
            self.output.close()
        healthy = now - self.started_at > _HEALTHY_SECONDS
        self.pause = 1.0 if healthy else min(self.pause * 2, _LONGEST_PAUSE)
        self.process, self.rest, self.start_at = None, b"", now + self.pause

    def send(self, number: signal.Signals, *, group: bool = True) -> None:
        """Send a signal to the child's group, or to the child alone."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.process.pid, number)


def programs(port: int) -> list[Child]:
    """The web, the two workers and the scheduler."""
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "--app", "portal", "--quiet"]
    quiet = ["--loglevel", "WARNING"]
    lean = [*quiet, "--without-gossip", "--without-mingle", "--without-heartbeat"]
    web = [*python, "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    web += ["--workers", "2", "--blocking-threads", "4", "--no-ws", "--log-level", "warning"]
    web += ["--workers-kill-timeout", "10", "--respawn-failed-workers", "portal.wsgi:application"]
    beat = [*celery, "beat", *quiet, "--pidfile=", "--scheduler", "portal.beat:StartScheduler"]
    return [
        Child("web", web),
        Child("short", [*celery, "worker", "-n", "short@%h", "-Q", "short", "-c", "2", *lean]),
        Child("long", [*celery, "worker", "-n", "long@%h", "-Q", "long", "-c", "1", *lean]),
        Child("beat", beat),
    ]
