"""The secret key of an installation that was given none: the embedded default on one machine.

It is made once, written for its owner only, and never leaves the state folder.
"""

import contextlib
import os
import secrets
from pathlib import Path


def local_secret(state_dir: Path) -> str:
    """Read the machine's own secret key, or make it. Safe against two first starts at once."""
    path = state_dir / "secret-key"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = state_dir / f"secret-key.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(50))
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    return path.read_text(encoding="ascii")
