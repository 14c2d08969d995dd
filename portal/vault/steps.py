"""Named points between two durable actions of the vault.

Invariant: a process that dies at any of these points leaves either the old key tree whole or the
new one. Tests put a function into `hook` that kills the process, once at every point.
"""

from __future__ import annotations

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def step(name: str) -> None:
    """Do nothing, except where a test listens."""
    if hook is not None:
        hook(name)
