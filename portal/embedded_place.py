"""Where the embedded servers stand: their account, their socket folder and their programs.

Invariants: the state folder and its parents are never opened up to anybody; the socket folder is
its server account's alone and its name cannot be foreseen; a server never runs as root.
"""

import ctypes
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from portal import embedded_locks as locks
from portal.embedded_locks import EmbeddedError

# A socket's address holds 104 characters on macOS and 108 on Linux, and the longest name put
# behind the folder is ".s.PGSQL.5432.lock".
_LONGEST_FOLDER = 80
_PR_SET_PDEATHSIG = 1
_LOG_BYTES = 10_000_000
_PROGRAM_NAMES = {"postgres", "initdb", "valkey-server"}


@dataclass(frozen=True)
class Account:
    """The operating system's account that the servers run as."""

    uid: int
    gid: int

    @property
    def is_own(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def name(self) -> str:
        return pwd.getpwuid(self.uid).pw_name

    def spawning(self) -> dict[str, Any]:
        """The arguments of `subprocess` that start a program as this account."""
        if self.is_own:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make this account the owner of `path` and of everything below it."""
        if self.is_own:
            return
        for folder, _, files in os.walk(path):
            for name in [".", *files]:
                os.lchown(Path(folder, name), self.uid, self.gid)


def server_account(data: Path) -> Account:
    """Ourselves; for root the owner of the `data` folder, or `nobody` where that is root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if sys.platform != "linux":
        raise EmbeddedError(
            "The embedded servers do not run as root here. Start as an ordinary user."
        )
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


@dataclass(frozen=True)
class Place:
    """What both servers need to know."""

    state: Path
    runtime: Path
    account: Account
    durable: bool

    def log(self, server: str) -> Path:
        return self.state / "logs" / f"{server}.log"

    def lock(self, server: str) -> Path:
        return self.state / f"{server}.lock"


def prepare(state: Path, *, durable: bool) -> Place:
    """Find or make the socket folder. Call with the state folder locked."""
    (state / "logs").mkdir(mode=0o700, exist_ok=True)
    account = server_account(state / "postgres")
    runtime = recorded_runtime(state, account)
    if runtime is None:
        runtime = _new_runtime(account)
        draft = state / "runtime.new"
        draft.write_text(json.dumps(_record(state, runtime)), encoding="utf-8")
        draft.replace(state / "runtime.json")
    return Place(state=state, runtime=runtime, account=account, durable=durable)


def recorded_runtime(state: Path, account: Account) -> Path | None:
    """The socket folder of this state folder, if it was made and is still its account's alone."""
    try:
        record = json.loads((state / "runtime.json").read_text(encoding="utf-8"))
        runtime = Path(record["runtime"])
        found = runtime.lstat()
    except (OSError, ValueError, KeyError):
        return None
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    # A copied clone carries its original's record along and must not serve the original's data.
    same = record == _record(state, runtime)
    return runtime if private and same and found.st_uid == account.uid else None


def _record(state: Path, runtime: Path) -> dict[str, Any]:
    return {"state": str(state), "inode": state.stat().st_ino, "runtime": str(runtime)}


def _new_runtime(account: Account) -> Path:
    # Made there is a private folder with a random name, so a shared parent is no danger.
    # Not XDG_RUNTIME_DIR: it goes when its user logs out, and a server may live on in a terminal
    # multiplexer.
    for base in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 # nosec B108
        if len(base) <= _LONGEST_FOLDER - len("/portal-12345678") and _serves(base, account):
            runtime = Path(tempfile.mkdtemp(prefix="portal-", dir=base))
            account.give(runtime)
            return runtime
    raise EmbeddedError(
        "No folder for the servers' sockets was found. "
        "Set TMPDIR to a short folder that every user can enter."
    )


def _serves(base: str, account: Account) -> bool:
    if not Path(base).is_dir() or not os.access(base, os.W_OK | os.X_OK):
        return False
    # Root may have to put a copy of the programs here, which a folder without execution would
    # refuse.
    return account.is_own or (
        _reaches(account, base) and not os.statvfs(base).f_flag & os.ST_NOEXEC
    )


def _reaches(account: Account, path: str) -> bool:
    """Whether the account may pass `path`; asked of the system itself, which knows every rule."""
    test = subprocess.run(["/usr/bin/env", "test", "-x", path], cwd="/", **account.spawning())
    return test.returncode == 0


def program(place: Place, package: str, inside: str) -> Path:
    """A program of the wheel `package`: the installed one, or a copy that its account can run."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The wheel {package} is not installed. Run: make setup")
    home = Path(spec.origin).parent
    found = next(iter(sorted(home.glob(inside))), None)
    if found is None:
        raise EmbeddedError(f"The wheel {package} holds no {inside} for this machine.")
    if place.account.is_own or _reaches(place.account, str(found)):
        return found
    return _copy(place, home) / found.relative_to(home)


def _copy(place: Place, home: Path) -> Path:
    """Copy a wheel's folder and its libraries beside it to where the account can read them."""
    target = place.runtime / "programs"
    if not (target / home.name).exists():
        target.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target) as draft:
            for source in (home.with_name(f"{home.name}.libs"), home):
                if source.exists():
                    skip = shutil.ignore_patterns("include", "__pycache__", "pginstall", "*.a")
                    shutil.copytree(source, Path(draft) / source.name, symlinks=True, ignore=skip)
            place.account.give(Path(draft))
            for made in sorted(Path(draft).iterdir(), reverse=True):
                made.rename(target / made.name)
        place.account.give(target)
    return target / home.name


def clear(place: Place) -> None:
    """Remove the socket folder with all that is in it, after both servers have ended."""
    shutil.rmtree(place.runtime, ignore_errors=True)
    (place.state / "runtime.json").unlink(missing_ok=True)


def end_with_parent(signal_number: int) -> None:
    """Ask the system, where it can do that, to signal this process when its parent has ended."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal_number)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal_number: int) -> Callable[[], None]:
    """What a child runs before its program so that it ends with its parent."""
    parent = os.getpid()
    if sys.platform == "linux":
        _libc()  # Loaded here, because little may be done between fork and exec.

    def ask() -> None:
        # A shell starts a program in the background with this signal ignored, and that is inherited.
        signal.signal(signal_number, signal.SIG_DFL)
        end_with_parent(signal_number)
        if os.getppid() != parent:  # The parent ended before the kernel knew of the wish.
            os._exit(1)

    return ask


def launch(
    place: Place, server: str, command: list[str], *, lock: int, cwd: Path
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own; it inherits `lock`, and writes to its log file."""
    path = place.log(server)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))
    # A throw-away server of a test run must not outlive it; a durable one is adopted by the next
    # start.
    tie = None if place.durable else die_with_parent(signal.SIGQUIT)

    def before() -> None:
        # Written by the child, so that not even a parent that ends right now leaves a server
        # unknown.
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        if tie:
            tie()

    with path.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=cwd,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            pass_fds=[lock],
            start_new_session=True,
            preexec_fn=before,
            **place.account.spawning(),
        )
    _children.append(process)
    return process


# Kept so that Python reaps a server that ended, and does not warn of one that is meant to live on.
_children: list[subprocess.Popen[bytes]] = []


def end(place: Place, server: str, steps: Sequence[tuple[signal.Signals, float]]) -> bool:
    """Send each signal and wait its seconds for the last process; True when all are gone."""
    for number, seconds in steps:
        lock = locks.acquire(place.lock(server))
        if lock is None and (process := _process(place, server)):
            os.kill(process, number)
        if lock is None:
            lock = locks.acquire_within(place.lock(server), seconds)
        if lock is not None:
            os.close(lock)
            _children[:] = [process for process in _children if process.poll() is None]
            return True
    return False


def _process(place: Place, server: str) -> int | None:
    """The number of the running server; only to be trusted while the server's lock is held."""
    try:
        number = int(place.lock(server).read_text())
        os.kill(number, 0)
    except (OSError, ValueError):
        return None
    name = Path(f"/proc/{number}/comm")
    known = not name.exists() or name.read_text().strip() in _PROGRAM_NAMES
    return number if known else None


def failure(place: Place, server: str, what: str) -> EmbeddedError:
    """An error with the end of the server's log, which holds no statement and no value."""
    lines = place.log(server).read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
    return EmbeddedError("\n".join([f"{what} The end of {place.log(server)}:", *lines]))
