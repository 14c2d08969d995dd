"""The embedded default: a private PostgreSQL and a private Valkey where no servers' URLs are set.

Invariants: everything that lasts stands in the state folder; a server that still runs is adopted
and never started twice; whoever uses the servers holds a shared lock, and only the last one to
leave stops them. This module knows no Django.

    python -m portal.embedded run -- COMMAND...   on throw-away servers, or on those that are set
    python -m portal.embedded stop | status       the servers of the state folder
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal import embedded_locks as locks
from portal import embedded_place as places
from portal import embedded_postgres as postgres
from portal import embedded_valkey as valkey
from portal.embedded_locks import EmbeddedError

__all__ = [
    "EmbeddedError",
    "EmbeddedUrls",
    "borrow",
    "ensure",
    "fill",
    "stop",
    "urls_if_running",
]


@dataclass(frozen=True)
class EmbeddedUrls:
    """Where the servers are: two databases of one PostgreSQL, and the broker."""

    database: str
    vault: str
    redis: str

    def environment(self) -> dict[str, str]:
        """The variables that settings.py reads."""
        return dict(zip(VARIABLES, (self.database, self.vault, self.redis), strict=True))


VARIABLES = ("DATABASE_URL", "VAULT_DATABASE_URL", "REDIS_URL")


def ensure(state_dir: Path, *, durable: bool = True) -> EmbeddedUrls:
    """Adopt the servers of `state_dir`, or start them. Raises EmbeddedError.

    `durable=False` is for throw-away servers of a test run: no fsync; they end with this process.
    """
    with _whole(state_dir) as state:
        return _ensure(state, durable=durable)


def borrow(state_dir: Path) -> EmbeddedUrls:
    """Like `ensure`, for as long as this process lives; the last borrower to end stops them."""
    with _whole(state_dir) as state:
        urls = _ensure(state, durable=True)
        if state not in _borrowed:
            descriptor = locks.acquire(state / "users.lock", shared=True)
            _borrowed[state] = -1 if descriptor is None else descriptor
            atexit.register(_leave, state, os.getpid())
    return urls


def fill(state_dir: Path, environ: MutableMapping[str, str]) -> None:
    """Put the URLs of borrowed embedded servers into `environ`, unless it has URLs."""
    if not servers_are_set(environ):
        environ.update(borrow(state_dir).environment())


def servers_are_set(environ: Mapping[str, str]) -> bool:
    """Whether `environ` names the servers; raises EmbeddedError if it names only some."""
    missing = [name for name in VARIABLES if not environ.get(name)]
    if missing and len(missing) < len(VARIABLES):
        raise EmbeddedError(
            f"Set all of {', '.join(VARIABLES)}, or none of them. Not set: {missing}"
        )
    return not missing


def urls_if_running(state_dir: Path) -> EmbeddedUrls | None:
    """The URLs of the servers of `state_dir` if both listen; starts nothing."""
    state = Path(os.path.realpath(state_dir))
    runtime = places.recorded_runtime(state, places.server_account(state / "postgres"))
    if runtime is None:
        return None
    sockets = (postgres.socket_path(runtime), valkey.socket_path(runtime))
    return _urls(runtime) if all(postgres.listens(path) for path in sockets) else None


def stop(state_dir: Path) -> None:
    """Stop the servers of `state_dir`, whoever uses them. Idempotent."""
    if state_dir.exists():
        with _whole(state_dir) as state:
            _stop(state)


def _ensure(state: Path, *, durable: bool) -> EmbeddedUrls:
    place = places.prepare(state, durable=durable)
    postgres.ensure(place)
    valkey.ensure(place)
    return _urls(place.runtime)


def _urls(runtime: Path) -> EmbeddedUrls:
    database, vault = (postgres.url(runtime, name) for name in postgres.DATABASES)
    return EmbeddedUrls(database=database, vault=vault, redis=valkey.url(runtime))


def _stop(state: Path) -> None:
    place = places.prepare(state, durable=True)
    if not all([valkey.stop(place), postgres.stop(place)]):
        raise EmbeddedError(f"The servers of {state} did not end.")
    places.clear(place)


# The state folders that this process uses, each with the descriptor of its shared lock.
_borrowed: dict[Path, int] = {}


def leave(state_dir: Path) -> None:
    """Give the borrowed servers back, and stop them if nobody else uses them."""
    _leave(Path(os.path.realpath(state_dir)), os.getpid())


def _leave(state: Path, borrower: int) -> None:
    # A forked child inherits the exit handler but not the loan.
    if borrower != os.getpid() or state not in _borrowed:
        return
    os.close(_borrowed.pop(state))
    with _whole(state):
        alone = locks.acquire(state / "users.lock")
        if alone is not None:
            try:
                _stop(state)
            finally:
                os.close(alone)


@contextmanager
def _whole(state_dir: Path) -> Iterator[Path]:
    """The state folder, made if need be, for one change of its servers at a time."""
    state = Path(os.path.realpath(state_dir))
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if state.stat().st_uid == os.geteuid():
            state.chmod(0o700)
        complaint = (
            f"Another process has been starting or stopping the servers of {state} for minutes."
        )
        with locks.exclusive(state / "servers.lock", 400, complaint):
            yield state
    except PermissionError as error:
        raise EmbeddedError(
            f"{state} belongs to another user ({error.strerror}: {error.filename}). "
            "Start as that user, or remove the folder, or name another one in PORTAL_STATE_DIR."
        ) from None


def _run(command: list[str]) -> int:
    """Run `command` on the servers that are set, or on throw-away servers; its exit code."""
    if servers_are_set(os.environ):
        os.execvp(command[0], command)  # noqa: S606 (the command is the caller's own)
    state = Path(tempfile.mkdtemp(prefix="portal-test-"))
    try:
        urls = ensure(state, durable=False)
        return _attend(
            command,
            {"PORTAL_STATE_DIR": str(state), **os.environ, **urls.environment()},
        )
    finally:
        stop(state)
        shutil.rmtree(state, ignore_errors=True)


def _attend(command: list[str], environ: dict[str, str]) -> int:
    """Wait for the command, which hears Ctrl-C by itself; pass on the wish to end."""
    process = subprocess.Popen(command, env=environ)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code


def _main(arguments: list[str]) -> int:
    state = Path(os.environ.get("PORTAL_STATE_DIR", ".local"))
    match arguments:
        case ["run", "--", *command] if command:
            return _run(command)
        case ["stop"]:
            stop(state)
        case ["status"]:
            running = urls_if_running(state)
            told = running.environment() if running else {"Not running": state}
            sys.stdout.writelines(f"{name}={value}\n" for name, value in told.items())
            return 0 if running else 3
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(_main(sys.argv[1:]))
    except EmbeddedError as error:
        sys.exit(f"portal: {error}")
