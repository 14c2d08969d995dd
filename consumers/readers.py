"""Streaming readers over a binary file: CSV, blank-separated text, NDJSON.

Invariants:
- A file is read once, front to back, line by line; memory does not grow with it.
- What makes the whole file unreadable raises `FileRefused` with a sentence for staff that holds no
  value; what makes one row unreadable yields that row marked bad, and the file goes on.
- `Row.end` is the byte after the row: reading on from there, with the row's number, gives exactly
  the rows that would have followed.
- No file makes us hold more than a row of 1 MiB at a time, however its lines and quotation marks are
  set; and a row that may have been torn apart by a quotation mark is marked bad, never guessed at.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

from consumers import normalise, signatures
from portal.errors import Refused

CELL_LIMIT: Final = 64 * 1024
LINE_LIMIT: Final = 1024 * 1024
COLUMN_LIMIT: Final = 500
NAME_LIMIT: Final = 80
SAMPLE: Final = 256 * 1024
DELIMITERS: Final = ",;\t|"
ENCODING_NAMES: Final = {"utf-8": "UTF-8", "latin-1": "Latin-1", "cp1252": "Windows-1252"}
ENCODINGS: Final = tuple(ENCODING_NAMES)
CSV, BLANKS, NDJSON = "csv", "blanks", "ndjson"
# A spreadsheet's own way to say which mark parts the cells; it is no row.
_TOLD: Final = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
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
    `empty`, `encoding`, `nul`, `line_ends`, `duplicate_header`, `blank_header`, `long_header`,
    `no_header`, `too_many_columns`, `cell_too_long`, or what `signatures` knows the file to be.
    """
    if encoding not in ENCODINGS:
        raise refuse("encoding", "Choose UTF-8, Latin-1 or Windows-1252 as the file's encoding.")
    stream.seek(0)
    sample = stream.read(SAMPLE)
    stream.seek(0)
    start = 3 if sample.startswith(b"\xef\xbb\xbf") else 0
    if found := signatures.known(sample[start:]):
        raise refuse(*found)
    if not sample[start:].strip():
        raise refuse("empty", "The file is empty. Choose one that holds rows.")
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
        told = _TOLD.fullmatch(first)
        if first.strip() and not told:
            break
        delimiter = told[1] if told and not delimiter else delimiter
        start = lines.end
    if not delimiter:
        counts = {mark: first.count(mark) for mark in DELIMITERS}
        delimiter = max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else ""
    kind = BLANKS if not delimiter and len(first.split()) > 1 else CSV
    found = FileFormat(kind, (), delimiter or ",", encoding, start)
    head = next(_rows(_Lines(stream, start, encoding, 0), found, 0), None)
    stream.seek(0)
    if head and head.bad:
        raise refuse(
            "no_header",
            "A quotation mark in the line with the names of the columns is not closed. Mend it, and"
            " upload the file again.",
        )
    return replace(
        found, headers=_headers(head.values if head else []), start=head.end if head else start
    )


def _headers(cells: list[str]) -> tuple[str, ...]:
    headers = tuple(_named(cell) for cell in cells)
    if len(headers) > COLUMN_LIMIT:
        raise refuse(
            "too_many_columns",
            f"The file has more than {COLUMN_LIMIT} columns. Leave out those that say nothing about"
            " people, and upload it again.",
        )
    if any(not header for header in headers):
        place = [bool(header) for header in headers].index(False) + 1
        raise refuse("blank_header", f"Column {place} has no name. Name every column.")
    if all(header.replace(".", "").replace("-", "").isdigit() for header in headers):
        raise refuse("no_header", "The first line holds numbers only. Begin with the column names.")
    for place, header in enumerate(headers, start=1):
        if len(header) > NAME_LIMIT:
            raise refuse(
                "long_header",
                f"Column {place} has a name of more than {NAME_LIMIT} characters. Begin the file with"
                " short names of its columns.",
            )
    folded = [header.casefold() for header in headers]
    for place, header in enumerate(folded):
        if header in folded[:place]:
            first = folded.index(header) + 1
            raise refuse(
                "duplicate_header",
                f"Columns {first} and {place + 1} have the same name. Give each its own.",
            )
    return headers


def _named(cell: str) -> str:
    """The name of a column as it is stored and shown: on one line, without anything invisible."""
    plain = cell.isascii() and cell.isprintable() and "  " not in cell
    return cell.strip() if plain else _cleaned(cell) if len(cell) <= NAME_LIMIT else cell


_cleaned = lru_cache(4_096)(normalise.clean)


def _inspect_ndjson(sample: bytes, start: int, *, whole: bool) -> FileFormat:
    lines = sample[start:].splitlines()
    if not whole and len(lines) > 1:
        lines.pop()
    headers: dict[str, None] = {}
    for line in lines:
        found = _object(line) if line.strip() else {}
        headers.update(dict.fromkeys(found or ()))
    if not headers:
        raise refuse(
            "no_header",
            "The first lines hold no JSON object with names and values. Write one object a line.",
        )
    return FileFormat(NDJSON, _headers(list(headers)), start=start)


# ---------------------------------------------------------------------------------------- reading


def read(
    stream: BinaryIO, file: FileFormat, *, after: int = 0, position: int | None = None
) -> Iterator[Row]:
    """The rows of a file; to resume, `after` is the last row's number and `position` its end.

    Raises `FileRefused` (`encoding`, `nul`, `cell_too_long`, each with the line's number) when it
    comes to such a line. Blank lines are no rows. A row's `bad` is one of `too_few_cells`,
    `too_many_cells`, `open_quote`, `encoding`, `syntax`, `nested` and `unknown_name`.
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
    """Decoded lines of a file, which know where they end, and which of them the row so far is made of.

    A lone CR ends a line too: within quotation marks it stays in its cell all the same.
    """

    def __init__(self, stream: BinaryIO, at: int, encoding: str, after: int) -> None:
        self.stream, self.encoding, self.end, self.number = stream, encoding, at, after
        self.begun = at
        self.row: list[str] = []
        if stream.seekable():
            stream.seek(at)

    @property
    def first(self) -> int:
        """The number of the line with which the row begins."""
        return self.number - max(0, len(self.row) - 1)

    def begin_row(self) -> None:
        """The next line begins a row."""
        self.begun = self.end
        self.row.clear()

    def __iter__(self) -> Iterator[str]:
        readline, row = self.stream.readline, self.row
        while line := readline(LINE_LIMIT):
            if b"\0" in line:
                raise refuse("nul", _NUL.format(self.number + 1))
            if len(line) == LINE_LIMIT:
                raise refuse("cell_too_long", _LONG_LINE.format(self.number + 1))
            at = line.find(b"\r")
            whole = at < 0 or line[at:] in (b"\r\n", b"\r")
            for piece in (line,) if whole else line.splitlines(keepends=True):
                self.number += 1
                self.end += len(piece)
                row.append(decoded := self._decoded(piece))
                if self.end - self.begun > LINE_LIMIT:
                    raise refuse("cell_too_long", _UNCLOSED.format(self.first))
                yield decoded

    def _decoded(self, piece: bytes) -> str:
        try:
            return piece.decode(self.encoding)
        except UnicodeDecodeError:
            pass
        # Raised here, because the decoder's own error carries the line.
        name = ENCODING_NAMES[self.encoding]
        raise refuse("encoding", _OTHER_ENCODING.format(self.number, name))


_NUL: Final = (
    "About row {0} the file holds a NUL byte. Save it as CSV in UTF-8, and upload it again."
)
_LONG_LINE: Final = (
    "About row {0} a line exceeds 1 MiB. Have the file exported with one row a line."
)
_UNCLOSED: Final = (
    "About row {0} a cell exceeds 64 KiB; perhaps its quotation mark is not closed. Mend the row, and"
    " upload the file again."
)
_OTHER_ENCODING: Final = (
    "About row {0} the file is not {1}. Save it as UTF-8, or choose another encoding."
)


def _rows(lines: _Lines, file: FileFormat, after: int) -> Iterator[Row]:
    width = len(file.headers)
    number = after
    for values, bad in _cells(lines, file):
        if not bad and (not values or values == [""]):
            continue
        number += 1
        if len(values) > width and width:
            # A spreadsheet leaves empty cells behind the last column.
            values = values[:width] if not any(values[width:]) else values
        if len(values) != width and width:
            bad = bad or _misfit(len(values), width, len(lines.row))
        yield Row(number, values, bad, lines.end)


def _misfit(cells: int, width: int, lines: int) -> str:
    """Why a row does not fit. One that goes over several lines may have swallowed others."""
    if lines > 1:
        return "open_quote"
    return "too_few_cells" if cells < width else "too_many_cells"


def _cells(lines: _Lines, file: FileFormat) -> Iterator[tuple[list[str], str]]:
    """The cells of each row, and "open_quote" where they are those of more than one row."""
    if file.kind == BLANKS:
        for line in lines:
            yield line.split(), ""
            lines.begin_row()
        return
    reader = csv.reader(lines, delimiter=file.delimiter, skipinitialspace=True, strict=True)
    while True:
        lines.begin_row()
        bad = ""
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            values, bad = _torn(lines.row, file.delimiter)
        if lines.end - lines.begun > CELL_LIMIT and (bad or _has_long_cell(values)):
            raise refuse("cell_too_long", _UNCLOSED.format(lines.first))
        yield values, bad


def _torn(row: list[str], delimiter: str) -> tuple[list[str], str]:
    """What a row comes to whose quotation marks are not as they should be.

    On one line it is read as well as it can be. Over several lines nobody knows where the mark should have
    been closed, so all cells are given for the scan for sensitive data, and none may be used.
    """
    found = csv.reader(row, delimiter=delimiter, skipinitialspace=True)
    if len(row) == 1:
        return next(found, []), ""
    return [cell for cells in found for cell in cells], "open_quote"


def _has_long_cell(values: list[str]) -> bool:
    return any(len(value) > CELL_LIMIT for value in values)


def _ndjson(stream: BinaryIO, file: FileFormat, after: int, at: int) -> Iterator[Row]:
    number, known = after, frozenset(file.headers)
    while line := stream.readline(LINE_LIMIT):
        at += len(line)
        if len(line) == LINE_LIMIT:
            raise refuse("cell_too_long", _LONG_LINE.format(number + 1))
        if not line.strip():
            continue
        number += 1
        found = _object(line)
        if found is None:
            yield Row(number, [], "syntax" if _is_utf_8(line) else "encoding", at)
            continue
        bad = "" if known.issuperset(found) else "unknown_name"
        bad = "nested" if None in found.values() else bad
        values = [found.get(header) or "" for header in file.headers]
        # Names that came too late for a column are kept for the scan for sensitive data.
        extra = [value or "" for name, value in found.items() if name not in known]
        yield Row(number, values + extra, bad, at)


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


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
        key = before + _named(name)
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
