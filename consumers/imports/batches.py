"""What a batch has come to: outcomes, rows to report, warnings and sensitive findings.

Invariant: every row of a batch gets exactly one outcome, so that the counts of a job add up to its rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

from consumers.imports.models import ImportJob
from consumers.readers import FileRefused, Row
from consumers.sensitive import Finding
from portal import vault

SIZE: Final = 5_000

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
    """The rows in lists of `size`. Where a line stops the file, what came before it is still a batch."""
    source = iter(rows)
    while True:
        batch: list[Row] = []
        stopped: FileRefused | None = None
        try:
            for row in islice(source, size):
                batch.append(row)  # noqa: PERF402  (what was read before a fault is kept)
        except FileRefused as fault:
            stopped = fault
        if batch:
            yield batch
        if stopped is not None:
            raise stopped
        if len(batch) < size:
            return
