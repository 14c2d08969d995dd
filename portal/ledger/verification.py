"""Recomputing the ledger: every leaf, every root, every signature, and the witness.

Invariants
- Nothing stored is believed that can be recomputed: leaves are hashed from their columns, roots from those hashes.
- After a fault the walk goes on from the next signed frontier, so each fault is named where it is and the
  leaves behind it are still examined.
- Leaves are streamed; memory grows with the number of checkpoints and blocks only.
- Verification changes nothing and may run while leaves are written and sealed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import connection

from portal.ledger import canonical, keychange, witness
from portal.ledger.checkpoints import frontier_of, is_genuine, note_of
from portal.ledger.merkle import Frontier, leaf_hash
from portal.ledger.models import Block, Checkpoint, Leaf
from portal.ledger.sealing import BLOCK_HEIGHT

TRIGGERS = 7
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Finding:
    """One fault: a code, and leaves [first, after) or the checkpoint of size `first` that it concerns."""

    code: str
    first: int
    after: int
    sentence: str


@dataclass
class Report:
    """What verification found. `warnings` are no proof of tampering and do not make it fail."""

    size: int = 0
    checkpoints: int = 0
    unsealed: int = 0
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if nothing was edited, deleted, inserted, reordered or truncated."""
        return not self.findings

    def add(self, code: str, first: int, after: int, sentence: str) -> None:
        """Note one fault."""
        self.findings.append(Finding(code, first, after, sentence))


def verify() -> Report:
    """Recompute everything; see Report. About 10 microseconds a leaf and 100 a checkpoint."""
    report = Report()
    witnessed = _witnessed(report)
    checkpoints = list(Checkpoint.objects.order_by("size"))
    report.checkpoints = len(checkpoints)
    report.size = checkpoints[-1].size if checkpoints else 0
    trusted = {item.size for item in checkpoints if _examine(item, report)}
    _compare(checkpoints, witnessed, report)
    walk = _Walk(report, report.size)
    for checkpoint in checkpoints:
        walk.to(checkpoint, checkpoint.size in trusted)
    _keys(checkpoints, report)
    _blocks(walk.blocks, report)
    _beyond(report)
    _guards(report)
    report.unsealed = Leaf.objects.filter(leaf_index=None).count()
    return report


def _digest(note: str) -> bytes:
    return hashlib.sha256(note.encode()).digest()


def _witnessed(report: Report) -> dict[int, bytes]:
    """Digests of the witnessed notes by size; faults of the file itself are reported."""
    found: dict[int, bytes] = {}
    newest = 0
    for number, line in enumerate(witness.lines(settings.LEDGER_WITNESS_PATH), start=1):
        if line is None:
            report.add("witness_unreadable", newest, newest, f"Line {number} cannot be read.")
        elif line.restored_from is not None:
            report.warnings.append(
                f"Leaves {line.size} to {line.restored_from - 1} were lost in an accepted restore."
            )
            if line.size and found.get(line.size) != _digest(line.note):
                report.add(
                    "witness_order", line.size, line.size, f"Line {number} restores nothing."
                )
            found = {size: digest for size, digest in found.items() if size <= line.size}
            newest = line.size
        elif line.size <= newest:
            report.add("witness_order", line.size, line.size, f"Line {number} is not in order.")
        else:
            newest = line.size
            found[line.size] = _digest(line.note)
    return found


def _examine(checkpoint: Checkpoint, report: Report) -> bool:
    """Whether the checkpoint may be believed by itself."""
    size = checkpoint.size
    if not is_genuine(checkpoint):
        report.add("checkpoint_forged", size, size, f"Checkpoint {size} has no valid signature.")
        return False
    if frontier_of(checkpoint) is None:
        sentence = f"The frontier of checkpoint {size} does not lead to its root."
        report.add("checkpoint_frontier", size, size, sentence)
        return False
    return True


def _compare(checkpoints: list[Checkpoint], witnessed: dict[int, bytes], report: Report) -> None:
    """Both ways: what the witness saw must be stored, and what is stored must have been seen."""
    stored = {item.size: _digest(note_of(item)) for item in checkpoints}
    for size, digest in witnessed.items():
        if size not in stored:
            sentence = f"The witness saw checkpoint {size}, which is not in the database."
            report.add("checkpoint_missing", size, size, sentence)
        elif stored[size] != digest:
            sentence = f"Checkpoint {size} is not the one that the witness saw."
            report.add("checkpoint_differs", size, size, sentence)
    unseen = sorted(stored.keys() - witnessed.keys())
    if unseen:  # The sealer may have gone on since the witness was read.
        unseen = sorted(stored.keys() - _witnessed(Report()).keys())
    if unseen == [report.size]:
        report.warnings.append(f"Checkpoint {unseen.pop()} has not reached the witness yet.")
    for size in unseen:
        report.add("witness_missing", size, size, f"The witness lacks checkpoint {size}.")


class _Walk:
    """The way through the leaves, from checkpoint to checkpoint."""

    def __init__(self, report: Report, size: int) -> None:
        self.report = report
        self.next = 0
        self.blocks: dict[int, bytes] = {}
        self._frontier: Frontier | None = Frontier()
        self._rows = self._stream(size)
        self._held: Row | None = next(self._rows, None)

    @staticmethod
    def _stream(size: int) -> Iterator[Row]:
        rows = Leaf.objects.filter(leaf_index__lt=size).order_by("leaf_index", "id")
        columns = ("leaf_index", "leaf_hash", *canonical.COLUMNS)
        return iter(rows.values_list(*columns).iterator(chunk_size=5000))

    def to(self, checkpoint: Checkpoint, is_trusted: bool) -> None:
        """Examine the leaves between the last checkpoint and this one."""
        start = self.next
        while self._held is not None and self._held[0] < checkpoint.size:
            self._leaf(self._held)
            self._held = next(self._rows, None)
        self._gap(checkpoint.size)
        if self._frontier is not None and self._frontier.root() != bytes(checkpoint.root):
            sentence = (
                f"The leaves from {start} to {checkpoint.size - 1} are not those that were sealed."
            )
            self.report.add("leaves_changed", start, checkpoint.size, sentence)
            self._frontier = None
        if self._frontier is None and is_trusted:
            self._frontier = frontier_of(checkpoint)

    def _leaf(self, row: Row) -> None:
        index, stored, *columns = row
        if index < self.next:
            sentence = f"There is more than one leaf with index {index}."
            self.report.add("leaf_duplicate", index, index + 1, sentence)
            return
        self._gap(index)
        hashed = leaf_hash(canonical.canonical(tuple(columns)))
        if stored is None or bytes(stored) != hashed:
            sentence = f"Leaf {index} (id {columns[0]}) is not what was sealed."
            self.report.add("leaf_edited", index, index + 1, sentence)
        if self._frontier is not None:
            if (index + 1) % (1 << BLOCK_HEIGHT) == 0:
                root = self._frontier.block_closed_by(hashed, BLOCK_HEIGHT)
                self.blocks[index >> BLOCK_HEIGHT] = root
            self._frontier.append(hashed)
        self.next = index + 1

    def _gap(self, index: int) -> None:
        """Leaves from self.next up to `index` must have been there."""
        if self.next < index:
            sentence = f"The leaves from {self.next} to {index - 1} are missing."
            self.report.add("leaves_missing", self.next, index, sentence)
            self._frontier = None
            self.next = index


def _keys(checkpoints: list[Checkpoint], report: Report) -> None:
    """Another key than before must have been accepted by a person, under the first checkpoint that it signs."""
    for before, after in pairwise(checkpoints):
        public = bytes(after.public_key)
        if public == bytes(before.public_key):
            continue
        size = after.size
        if keychange.accepted(public).filter(leaf_index__lt=size).exists():
            report.warnings.append(f"From checkpoint {size} on an accepted new key signs.")
        else:
            sentence = f"Checkpoint {size} is signed by a new key that nobody has accepted."
            report.add("key_replaced", size, size, sentence)


def _blocks(computed: dict[int, bytes], report: Report) -> None:
    """The stored block roots must be those of the leaves; they are what proofs are made from."""
    height = BLOCK_HEIGHT
    expected = range(report.size >> height)
    stored = dict(Block.objects.filter(number__lt=len(expected)).values_list("number", "root"))
    for number in expected:
        root = stored.get(number)
        if root is None or bytes(root) != computed.get(number, bytes(root)):
            first, after = number << height, (number + 1) << height
            sentence = f"The root of block {number} is not that of its leaves."
            report.add("block_wrong", first, after, sentence)


def _beyond(report: Report) -> None:
    """A place behind the last checkpoint; one statement, so that a sealing in between does not disturb."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT leaf_index FROM ledger_leaf WHERE leaf_index >="
            " (SELECT coalesce(max(size), 0) FROM ledger_checkpoint) ORDER BY 1"
        )
        for (index,) in cursor.fetchall():
            sentence = f"Leaf {index} has a place that no checkpoint covers."
            report.add("leaf_beyond", index, index + 1, sentence)


def _guards(report: Report) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('ledger_leaf'::regclass,"
            " 'ledger_checkpoint'::regclass, 'ledger_block'::regclass)"
            " AND NOT tgisinternal AND tgenabled IN ('O', 'A')"
        )
        (enabled,) = cursor.fetchone() or (0,)
    if enabled < TRIGGERS:
        report.warnings.append(
            f"Only {enabled} of {TRIGGERS} guards of the tables are switched on."
        )
