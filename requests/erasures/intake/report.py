"""What came of the rows of an erasure's file, in totals, as a list and as a file; without any value of theirs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from consumers.imports.report import csv_lines, say
from requests.erasures.models import Erasure, ErasureSubject
from requests.erasures.subjects import Match, tally


@dataclass(frozen=True)
class Ending:
    """How a row can end, as staff read it. `code` is its name in addresses and in the report."""

    match: str
    code: str
    name: str
    hint: str


ENDINGS: Final = (
    Ending(Match.ONE, "matched", "Matched", "covered by the erasure"),
    Ending(Match.REPEATED, "repeated", "Repeated", "named in an earlier row"),
    Ending(Match.NONE, "nobody", "Nobody", "not on file"),
    Ending(Match.AMBIGUOUS, "ambiguous", "Ambiguous", "to be settled by staff"),
    Ending(Match.LEFT_OUT, "left_out", "Left out", "by a member of staff"),
    Ending(Match.REFUSED, "refused", "Refused", "nothing of it was kept"),
)
BY_MATCH: Final = {ending.match: ending for ending in ENDINGS}
BY_CODE: Final = {ending.code: ending for ending in ENDINGS}


@dataclass(frozen=True)
class Counted:
    """An ending with the number of its rows."""

    ending: Ending
    rows: int


def counted(erasure: Erasure) -> list[Counted]:
    """The endings with their numbers, which add up to the rows of the case."""
    rows = tally(erasure)
    return [Counted(ending, rows[ending.match]) for ending in ENDINGS]


def ending_of(code: str) -> Ending | None:
    """The ending of this name in an address, or None where there is none."""
    return BY_CODE.get(code)


def named(rows: Mapping[str, int]) -> dict[str, int]:
    """Counts by match as counts by the endings' own names, in their order; without those of which there is none."""
    return {one.code: rows[one.match] for one in ENDINGS if rows.get(one.match)}


def reason(row: ErasureSubject) -> str:
    """Why a row was refused, or what of it could not be read, in words."""
    return say(row.fault) if row.fault else ""


def lines(erasure: Erasure) -> Iterator[str]:
    """The lines of a CSV file: every row with its number, its outcome and the reason."""
    rows = erasure.subjects.order_by("row_number").values_list("row_number", "match", "fault")
    return csv_lines(
        ("row", "outcome", "reason", "in words"),
        (
            (str(number), BY_MATCH[match].code, fault, say(fault) if fault else "")
            for number, match, fault in rows.iterator(chunk_size=5_000)
        ),
    )
