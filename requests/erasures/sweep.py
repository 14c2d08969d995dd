"""The residue sweep: after an erasure, look everywhere for what must not be anywhere.

Invariants: every text, JSON and binary column of the main database is streamed once, with all values looked
for at the same time, and so is every file of the media folder; a hit says where, never what.
What is left out is left out by declaration: columns of staff, because a member of staff may share a
consumer's name, and enumerations of the portal itself hold no free value.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
from ahocorasick_rs import BytesAhoCorasick
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction

from consumers.profile import Profile
from portal.personal import Category, declaration, searchable_columns

SHORTEST = 6
ROWS = 2_000
MOST_HITS = 100
CHUNK = 1 << 20
Progress = Callable[[str], object]


@dataclass(frozen=True)
class Hit:
    """Where a value was found. `row_id` is the row's key, or the file's path below the media folder."""

    table: str
    column: str
    row_id: str


def values_of(profile: Profile) -> list[str]:
    """The values whose presence anywhere would betray the person; common short words are left out."""
    given, surname = profile.given_name or "", profile.surname or ""
    telephone = profile.telephone or ""
    values = {
        profile.email or "",
        telephone,
        telephone[2:] if telephone.startswith("+1") else telephone.lstrip("+"),
        profile.external_id or "",
        f"{given} {surname}" if given and surname else "",
        f"{surname}, {given}" if given and surname else "",
        f"{surname} {given}" if given and surname else "",
        profile.street or "",
    }
    return sorted(value for value in values if len(value) >= SHORTEST)


def sweep(values: Iterable[str], *, progress: Progress = lambda _: None) -> list[Hit]:
    """Look for `values` in every column and stored file. `progress` is called with each table's name."""
    wanted = sorted({value.lower().encode() for value in values if len(value) >= SHORTEST})
    if not wanted:
        return []
    finder = BytesAhoCorasick(wanted)
    hits: list[Hit] = []
    for model, columns in _tables():
        progress(model._meta.db_table)
        for hit in _in_table(model, columns, finder):
            hits.append(hit)
            if len(hits) >= MOST_HITS:
                return hits
    progress("files")
    hits += _in_files(finder, wanted)
    return hits[:MOST_HITS]


def _tables() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Each table of the main database with the columns to look through."""
    pairs = (pair for pair in searchable_columns() if _is_searched(*pair))
    for model, found in groupby(pairs, key=lambda pair: pair[0]):
        yield model, [str(field.column) for _, field in found]


def _is_searched(model: type[models.Model], field: "models.Field[Any, Any]") -> bool:
    if model._meta.app_label in ("vault", "contenttypes") or model._meta.label == "auth.Permission":
        return False
    declared = declaration(field)
    return declared is None or Category.STAFF not in declared.categories


def _in_table(
    model: type[models.Model], columns: list[str], finder: BytesAhoCorasick
) -> Iterator[Hit]:
    table = model._meta.db_table
    key = ", ".join(f'"{field.column}"' for field in model._meta.pk_fields)
    chosen = ", ".join(f'"{column}"' for column in columns)
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT concat_ws('/', {key}), {chosen} FROM \"{table}\"")
        for row in cursor:
            joined = b"\x00".join(_bytes(value) for value in row[1:] if value is not None).lower()
            if finder.find_matches_as_indexes(joined):
                yield from _where(table, columns, row, finder)
    if model is Session:
        yield from _in_sessions(finder)


def _where(
    table: str, columns: list[str], row: tuple[Any, ...], finder: BytesAhoCorasick
) -> Iterator[Hit]:
    for column, value in zip(columns, row[1:], strict=True):
        if value is not None and finder.find_matches_as_indexes(_bytes(value).lower()):
            yield Hit(table, column, str(row[0]))


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, memoryview)):
        return bytes(value)
    return orjson.dumps(value, default=str)


def _in_sessions(finder: BytesAhoCorasick) -> Iterator[Hit]:
    """A session's data is encoded; it is searched decoded as well."""
    for session in Session.objects.iterator(chunk_size=ROWS):
        if finder.find_matches_as_indexes(orjson.dumps(session.get_decoded(), default=str).lower()):
            yield Hit("django_session", "session_data", "a session")


def _in_files(finder: BytesAhoCorasick, wanted: list[bytes]) -> list[Hit]:
    root = Path(settings.MEDIA_ROOT)
    longest = max(len(value) for value in wanted)
    return [
        Hit("files", "content", str(path.relative_to(root)))
        for path in sorted(root.rglob("*"))
        if path.is_file() and _in_file(path, finder, longest)
    ]


def _in_file(path: Path, finder: BytesAhoCorasick, longest: int) -> bool:
    """Read in pieces that overlap by the longest value, so that none is missed at a border."""
    tail = b""
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                if finder.find_matches_as_indexes((tail + piece).lower()):
                    return True
                tail = piece[-longest:]
    except FileNotFoundError:
        return False
    return False
