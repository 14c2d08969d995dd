"""Files in the media folder that no row names: counted, and removed once they are a day old.

A crash leaves them behind: between the sealing of a file and the commit of its row, or in the middle of an
upload. Their keys were in the dead process or in the row that never came, so nobody can open them again.

Invariants:
- Only what the portal itself would have written is looked at: `incoming/*.sealed`, and `<id>.sealed` in a
  client's folder of a kind that was registered. Everything else is somebody else's, and stays.
- A file to which something was written within the last day is left alone, and whether a row names an older
  one is asked after its age was seen: so nothing that is being uploaded is ever taken away.
- The leaf with the counts is committed before the first file goes.
- Where so much is left over that the database cannot be the one to which the files belong, and after a restore
  until the erasures have been replayed (R41), nothing is removed.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from portal import ledger
from portal.models import User
from portal.restore import replay_pending

AGE: Final = timedelta(days=1)
INCOMING: Final = "incoming"
SUFFIX: Final = ".sealed"
BATCH: Final = 1_000
FEW: Final = 100
"""So many files may be left over in any case; more only if they are at most one in ten."""

Named = Callable[[Collection[UUID]], set[UUID]]
_kinds: dict[str, Named] = {}
log = logging.getLogger(__name__)


@dataclass
class Leftovers:
    """Files that no row names, by the kind of file; `files` counts all that are a day old, named or not."""

    paths: dict[str, list[Path]] = field(default_factory=dict)
    files: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind, without the kinds of which there is none."""
        return {kind: len(paths) for kind, paths in self.paths.items() if paths}

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.counts.values())

    @property
    def are_too_many(self) -> bool:
        """Whether this looks like the files of another database rather than what crashes leave."""
        unnamed = self.total - self.counts.get(INCOMING, 0)
        return unnamed > max(FEW, self.files // 10)


def register(kind: str, model: Any) -> None:
    """Let rows of `model`, a `SealedRow`, that still have their sealed content name the files `<kind>/<client>/<id>.sealed`."""

    def named(ids: Collection[UUID]) -> set[UUID]:
        rows = model._default_manager.filter(pk__in=ids, sealed__isnull=False)
        return set(rows.values_list("pk", flat=True))

    _kinds[kind] = named


def find(now: datetime) -> Leftovers:
    """The files that are older than a day and that no row names."""
    root, before = Path(settings.MEDIA_ROOT), now - AGE
    found = Leftovers({INCOMING: list(_old(root / INCOMING, before))})
    found.files = found.total
    for kind, named in _kinds.items():
        mine = found.paths.setdefault(kind, [])
        old = (path for client in _folders(root / kind) for path in _old(client, before))
        ids = ((path, number) for path in old if (number := _uuid(path.stem)) is not None)
        while batch := list(islice(ids, BATCH)):
            known = named([number for _, number in batch])
            mine += [path for path, number in batch if number not in known]
            found.files += len(batch)
    return found


def sweep(now: datetime) -> dict[str, int]:
    """Remove what is left over, and return how many files of each kind. Repeating it changes nothing."""
    if replay_pending():
        return {}
    found = find(now)
    if not found.total:
        return {}
    if found.are_too_many:
        log.error("%s files have no row; none was removed. Is it the right database?", found.total)
        _record(found, now, outcome="refused", reason="too_many")
        return {}
    _record(found, now)
    for paths in found.paths.values():
        for path in paths:
            path.unlink(missing_ok=True)
    return found.counts


def _record(found: Leftovers, now: datetime, *, outcome: str = "done", reason: str = "") -> None:
    ledger.record(
        verb="files.sweep",
        by=User.objects.system(),
        outcome=outcome,
        reason=reason,
        counts=found.counts,
        now=now,
    )


def _folders(parent: Path) -> Iterator[Path]:
    """The folders of the clients."""
    if parent.is_dir():
        with os.scandir(parent) as entries:
            yield from (
                Path(entry.path)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and _uuid(entry.name)
            )


def _old(folder: Path, before: datetime) -> Iterator[Path]:
    """The sealed files of a folder to which nothing was written since `before`."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False):
                written = _written(entry)
                if written is not None and written < before:
                    yield Path(entry.path)


def _written(entry: "os.DirEntry[str]") -> datetime | None:
    """When a file was written to, or None if it went away meanwhile."""
    try:
        return datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
    except FileNotFoundError:
        return None


def _uuid(name: str) -> UUID | None:
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if str(found) == name else None
