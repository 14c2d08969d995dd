"""`make run`: the servers, the databases, the web, the workers and the scheduler under one roof.

Invariants: one supervisor for a state folder; nothing is left behind by Ctrl-C, and what `kill
-9` leaves is adopted or replaced by the next start; children end before the servers that they
use.
"""

import contextlib
import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from portal import embedded
from portal import embedded_locks as locks
from portal.embedded import EmbeddedError
from portal.embedded_place import die_with_parent, end_with_parent
from portal.supervise_child import Child, programs

_GRACE_SECONDS = 25.0
_SERVER_CHECK_SECONDS = 3.0
_ROOT = Path(__file__).resolve().parent.parent


class _Stopped(Exception):
    """Somebody wished the portal to end."""


class Supervisor:
    """The one process of `make run` that starts, watches and ends all others."""

    def __init__(self, state: Path, port: int) -> None:
        self.state, self.port = state, port
        self.children: list[Child] = []
        self.wishes = 0
        self.owns_servers = not embedded.servers_are_set(os.environ)
        self.environ = os.environ | {
            "PORTAL_STATE_DIR": str(state),
            "PORTAL_DEMO": os.environ.get("PORTAL_DEMO", "1"),
            "PYTHONUNBUFFERED": "1",
            # A worker that is asked to end finishes its step, up to the soft time-out, and gives
            # the rest back.
            "REMAP_SIGTERM": "SIGQUIT",
            # Root is allowed here: the one thing it endangers, pickled messages, is never accepted.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        }
        self._lock = -1
        self._announced = False
        self._servers_checked_at = 0.0

    def run(self) -> int:
        """Work until somebody wishes an end; the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._wish)
        try:
            self._lock = self._take_over()
            self._use_servers()
            self._once("prepare", [sys.executable, "manage.py", "prepare"])
            self.children = programs(self.port)
            while True:
                self._turn()
        except _Stopped:
            return 0
        finally:
            self._end()

    def _wish(self, *_: object) -> None:
        self.wishes += 1

    def say(self, line: str, name: str = "portal") -> None:
        if not line:
            return
        try:
            sys.stdout.write(f"{name:<8}| {line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads any more, as after `make run | head`.
            self.wishes += 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _take_over(self) -> int:
        """Wait for what a killed supervisor left; the descriptor of the children's lock."""
        path, known = self.state / "children.lock", self.state / "children"
        lock = locks.acquire(path)
        if lock is None:
            self.say("Waiting for the processes of the last run to end.")
            lock = locks.acquire_within(path, _GRACE_SECONDS)
        if lock is None:
            for number in map(int, known.read_text().split()):
                _kill_group(number)
            lock = locks.acquire_within(path, 5)
        if lock is None:
            raise EmbeddedError("Processes of the last run do not end. Restart the machine.")
        check_port(self.port)
        return lock

    def _use_servers(self) -> None:
        """Ensure the embedded servers; where their URLs have changed, every child starts anew."""
        if not self.owns_servers:
            return
        if not self._servers_checked_at:
            self.say(f"Starting the private PostgreSQL and Valkey of {self.state}")
        urls = embedded.borrow(self.state).environment()
        if self._servers_checked_at and any(self.environ[name] != urls[name] for name in urls):
            self.say("The servers were started anew.")
            self._terminate()
        self.environ |= urls
        self._servers_checked_at = time.monotonic()

    def _once(self, name: str, command: list[str]) -> None:
        """Run a program to its end; raises EmbeddedError if it fails."""
        child = Child(name, command)
        self.children = [child]
        child.start(self.environ, self._lock, time.monotonic())
        while (code := self._ended(child)) is None:
            self._listen()
            self._heed()
        self.children = []
        if code:
            raise EmbeddedError(f"`{name}` failed; what it said stands above.")

    def _turn(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if (code := self._ended(child)) is not None:
                self.say(f"ended ({code}); starts again in {child.pause:.0f} s", child.name)
            if child.start_at is not None and now >= child.start_at:
                child.start(self.environ, self._lock, now)
                self._note()
        self._listen()
        self._heed()
        if now - self._servers_checked_at > _SERVER_CHECK_SECONDS:
            self._use_servers()
        if not self._announced and _answers(self.port):
            self._announce()

    def _ended(self, child: Child) -> int | None:
        """Put a child away that has ended, after its last words; its exit code, or None."""
        code = child.code()
        if code is not None:
            for line in [*child.lines(), *filter(None, [child.rest.decode("utf-8", "replace")])]:
                self.say(line, child.name)
            child.put_away(time.monotonic())
        return code

    def _note(self) -> None:
        numbers = [str(child.process.pid) for child in self.children if child.process]
        (self.state / "children").write_text("\n".join(numbers))

    def _listen(self) -> None:
        """Pass on what the children say, for a quarter of a second at most."""
        with selectors.DefaultSelector() as selector:
            for child in self.children:
                if child.output:
                    selector.register(child.output, selectors.EVENT_READ, child)
            begun = time.monotonic()
            for key, _ in selector.select(0.25):
                for line in key.data.lines():
                    self.say(line, key.data.name)
            # A pipe at its end is always ready; do not spin until its child is found ended.
            time.sleep(max(0.0, 0.02 - (time.monotonic() - begun)))

    def _heed(self) -> None:
        if self.wishes:
            raise _Stopped

    def _announce(self) -> None:
        self._announced = True
        self.say(f"The portal is ready: http://127.0.0.1:{self.port}/")
        for line in self._logins():
            self.say(line)
        self.say("Stop it with Ctrl-C.")

    def _logins(self) -> list[str]:
        """How to log in as each role, as the demo tells it."""
        found = subprocess.run(
            [sys.executable, "manage.py", "demologins"],
            env=self.environ,
            capture_output=True,
            check=False,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        return found.stdout.decode().splitlines() if found.returncode == 0 else []

    def _terminate(self) -> None:
        for child in self.children:
            child.send(signal.SIGTERM, group=False)

    def _end(self) -> None:
        """End the children, then give the servers back; a second Ctrl-C makes it short."""
        if self.children or self._servers_checked_at:
            self.say("Stopping.")
        self._terminate()
        end, wishes = time.monotonic() + _GRACE_SECONDS, self.wishes
        while any(child.process for child in self.children):
            if time.monotonic() > end or self.wishes > wishes:
                for child in self.children:
                    child.send(signal.SIGKILL)
            self._listen()
            for child in self.children:
                self._ended(child)
        if self._lock >= 0:
            os.close(self._lock)
        embedded.leave(self.state)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise EmbeddedError("PORT must be a number from 1 to 65535.")
    return int(text)


def check_port(port: int) -> None:
    """Raises EmbeddedError if another program listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise EmbeddedError(
                f"Port {port} is taken by another program or not allowed. "
                f"Stop that program, or choose another port: make run PORT={port % 60000 + 1}"
            ) from None


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _kill_group(number: int) -> None:
    """Kill a process group of the last run; the number alone could be another's by now."""
    command = Path(f"/proc/{number}/cmdline")
    if command.exists() and b"portal" not in command.read_bytes():
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)


def _alone(state: Path, port: int, work: Callable[[], int]) -> int:
    """Do the work as the only supervisor of the state folder."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = locks.acquire(state / "run.lock")
    if lock is None:
        who = (state / "run.lock").read_text().strip()
        raise EmbeddedError(
            f"The portal of this folder is already running ({who}). "
            "Stop it there with Ctrl-C first."
        )
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()}, http://127.0.0.1:{port}/\n".encode(), 0)
        return work()
    finally:
        os.close(lock)


def main(arguments: list[str]) -> int:
    os.umask(0o077)
    os.chdir(_ROOT)
    state = Path(os.path.realpath(os.environ.get("PORTAL_STATE_DIR", ".local")))
    if "--stop-with-parent" in arguments:
        end_with_parent(signal.SIGTERM)
    try:
        port = _port(os.environ.get("PORT") or "8000")
        return _alone(state, port, Supervisor(state, port).run)
    except PermissionError as error:
        complaint = f"{error.filename} belongs to another user."
    except EmbeddedError as error:
        complaint = str(error)
    sys.stderr.write(f"portal: {complaint}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
