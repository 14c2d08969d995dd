"""The witness: every checkpoint once more, outside the database, so that truncating the database is found.

A file of JSON lines: {"size": ..., "note": "<the signed note>", "public_key": "<base64>"}. A line that also has
"restored_from" says that a person accepted a restored database, which ends at `size` and had reached
"restored_from"; the lines in between stay.

Invariants
- Only the one sealer appends, after its transaction has been committed; a line is synced before it returns.
- Sizes only grow, but for a line that accepts a restored database.
- A line without its line break is one that a crash cut off. It counts as not written and is cut away.
"""

import fcntl
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.ledger.signing import sync_folder

TAIL = 64 * 1024  # Longer than any line can be: the origin is at most 200 characters.


@dataclass(frozen=True)
class Line:
    """A checkpoint as the witness saw it."""

    size: int
    note: str
    restored_from: int | None = None


def append(
    path: Path, *, size: int, note: str, public: bytes, restored_from: int | None = None
) -> None:
    """Write one line durably. The file is made, for its owner only, if it is not there.

    A sealer whose database connection broke has lost its turn without knowing. What it brings late its successor
    has written already, and it is not written again behind later lines.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    line: dict[str, int | str] = {
        "size": size,
        "note": note,
        "public_key": b64encode(public).decode(),
    }
    if restored_from is not None:
        line["restored_from"] = restored_from
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        seen = last(path)
        if restored_from is None and seen is not None and seen.size >= size:
            return
        file.truncate(_whole(path))
        file.seek(0, os.SEEK_END)
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def last(path: Path) -> Line | None:
    """The last whole line, or None where nothing was witnessed. ValueError if it is not a witness's line."""
    if not path.exists():
        return None
    end = _whole(path)
    with path.open("rb") as file:
        file.seek(max(0, end - TAIL))
        lines = file.read(min(end, TAIL)).splitlines()
    return _parse(lines[-1]) if lines else None


def lines(path: Path) -> Iterator[Line | None]:
    """All whole lines in order; None in place of one that cannot be read."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                try:
                    yield _parse(raw)
                except ValueError:
                    yield None


def _whole(path: Path) -> int:
    """Where the last whole line ends, in bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = max(0, size - TAIL)
        file.seek(start)
        return start + file.read().rfind(b"\n") + 1


def _parse(raw: bytes) -> Line:
    try:
        found = json.loads(raw)
        restored = found.get("restored_from")
        return Line(
            int(found["size"]), str(found["note"]), None if restored is None else int(restored)
        )
    except (AttributeError, KeyError, TypeError):
        raise ValueError("this is not a line of the witness") from None
