"""The residue sweep: after an erasure, look everywhere for what must not be anywhere (docs/adr/0007).

Invariants:
- Every text, JSON and binary column of the main database is read once, with all values looked for at the same
  time, and so is every file of the media folder. Sessions are read decoded.
- A hit says where, never what; and never the key of a session, which would be a way in.
- What is left out is left out by declaration: columns declared as staff, and the tables in `LEFT_OUT`.
- Tables are walked in the order of their keys, a page a statement: no row that is changed meanwhile is
  missed, no transaction stays open, and the caller may renew its lease at each page.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
from ahocorasick_rs import BytesAhoCorasick
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, models

from consumers.profile import Profile
from portal.personal import Category, declaration, searchable_columns

SHORTEST = 6
SHORTEST_STREET = 8
SHORTEST_NUMBER = 9
"""A shorter number is also a count, the fraction of a second, or a record's number somewhere; it is looked for as
a whole cell or a whole string in JSON only."""
PAGE = 5_000
MOST_HITS = 100
CHUNK = 1 << 20
MOST_VALUES = 400_000
"""Looked for in one pass: some 40,000 people, for whom the search takes about 700 MB while it is built."""
LEFT_OUT: Mapping[str, str] = {
    "contenttypes.ContentType": "the names of our own tables",
    "auth.Permission": "the names of our own permissions",
    "sessions.Session.session_key": "drawn at random, and a way in for whoever reads it",
    "vault.KeyTree": "in the vault's database: counters",
    "vault.KeyPage": "in the vault's database: keys, sealed",
}
"""Tables and columns that are not read, with the reason. The bookkeeping of migrations has no model and holds the names
of our own files."""

Progress = Callable[[str], object]


@dataclass(frozen=True)
class Hit:
    """Where a value was found. `row_id` is the row's key, or the file's path below the media folder."""

    table: str
    column: str
    row_id: str


def values_of(profile: Profile) -> list[str]:
    """The values whose presence anywhere would betray the person; what is short or common is left out."""
    given, surname = profile.given_name or "", profile.surname or ""
    telephone, street = profile.telephone or "", profile.street or ""
    values = {profile.email or "", telephone, _national(telephone), profile.external_id or ""}
    if given and surname and len(given) + len(surname) >= SHORTEST:
        values |= {f"{given} {surname}", f"{surname} {given}", f"{surname}, {given}"}
    if surname and profile.birthday:
        values |= {f"{surname}{gap}{profile.birthday}" for gap in (" ", ", ", ",")}
    if len(street) >= SHORTEST_STREET and any(c.isdigit() for c in street):
        values.add(street)
    return sorted(value for value in values if len(value) >= SHORTEST)


def _national(telephone: str) -> str:
    return telephone[2:] if telephone.startswith("+1") else telephone.lstrip("+")


def forms(value: str) -> set[bytes]:
    """The bytes by which a value may stand somewhere, in lower case: as text, in JSON, in an address.

    Ten digits are looked for with the usual separators of a telephone number too, fewer only as a whole.
    """
    if len(value) < SHORTEST_NUMBER and value.isascii() and value.isdecimal():
        return {f'"{value}"'.encode(), f'\\"{value}\\"'.encode(), f"\0{value}\0".encode()}
    # Bytes can only be lowered where they are ASCII; other letters are looked for in both cases.
    written = {value} if value.isascii() else {value.lower(), value.upper(), value.title()}
    if len(value) == 10 and value.isdecimal() and value.isascii():
        area, exchange, line = value[:3], value[3:6], value[6:]
        written |= {f"{area}{gap}{exchange}{gap}{line}" for gap in "-. "}
        written |= {f"({area}){gap}{exchange}-{line}" for gap in ("", " ")} | {f"1{value}"}
    found = set()
    for text in written:
        found |= {text, quote(text), quote_plus(text), escape(text)}
        found |= {json.dumps(text)[1:-1], orjson.dumps(text)[1:-1].decode()}
    return {text.encode().lower() for text in found}


class Finder:
    """Looks for many values at once."""

    def __init__(self, values: Iterable[str]) -> None:
        patterns = {form for value in values for form in forms(value)}
        self.size, self.longest = len(patterns), max(map(len, patterns), default=0)
        self._automaton = BytesAhoCorasick(patterns)

    def may_be_in(self, lowered: bytes) -> bool:
        """Whether any value is there, also as a part of something longer."""
        return bool(self._automaton.find_matches_as_indexes(lowered))

    def is_in(self, lowered: bytes) -> bool:
        """Whether any value is there by itself."""
        return self.may_be_in(lowered) and any(
            _stands_alone(lowered, start, end)
            for _, start, end in self._automaton.find_matches_as_indexes(lowered, overlapping=True)
        )


_DIGITS = frozenset(b"0123456789")
_HEX = _DIGITS | frozenset(b"abcdef")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz")


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """Whether a match is no part of something else: a longer number, a hexadecimal digest, a longer name.

    An e-mail address is a match wherever it stands, since much may be glued to it.
    """
    value = text[start:end]
    if b"@" in value or b"%40" in value:
        return True
    hexadecimal = value.isdigit()
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    if start > 1 and text[start - 2 : start - 1] == b"\\":
        before = b""  # the line break or tabulator of a text in JSON
    return not (_goes_on(before, value[0], hexadecimal) or _goes_on(after, value[-1], hexadecimal))


def _goes_on(beside: bytes, edge: int, hexadecimal: bool) -> bool:
    if not beside:
        return False
    if hexadecimal:
        return beside[0] in _HEX
    return any(edge in kind and beside[0] in kind for kind in (_DIGITS, _LETTERS))


def sweep(values: Iterable[str], *, progress: Progress = lambda _: None) -> list[Hit]:
    """Look for `values` in every column and stored file; at most a hundred hits are told.

    `progress` is called with a table's name at each page of it. Values shorter than six characters stand
    everywhere by chance and are not looked for.
    """
    wanted = sorted({value for value in values if len(value) >= SHORTEST})
    hits: dict[Hit, None] = {}
    for start in range(0, len(wanted), MOST_VALUES):
        progress("values")
        finder = Finder(wanted[start : start + MOST_VALUES])
        for hit in _everywhere(finder, progress):
            hits[hit] = None
            if len(hits) >= MOST_HITS:
                return list(hits)
    return list(hits)


def _everywhere(finder: Finder, progress: Progress) -> Iterator[Hit]:
    for model, columns in tables():
        walk = _in_sessions if model is Session else _in_table
        yield from walk(model, columns, finder, progress)
    yield from _in_files(finder, progress)


def tables() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Each table of the main database with the columns to look through."""
    pairs = (pair for pair in searchable_columns() if _is_searched(*pair))
    for model, found in groupby(pairs, key=lambda pair: pair[0]):
        yield model, [str(field.column) for _, field in found]


def _is_searched(model: type[models.Model], field: "models.Field[Any, Any]") -> bool:
    declared = declaration(field)
    is_staff = declared is not None and Category.STAFF in declared.categories
    label = model._meta.label
    return not is_staff and LEFT_OUT.keys().isdisjoint({label, f"{label}.{field.name}"})


Row = tuple[Any, ...]


def _pages(model: type[models.Model], columns: Sequence[str]) -> Iterator[list[Row]]:
    """The table's rows in the order of its key, which comes first in each row; a page a statement."""
    key = [f'"{field.column}"' for field in model._meta.pk_fields]
    order, width = ", ".join(key), len(key)
    chosen = ", ".join([*key, *(f'"{column}"' for column in columns)])
    start = f'SELECT {chosen} FROM "{model._meta.db_table}"'
    end = f" ORDER BY {order} LIMIT {PAGE}"
    beyond = f" WHERE ({order}) > ({', '.join(['%s'] * width)})"
    rows: list[Row] = []
    while len(rows) == PAGE or not rows:
        with connection.cursor() as cursor:
            last = rows[-1][:width] if rows else ()
            cursor.execute(f"{start}{beyond if rows else ''}{end}", last)
            rows = cursor.fetchall()
        if not rows:
            return
        yield rows


def _in_table(
    model: type[models.Model], columns: list[str], finder: Finder, progress: Progress
) -> Iterator[Hit]:
    table, width = model._meta.db_table, len(model._meta.pk_fields)
    for rows in _pages(model, columns):
        progress(table)
        # A page is looked through as one piece; only one with a match is looked at row by row.
        cells = [value for row in rows for value in row[width:] if value is not None]
        if finder.may_be_in(_whole(*map(_lowered, cells))):
            for row in rows:
                for column, value in zip(columns, row[width:], strict=True):
                    if value is not None and finder.is_in(_whole(_lowered(value))):
                        yield Hit(table, column, "/".join(map(str, row[:width])))


def _whole(*cells: bytes) -> bytes:
    """Cells one after the other, each between two zero bytes, which no text of the database holds."""
    return b"\0".join((b"", *cells, b""))


def _lowered(value: Any) -> bytes:
    if isinstance(value, str):
        return value.lower().encode()
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).lower()
    return orjson.dumps(value, default=str).lower()


def _in_sessions(
    model: type[models.Model], columns: list[str], finder: Finder, progress: Progress
) -> Iterator[Hit]:
    """A session's data is encoded, so it is read decoded; the hit names the user whose session it is."""
    progress(model._meta.db_table)
    for session in Session.objects.iterator(chunk_size=PAGE):
        data = session.get_decoded()
        if finder.is_in(_lowered(data)) or finder.is_in(_lowered(session.session_data)):
            user = data.get("_auth_user_id", "nobody")
            yield Hit(model._meta.db_table, "session_data", f"session of user {user}")


def _in_files(finder: Finder, progress: Progress) -> Iterator[Hit]:
    root = Path(settings.MEDIA_ROOT)
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if finder.is_in(_lowered(name)):
            # The path would tell the value; the folder and the number of the entry do not.
            yield Hit("files", "name", _unnamed(path, root, finder))
        elif path.is_file() and _in_file(path, finder, progress):
            yield Hit("files", "content", name)


def _unnamed(path: Path, root: Path, finder: Finder) -> str:
    """The place of a file without the parts of its path that hold a value."""
    parts = path.relative_to(root).parts
    return "/".join("***" if finder.is_in(_lowered(part)) else part for part in parts)


def _in_file(path: Path, finder: Finder, progress: Progress) -> bool:
    """Read in pieces that overlap by the longest value, so that none is missed at a border."""
    tail = b""
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                progress("files")
                text = tail + piece.lower()
                if finder.is_in(text):
                    return True
                tail = text[-finder.longest - 2 :]
    except FileNotFoundError:
        return False  # removed since the folder was read
    return False
