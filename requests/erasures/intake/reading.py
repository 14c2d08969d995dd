"""A worker reads the file of an erasure: each row becomes a subject, matched in sets, batch by batch.

Invariants:
- A batch is one transaction under the case's fence: the rows, the place in the file, the incidents and the
  ledger's leaf are there together or not at all. Whoever was killed leaves the last batch that was committed,
  and the next worker reads on from there.
- Every row that was read is one subject of the case; the file is not through before they are counted.
- The client's instruction is checked in every batch, so that one that was suspended stops the reading (R1).
- Memory does not grow with the file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO, Final, cast

from clients.instructions import verbs as instructions
from clients.models import Instruction
from consumers import readers
from consumers.imports import incidents, source
from consumers.imports.batches import batches
from consumers.imports.runner import today
from consumers.mapping import Mapping as ColumnMapping
from consumers.prepare import NO_IDENTIFIER, PreparedRow, preparer
from consumers.readers import Row
from portal import ledger
from portal.cases.verbs import record_verb
from portal.models import User
from portal.work import fence
from requests.erasures import subjects
from requests.erasures.intake.models import ErasureFile
from requests.erasures.intake.report import named
from requests.erasures.intake.verbs import open_file
from requests.erasures.models import Erasure
from requests.erasures.subjects import Described
from requests.erasures.verbs import enter_matched_state

SIZE: Final = 2_000
Clock = Callable[[], datetime]


class RowsMiscounted(Exception):
    """The case has not as many subjects as rows were read; nothing of it may be approved."""


def read(work: Erasure, clock: Clock) -> None:
    """Read the file through from where the last worker came to. Raises Refused, LeaseLost, StopRequested."""
    file = ErasureFile.objects.select_related("content").get(
        client_id=work.client_id, erasure_id=work.pk
    )
    with open_file(file) as stream:
        reading = _Reading(work, file, stream, clock())
        for rows in batches(reading.rows(), SIZE):
            reading.take(rows, clock)
    _finish(work, file, clock())


class _Reading:
    """One worker's pass over the file."""

    def __init__(self, work: Erasure, file: ErasureFile, stream: BinaryIO, now: datetime) -> None:
        self.work, self.file, self.stream, self.system = work, file, stream, User.objects.system()
        self.format = source.inspect(stream, file.mapping.get("encoding", "utf-8"))
        self.columns = incidents.Columns(self.format.headers, file.refused_columns)
        mapping = ColumnMapping.from_json(file.mapping)
        self.prepare = preparer(mapping, self.format.headers, today=today(now))

    def rows(self) -> Iterator[Row]:
        """The rows after the last batch that was committed."""
        return readers.read(
            self.stream, self.format, after=self.file.rows_read, position=self.file.position or None
        )

    def take(self, rows: Sequence[Row], clock: Clock) -> None:
        """Take one batch in: match it, then write it in one transaction and move on."""
        prepared = [cast("PreparedRow", self.prepare(row)) for row in rows]
        seen = self.columns.seen(rows)
        seen |= self.columns.findings((row.number, one) for row in prepared for one in row.findings)
        matched = subjects.match(self.work, [described(row) for row in prepared])
        now = clock()
        with fence(self.work, now) as locked:
            _check_covered(locked, now)
            counts = subjects.store(locked, matched)
            incidents.report(locked, seen, self.system, now)
            self._move_on(locked, rows)
            self._record(locked, counts, now)

    def _record(self, locked: Erasure, counts: Mapping[str, int], now: datetime) -> None:
        """A leaf a batch, about the file: the case's own history tells the whole once."""
        ledger.record(
            verb="erasure.load",
            by=self.system,
            client_id=locked.client_id,
            object_kind=self.file._meta.label_lower,
            object_id=self.file.pk,
            counts=named(counts),
            now=now,
        )

    def _move_on(self, locked: Erasure, rows: Sequence[Row]) -> None:
        self.file.rows_read += len(rows)
        self.file.position = locked.progress_done = rows[-1].end
        self.file.save(update_fields=["rows_read", "position"])
        locked.attempts, locked.last_fault = 0, ""


def described(row: PreparedRow) -> Described:
    """Whom a row names, or why it names nobody. What could not be read of it says more than that."""
    if not row.refused:
        return Described(row.number, row.profile, row.warnings[0] if row.warnings else "")
    because = row.warnings[0] if row.refused == NO_IDENTIFIER and row.warnings else row.refused
    return Described(row.number, None, because)


def _check_covered(locked: Erasure, now: datetime) -> None:
    instructions.check_covers(
        locked.instruction,
        kind=Instruction.Kind.ERASURE,
        client_id=locked.client_id,
        now=now,
        case_id=locked.pk,
    )


def _finish(work: Erasure, file: ErasureFile, now: datetime) -> None:
    """The file is through: the case goes on as if its people had been typed in."""
    with fence(work, now) as locked:
        locked.TABLE.check("read", locked.state)
        if locked.subjects.count() != file.rows_read:
            raise RowsMiscounted(str(work.pk))
        file.read_at = now
        file.save(update_fields=["read_at"])
        locked.work_due, locked.last_fault, locked.attempts = False, "", 0
        locked.progress_done = locked.progress_total or 0
        enter_matched_state(locked, now)
        counts = named(subjects.tally(locked))
        record_verb(locked, "read", by=User.objects.system(), now=now, counts=counts)
    work.refresh_from_db()
