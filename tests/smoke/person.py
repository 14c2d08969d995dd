"""A person at a terminal: runs the commands of a clone, opens pages, presses Ctrl-C, pulls the plug."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal import embedded
from tests.smoke.browsing import Browser

ROOT = Path(__file__).resolve().parent.parent.parent
_READY_SECONDS = 600
_GONE_SECONDS = 60


@dataclass
class Person:
    """Somebody with a clone. `account` holds the arguments of `subprocess` that make it their own."""

    clone: Path
    state: Path
    home: Path
    account: dict[str, Any]
    port: int
    path: str = os.environ.get("PATH", os.defpath)
    make: subprocess.Popen[bytes] | None = None

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environ(self) -> dict[str, str]:
        """What a fresh terminal holds: no servers' URLs, nothing of the test run."""
        left_out = {"DJANGO_SETTINGS_MODULE", "MAKEFLAGS", "MAKELEVEL", "UV_CACHE_DIR"}
        left_out |= {*embedded.VARIABLES, "VIRTUAL_ENV", "PYTHONPATH"}
        kept = {name: value for name, value in os.environ.items() if name not in left_out}
        kept = {k: v for k, v in kept.items() if not k.startswith(("PYTEST_", "XDG_"))}
        place = {"HOME": str(self.home), "PATH": self.path, "PORTAL_STATE_DIR": str(self.state)}
        return kept | place | {"PORT": str(self.port)}

    def start(self) -> str:
        """`make run` until it says that it is ready; what it said."""
        path = self.home / "terminal"
        with path.open("wb") as terminal:
            self.make = subprocess.Popen(
                ["make", "run"],
                cwd=self.clone,
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.account,
            )
        end = time.monotonic() + _READY_SECONDS
        while "Stop it with Ctrl-C" not in (said := path.read_text(errors="replace")):
            assert self.make.poll() is None, f"make run ended:\n{said}"
            assert time.monotonic() < end, f"make run is not ready:\n{said}"
            time.sleep(0.1)
        return said

    def press_ctrl_c(self) -> str:
        """The terminal's signal to everything in the foreground; what was said in the whole run."""
        assert self.make is not None
        os.killpg(self.make.pid, signal.SIGINT)
        self.make.wait(timeout=_GONE_SECONDS)
        return (self.home / "terminal").read_text(errors="replace")

    def pull_the_plug(self) -> None:
        """`kill -9` of every process of this portal at once, servers included."""
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        if self.make is not None:
            self.make.wait(timeout=_GONE_SECONDS)
        self.wait_until_gone()

    def processes(self) -> list[int]:
        """Every living process of this portal: those that were told its state folder, and its servers."""
        mark = f"PORTAL_STATE_DIR={self.state}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                told = mark in (entry / "environ").read_bytes().split(b"\0")
                dead = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except (OSError, IndexError):
                continue
            if told and not dead:
                found.append(int(entry.name))
        return found + self._servers()

    def _servers(self) -> list[int]:
        locks = [self.state / f"{server}.lock" for server in ("postgres", "valkey")]
        numbers = [int(lock.read_text()) for lock in locks if lock.exists()]
        names = {number: Path(f"/proc/{number}/comm") for number in numbers}
        return [
            number
            for number, name in names.items()
            if name.exists() and name.read_text().strip() in ("postgres", "valkey-server")
        ]

    def wait_until_gone(self) -> None:
        end = time.monotonic() + _GONE_SECONDS
        while left := self.processes():
            assert time.monotonic() < end, f"still there: {left}"
            time.sleep(0.1)

    def manage(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """`manage.py` in a second terminal, where nobody has set a URL either; what it printed."""
        ended = subprocess.run(
            [self.clone / ".venv" / "bin" / "python", "manage.py", *arguments],
            cwd=self.clone,
            env=self.environ() | {"PORTAL_DEMO": "1"} | dict(environment or {}),
            capture_output=True,
            text=True,
            check=False,
            **self.account,
        )
        assert ended.returncode == 0, ended.stderr
        return str(ended.stdout)

    def log_in(self, username: str, password: str) -> Browser:
        """Fill in the log-in form; raises if the portal does not let this member of staff in."""
        browser = Browser(self.site)
        fields = {"username": username, "password": password}
        asked = browser.submit("/", fields)
        assert 'name="code"' in asked, "the log-in form came back"
        browser.submit("/", {"code": self._code_of(username)})
        assert 'name="code"' not in browser.page, "the code was not taken"
        return browser

    def _code_of(self, username: str) -> str:
        """What the demo prints in a second terminal; a code is taken once, so the next may have to be waited for."""
        end = time.monotonic() + _GONE_SECONDS
        while True:
            lines = [line.split() for line in self.manage("demologins").splitlines()]
            code = next(words[-1] for words in lines if username in words)
            if code.isdigit():
                return code
            assert time.monotonic() < end, "no code was printed"
            time.sleep(1)


@contextmanager
def present(person: Person) -> Iterator[Person]:
    """Afterwards nothing of theirs runs any more, and nothing is left of their folder."""
    try:
        yield person
    finally:
        person.pull_the_plug()
        embedded.stop(person.state)
        shutil.rmtree(person.home, ignore_errors=True)


def new_home() -> Path:
    """A fresh folder. Not pytest's: the state of a portal is kept by nobody after the test, not even a failed one."""
    return Path(tempfile.mkdtemp(prefix="portal smoke "))


def user_of_this_clone(home: Path) -> Person:
    """The user who runs the tests, root in CI, with this very clone and a fresh state folder."""
    return Person(ROOT, home / "state", home, {}, free_port())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def copy_clone(target: Path) -> None:
    """What a clone holds, and nothing of what this one has installed or stored."""
    left_out = (".git", ".venv", ".tools", ".local", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*left_out), symlinks=True)


def system_python() -> str | None:
    """A Python 3.11 or later that every user of this machine can run, with a pip; None if there is none."""
    for folder in ("/usr/local/bin", "/usr/bin"):
        python = Path(folder, "python3")
        if python.exists() and not _as_nobody(
            python, "import sys; 1 / (sys.version_info >= (3, 11))"
        ):
            return None if _as_nobody(python, "import pip") else str(python)
    return None


def _as_nobody(python: Path, code: str) -> int:
    from portal.embedded_place import server_account

    account = server_account(Path("/nonexistent")).spawning()
    return subprocess.run(
        [python, "-c", code], cwd="/", stderr=subprocess.DEVNULL, check=False, **account
    ).returncode
