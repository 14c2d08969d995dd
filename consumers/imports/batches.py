"""What a batch has come to: outcomes, rows to report, warnings and sensitive findings.

Invariant: every row of a batch gets exactly one outcome, so that the counts of a job add up to its rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

from consumers.imports.models import ImportJob
from consumers.readers import FileRefused, Row
from consumers.sensitive import Finding
from portal import vault

SIZE: Final = 5_000
BYTES: Final = 4 * 1024 * 1024
"""A batch of long rows ends here, so that it neither fills the memory nor outlasts the worker's lease."""

ACCEPTED, UPDATED, UNCHANGED = "accepted", "updated", "unchanged"
SUPPRESSED, QUARANTINED, REFUSED = "suppressed", "quarantined", "refused"
ERASED: Final = "erased"


class Reported(NamedTuple):
    """A row that did not simply go in; only a quarantined one has a digest, a key and sealed content."""

    id: UUID
    number: int
    outcome: str
    reason: str
    column: str = ""
    digest: bytes | None = None
    key: vault.KeyRef | None = None
    sealed: bytes | None = None


@dataclass(slots=True)
class Tally:
    """The results of one batch."""

    outcomes: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    reported: list[Reported] = field(default_factory=list)
    findings: list[tuple[int, Finding]] = field(default_factory=list)

    def add_to(self, job: ImportJob) -> None:
        """Count the batch into the job's own counts."""
        for outcome, number in self.outcomes.items():
            setattr(job, outcome, getattr(job, outcome) + number)
        if self.warnings:
            job.warnings = dict(Counter(job.warnings) + self.warnings)


Prepared = TypeVar("Prepared")


class Loader(Protocol[Prepared]):
    """Brings the rows of one kind of file in. `prepare` runs outside of the transaction, `load` within it."""

    def prepare(self, rows: list[Row]) -> list[Prepared]:
        """Normalise and scan."""

    def load(self, job: ImportJob, prepared: list[Prepared], now: datetime) -> Tally:
        """Write."""


def batches(rows: Iterable[Row], size: int = SIZE) -> Iterator[list[Row]]:
    """The rows in lists of `size`, or of a little more than `BYTES` where they are long.

    Where a line stops the file, what came before it is still a batch.
    """
    batch: list[Row] = []
    stopped: FileRefused | None = None
    try:
        for row in rows:
            batch.append(row)
            if len(batch) == size or row.end - batch[0].end >= BYTES:
                yield batch
                batch = []
    except FileRefused as fault:
        stopped = fault
    if batch:
        yield batch
    if stopped is not None:
        raise stopped
