"""Looking for a person's values in bytes of any kind: files, dumps, a broker's memory, logs.

It shares nothing with the product's own residue sweep, so that what one is blind to the other sees. A value is
looked for in any case of its letters, as text and as UTF-16, in base64 at each of its three alignments, in hex,
and as a web address or JSON escapes it. Zipped and encrypted bytes are not opened; who looks takes them decoded.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, Implementation

_CHUNK = 8 << 20
_SHORTEST = 6
_HEX = frozenset(b"0123456789abcdef")


def forms(value: str) -> dict[bytes, str]:
    """The lowered bytes by which a value may stand somewhere, each with the name of its form."""
    found: dict[bytes, str] = {}
    for text in {value, value.lower(), value.upper(), value.title()}:
        for name, raw in _encoded(text):
            found.setdefault(raw.lower(), name)
    return found


def _encoded(text: str) -> Iterator[tuple[str, bytes]]:
    raw = text.encode()
    yield "text", raw
    for escaped in (quote(text), quote_plus(text), json.dumps(text)[1:-1]):
        yield "escaped", escaped.encode()
    yield "utf-16", text.encode("utf-16-le")
    yield "utf-16", text.encode("utf-16-be")
    yield "hex", raw.hex().encode()
    for before in range(3):
        yield "base64", _base64_inside(raw, before)
        yield "base64", _base64_inside(raw, before).translate(bytes.maketrans(b"+/", b"-_"))


def _base64_inside(raw: bytes, before: int) -> bytes:
    """The characters that do not depend on what stands around `raw`, which begins `before` bytes after a border."""
    whole = base64.b64encode(b"\0" * before + raw)
    first = -(-before * 8 // 6)
    return whole[first : (before + len(raw)) * 8 // 6]


class Traces:
    """Looks for many named values, and for raw bytes such as keys, at once.

    A number is no trace within a longer one or a hexadecimal digest. `look` functions return the names of what
    was found with the form, such as "surname (base64)", and never the value.
    """

    def __init__(self, values: Mapping[str, str], keys: Mapping[str, bytes] | None = None) -> None:
        patterns: dict[bytes, tuple[str, str]] = {}
        for name, value in values.items():
            assert len(value) >= _SHORTEST, f"{name} is too short to mean anything"
            for pattern, form in forms(value).items():
                patterns.setdefault(pattern, (name, form))
        self._names = list(patterns.values())
        self._patterns = list(patterns)
        self._automaton = BytesAhoCorasick(self._patterns, implementation=Implementation.DFA)
        self._keys = dict(keys or {})
        lengths = [*map(len, self._patterns), *map(len, self._keys.values())]
        self._overlap = max(lengths) + 1

    def in_bytes(self, content: bytes) -> set[str]:
        """What is in `content`."""
        lowered = content.lower()
        found = {
            "{} ({})".format(*self._names[index])
            for index, start, end in self._automaton.find_matches_as_indexes(
                lowered, overlapping=True
            )
            if _counts(lowered, start, end)
        }
        return found | {name for name, key in self._keys.items() if key in content}

    def in_stream(self, stream: BinaryIO) -> set[str]:
        """What is in a stream, read in pieces that overlap."""
        found: set[str] = set()
        tail = b""
        while piece := stream.read(_CHUNK):
            found |= self.in_bytes(tail + piece)
            tail = (tail + piece)[-self._overlap :]
        return found

    def in_file(self, path: Path) -> set[str]:
        """What is in a file or in its name; a file that goes meanwhile holds nothing."""
        found = self.in_bytes(path.name.encode())
        try:
            with path.open("rb") as stream:
                return found | self.in_stream(stream)
        except FileNotFoundError:
            return found

    def in_folder(self, folder: Path) -> dict[str, set[str]]:
        """What is in the files below a folder, by their path."""
        found = {str(path.relative_to(folder)): self.in_file(path) for path in _files(folder)}
        return {name: traces for name, traces in found.items() if traces}


def _counts(text: bytes, start: int, end: int) -> bool:
    if not text[start:end].isdigit():
        return True
    beside = text[max(start - 1, 0) : start] + text[end : end + 1]
    return _HEX.isdisjoint(beside)


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
