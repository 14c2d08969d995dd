"""Streaming readers over a binary file: CSV, blank-separated text, NDJSON.

Invariants:
- A file is read once, front to back, line by line; memory does not grow with it.
- What makes the whole file unreadable raises `FileRefused` with a sentence for staff that holds no
  value; what makes one row unreadable yields that row marked bad, and the file goes on.
- `Row.end` is the byte after the row: reading on from there, with the row's number, gives exactly
  the rows that would have followed.
"""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

from portal.errors import Refused

CELL_LIMIT: Final = 64 * 1024
LINE_LIMIT: Final = 1024 * 1024
COLUMN_LIMIT: Final = 500
SAMPLE: Final = 256 * 1024
DELIMITERS: Final = ",;\t|"
ENCODINGS: Final = ("utf-8", "latin-1", "cp1252")
CSV, BLANKS, NDJSON = "csv", "blanks", "ndjson"
# The standard library's own limit is lower than ours would be in characters; ours gives the reason.
csv.field_size_limit(2 * LINE_LIMIT)


class FileRefused(Refused):
    """A file that cannot be read at all. `code` is machine-readable; the text holds no value."""


class Row(NamedTuple):
    """One row: `number` 1 is the first after the header; `bad` says why it is unreadable ("" if
    good); `end` is the position of the byte after it.
    """

    number: int
    values: list[str]
    bad: str
    end: int


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file is written. `start` is the position of its first row."""

    kind: str
    headers: tuple[str, ...]
    delimiter: str = ""
    encoding: str = "utf-8"
    start: int = 0

    def to_json(self) -> dict[str, Any]:
        """A form to store with an import, so that a later run reads the file the same way."""
        return asdict(self) | {"headers": list(self.headers)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "FileFormat":
        """The format that was stored."""
        return cls(**(stored | {"headers": tuple(stored["headers"])}))


def refuse(code: str, sentence: str) -> FileRefused:
    """A refusal of the whole file."""
    return FileRefused(sentence, code=code)


# ------------------------------------------------------------------------------------- inspection


def inspect(stream: BinaryIO, *, encoding: str = "utf-8", delimiter: str = "") -> FileFormat:
    """What a file is and which columns it has, from its first 256 KiB. Rewinds the stream.

    The stream must be seekable here. An empty `delimiter` is found out. Raises `FileRefused`:
    `empty`, `encoding`, `nul`, `line_ends`, `duplicate_header`, `blank_header`, `no_header`,
    `too_many_columns`, `cell_too_long`.
    """
    if encoding not in ENCODINGS:
        raise refuse("encoding", "Choose UTF-8, Latin-1 or Windows-1252 as the file's encoding.")
    stream.seek(0)
    sample = stream.read(SAMPLE)
    stream.seek(0)
    start = 3 if sample.startswith(b"\xef\xbb\xbf") else 0
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse("encoding", "The file is UTF-16. Save it as UTF-8 and upload it again.")
    if not sample[start:].strip():
        raise refuse("empty", "The file is empty.")
    if b"\0" in sample:
        raise refuse(
            "nul", "The file holds NUL bytes: it is no text file. Save it as CSV in UTF-8."
        )
    if b"\r" in sample and b"\n" not in sample:
        raise refuse("line_ends", "The lines end in CR alone. Save the file with CRLF or LF ends.")
    if sample[start:].lstrip().startswith(b"{"):
        return _inspect_ndjson(sample, start, whole=len(sample) < SAMPLE)
    return _inspect_table(stream, start, encoding, delimiter)


def _inspect_table(stream: BinaryIO, start: int, encoding: str, delimiter: str) -> FileFormat:
    lines = _Lines(stream, start, encoding, 0)
    first = ""
    for first in lines:
        if first.strip():
            break
        start = lines.end
    if not delimiter:
        counts = {mark: first.count(mark) for mark in DELIMITERS}
        delimiter = max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else ""
    kind = BLANKS if not delimiter and len(first.split()) > 1 else CSV
    found = FileFormat(kind, (), delimiter or ",", encoding, start)
    head = next(_rows(_Lines(stream, start, encoding, 0), found, 0), None)
    stream.seek(0)
    return replace(
        found, headers=_headers(head.values if head else []), start=head.end if head else start
    )


def _headers(cells: list[str]) -> tuple[str, ...]:
    headers = tuple(cell.strip() for cell in cells)
    if len(headers) > COLUMN_LIMIT:
        raise refuse("too_many_columns", f"The file has more than {COLUMN_LIMIT} columns.")
    if any(not header for header in headers):
        place = [bool(header) for header in headers].index(False) + 1
        raise refuse("blank_header", f"Column {place} has no name. Name every column.")
    if all(header.replace(".", "").replace("-", "").isdigit() for header in headers):
        raise refuse("no_header", "The first line holds numbers only. Begin with the column names.")
    folded = [header.casefold() for header in headers]
    for place, header in enumerate(folded):
        if header in folded[:place]:
            first = folded.index(header) + 1
            raise refuse("duplicate_header", f"Columns {first} and {place + 1} have the same name.")
    return headers


def _inspect_ndjson(sample: bytes, start: int, *, whole: bool) -> FileFormat:
    lines = sample[start:].splitlines()
    if not whole and len(lines) > 1:
        lines.pop()
    headers: dict[str, None] = {}
    for line in lines:
        found = _object(line) if line.strip() else {}
        headers.update(dict.fromkeys(found or ()))
    if not headers:
        raise refuse("no_header", "The first lines hold no JSON object with names and values.")
    return FileFormat(NDJSON, _headers(list(headers)), start=start)


# ---------------------------------------------------------------------------------------- reading


def read(
    stream: BinaryIO, file: FileFormat, *, after: int = 0, position: int | None = None
) -> Iterator[Row]:
    """The rows of a file; to resume, `after` is the last row's number and `position` its end.

    Raises `FileRefused` (`encoding`, `nul`, `cell_too_long`, each with the line's number) when it
    comes to such a line. Blank lines are no rows. A row's `bad` is one of `too_few_cells`,
    `too_many_cells`, `syntax`, `nested` and `unknown_name`.
    """
    at = file.start if position is None else position
    if stream.seekable():
        stream.seek(at)
    else:
        _skip(stream, at)
    if file.kind == NDJSON:
        return _ndjson(stream, file, after, at)
    return _rows(_Lines(stream, at, file.encoding, after), file, after)


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        taken = len(stream.read(min(count, SAMPLE)))
        if not taken:
            raise refuse("changed", "The file is shorter than it was. Upload it again.")
        count -= taken


class _Lines:
    """Decoded lines of a file, which know where they end."""

    def __init__(self, stream: BinaryIO, at: int, encoding: str, after: int) -> None:
        self.stream, self.encoding, self.end, self.number = stream, encoding, at, after
        if stream.seekable():
            stream.seek(at)

    def __iter__(self) -> Iterator[str]:
        readline, encoding = self.stream.readline, self.encoding
        while line := readline(LINE_LIMIT):
            self.number += 1
            if b"\0" in line:
                raise refuse("nul", f"About row {self.number} the file holds a NUL byte.")
            if len(line) == LINE_LIMIT:
                raise refuse("cell_too_long", f"About row {self.number} a line exceeds 1 MiB.")
            self.end += len(line)
            try:
                yield line.decode(encoding)
            except UnicodeDecodeError:
                pass
            else:
                continue
            # Raised here, because the decoder's own error carries the line.
            raise refuse(
                "encoding",
                f"About row {self.number} the file is not UTF-8. Save it so, or choose Latin-1.",
            )


def _rows(lines: _Lines, file: FileFormat, after: int) -> Iterator[Row]:
    width = len(file.headers)
    number = after
    for values in _cells(lines, file):
        if not values:
            continue
        number += 1
        bad = ""
        if len(values) > width and width:
            # A spreadsheet leaves empty cells behind the last column.
            values = values[:width] if not any(values[width:]) else values
        if len(values) != width and width:
            bad = "too_few_cells" if len(values) < width else "too_many_cells"
        yield Row(number, values, bad, lines.end)


def _cells(lines: _Lines, file: FileFormat) -> Iterator[list[str]]:
    if file.kind == BLANKS:
        for line in lines:
            yield line.split()
        return
    reader = csv.reader(lines, delimiter=file.delimiter, skipinitialspace=True)
    begun = lines.end
    try:
        for values in reader:
            if lines.end - begun > CELL_LIMIT:
                _check_cells(values, lines.number)
            begun = lines.end
            yield values
    except csv.Error:
        raise refuse("cell_too_long", _UNCLOSED.format(lines.number)) from None


_UNCLOSED: Final = (
    "About row {0} a cell exceeds 64 KiB. Perhaps a quotation mark before it is not closed."
)


def _check_cells(values: list[str], number: int) -> None:
    if any(len(value) > CELL_LIMIT for value in values):
        raise refuse("cell_too_long", _UNCLOSED.format(number))


def _ndjson(stream: BinaryIO, file: FileFormat, after: int, at: int) -> Iterator[Row]:
    number, known = after, frozenset(file.headers)
    while line := stream.readline(LINE_LIMIT):
        at += len(line)
        if len(line) == LINE_LIMIT:
            raise refuse("cell_too_long", f"About row {number + 1} a line exceeds 1 MiB.")
        if not line.strip():
            continue
        number += 1
        found = _object(line)
        if found is None:
            yield Row(number, [], "syntax", at)
            continue
        bad = "" if known.issuperset(found) else "unknown_name"
        bad = "nested" if None in found.values() else bad
        values = [found.get(header) or "" for header in file.headers]
        # Names that came too late for a column are kept for the scan for sensitive data.
        extra = [value or "" for name, value in found.items() if name not in known]
        yield Row(number, values + extra, bad, at)


def _object(line: bytes) -> dict[str, str | None] | None:
    """A line's names and texts; objects within are "outer.inner", and None stands for a list."""
    try:
        parsed = orjson.loads(line)
    except ValueError:
        return None
    return _flat(parsed, "") if isinstance(parsed, dict) else None


def _flat(parsed: dict[str, Any], before: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, value in parsed.items():
        key = before + name.strip()
        if isinstance(value, str):
            found[key] = value
        elif isinstance(value, dict) and before.count(".") < 3:
            found |= _flat(value, key + ".")
        else:
            found[key] = _text(value)
    return found


def _text(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else None
