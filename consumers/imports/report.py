"""What an import's result says: reasons as sentences, their totals, and the file of problem rows.

Invariants: nothing here opens a sealed value; a cell of the file never begins a formula, because it will be
opened in a spreadsheet (names of columns are the client's).
"""

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Min, QuerySet
from django.urls import reverse

from consumers.imports.forms import attribute_name
from consumers.imports.models import ImportJob, ImportRow, SensitiveIncident

OUTCOME_NAMES: Final[Mapping[str, str]] = {
    "accepted": "Accepted",
    "updated": "Updated",
    "unchanged": "Unchanged",
    "suppressed": "Suppressed",
    "quarantined": "Quarantined",
    "refused": "Refused",
}
OUTCOME_HINTS: Final[Mapping[str, str]] = {
    "accepted": "new here",
    "updated": "known, and changed",
    "unchanged": "known, and the same",
    "suppressed": "opted out, so kept out",
    "quarantined": "sealed until the customer is known",
    "refused": "nothing of it was kept",
}
_WHOLE: Final[Mapping[str, str]] = {
    "erased": "This person was erased and does not come back",
    "opt_out": "This person opted out",
    "client": "Left out on the client's instruction",
    "deceased": "This person is deceased",
    "unknown_customer": "The customer is not known yet",
    "no_identifier": "Nothing in the row tells who it is about",
    "sensitive.card": "Holds what looks like a payment card number",
    "sensitive.ssn": "Holds what looks like a social security number",
    "row.too_few_cells": "Has fewer cells than the header",
    "row.too_many_cells": "Has more cells than the header",
    "row.open_quote": "Goes over several lines and does not fit; perhaps a quotation mark before is not closed",
    "row.syntax": "Cannot be read as a row",
    "row.unknown_name": "Has a name that the first rows do not have",
    "row.nested": "Holds a list where a value is expected",
    "row.encoding": "Holds bytes that are not UTF-8",
}
KIND_NAMES: Final[Mapping[str, str]] = {
    "card": "Payment card",
    "ssn": "Social security number",
    "government_id": "Identity document or tax number",
    "bank": "Bank account",
    "ethnicity": "Race or ethnic origin",
    "sexuality": "Sex life or orientation",
    "biometric": "Biometric or genetic data",
    "politics": "Political opinion or union",
    "justice": "Criminal record or immigration",
    "credential": "Password or other secret",
}
_PARTS: Final[Mapping[str, str]] = {
    "syntax": "cannot be read",
    "too_long": "is too long",
    "impossible": "is a day that does not exist",
    "too_early": "lies too far back",
    "future": "lies in the future",
    "two_digit_year": "has a year of two digits",
    "unknown": "is not known",
    "shape": "does not have its country's form",
    "invalid": "is no number in use",
    "one_line": "cannot be taken apart",
    "missing": "is missing",
    "rounded": "was rounded by a spreadsheet",
}
_FORMULA: Final = ("=", "+", "-", "@")


@dataclass(frozen=True)
class Reason:
    """Rows of one outcome that share a reason and a column."""

    outcome: str
    code: str
    column: str
    rows: int
    first_row: int

    @property
    def outcome_name(self) -> str:
        return OUTCOME_NAMES.get(self.outcome, self.outcome)

    @property
    def sentence(self) -> str:
        return say(self.code)


def say(code: str) -> str:
    """A reason's code as staff read it. A code that is not known here is shown in its own words."""
    if code in _WHOLE:
        return _WHOLE[code]
    subject, dot, part = code.rpartition(".")
    if dot and part in _PARTS:
        return f"{attribute_name(subject)} {_PARTS[part]}"
    return code.replace("_", " ").replace(".", ": ").capitalize()


def counted(job: ImportJob) -> list[dict[str, Any]]:
    """The six outcomes with their numbers, which add up to the rows read."""
    return [
        {
            "code": code,
            "name": OUTCOME_NAMES[code],
            "hint": OUTCOME_HINTS[code],
            "rows": rows,
        }
        for code, rows in job.counts.items()
    ]


def warned(job: ImportJob) -> list[tuple[str, int]]:
    """What was left out of rows that went in: sentence and number of rows, the most frequent first."""
    return sorted(((say(c), n) for c, n in job.warnings.items()), key=lambda one: (-one[1], one[0]))


def _problem_rows(job: ImportJob) -> "QuerySet[ImportRow]":
    """The rows that are not in; one that was released from the quarantine is."""
    return ImportRow.objects.filter(client_id=job.client_id, job=job, released_at__isnull=True)


def reasons(job: ImportJob) -> list[Reason]:
    """Why rows did not simply go in, the most frequent first. One scan of the job's own rows."""
    grouped = (
        _problem_rows(job)
        .values("outcome", "reason", "column")
        .annotate(rows=Count("id"), first_row=Min("row_number"))
        .order_by("-rows", "first_row")
    )
    return [
        Reason(row["outcome"], row["reason"], row["column"], row["rows"], row["first_row"])
        for row in grouped[:200]
    ]


def incident_name(incident: SensitiveIncident) -> str:
    """What was sent, in a few words."""
    return KIND_NAMES.get(incident.kind, incident.kind.replace("_", " ").capitalize())


def case_url(incident: SensitiveIncident) -> str:
    """The page of the case whose file held it; the case may be of a room that this one does not know."""
    return reverse(f"admin:{incident.case_kind.replace('.', '_')}_change", args=[incident.case_id])


def harmless(cell: str) -> str:
    """The text of a cell so that no spreadsheet takes it for a formula (CWE-1236).

    Spreadsheets skip blanks before the sign, and take its full-width form as well.
    """
    begins = unicodedata.normalize("NFKC", cell).lstrip()[:1]
    return f"'{cell}" if begins in _FORMULA or cell[:1].isspace() else cell


class _Line:
    """What `csv` writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def problem_lines(job: ImportJob) -> Iterator[str]:
    """The lines of a CSV file: row number, outcome, reason, column; read from the database as it goes."""
    rows = _problem_rows(job).order_by("row_number")
    cells = rows.values_list("row_number", "outcome", "reason", "column")
    return csv_lines(
        ("row", "outcome", "reason", "column", "in words"),
        ((*map(str, row), say(row[2])) for row in cells.iterator(chunk_size=2_000)),
    )


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a CSV file that a spreadsheet can open without harm, made as they are asked for."""
    writer = csv.writer(_Line())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])
