"""Advisory file locks, by which the portal's processes on one machine find each other.

Invariants: a lock is an open file, so the kernel gives it back however its holder ends, `kill -9`
included; a server inherits the open file of its own lock, so the lock is free only when its last
process is gone.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class EmbeddedError(Exception):
    """A sentence that a person can act on; it names no personal data."""


def acquire(path: Path, *, shared: bool = False) -> int | None:
    """Lock the file `path` at once: the descriptor that holds the lock, or None if taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def acquire_within(path: Path, seconds: float) -> int | None:
    """Like `acquire`, but wait for the holder to end, up to `seconds`."""
    end = time.monotonic() + seconds
    while (descriptor := acquire(path)) is None and time.monotonic() < end:
        time.sleep(0.05)
    return descriptor


@contextmanager
def exclusive(path: Path, seconds: float, complaint: str) -> Iterator[None]:
    """Hold the lock `path` for the block; raises EmbeddedError(`complaint`) if it stays taken."""
    descriptor = acquire_within(path, seconds)
    if descriptor is None:
        raise EmbeddedError(complaint)
    try:
        yield
    finally:
        os.close(descriptor)
