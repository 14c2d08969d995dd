"""What a file is that is no table of text, by its first bytes; pure.

People rename `people.xlsx` to `people.csv`, or upload the archive instead of what is in it. Each of these has
a sentence that says what to do instead; what is not known here is found out by the reader itself.
"""

import re
from typing import Final

_UNPACK: Final = ("packed", "The file is compressed. Unpack it, and upload the file that is in it.")
_BOOK: Final = (
    "workbook",
    "The file is a spreadsheet or an archive, whatever its name ends in. Save the sheet as CSV in "
    "UTF-8, or unpack the archive, and upload that.",
)
_MARKED_UP: Final = (
    "markup",
    "The file is XML or a web page. Have the data exported as CSV in UTF-8, and upload that.",
)
_DOCUMENT: Final = (
    "document",
    "The file is a document. Have the data exported as CSV in UTF-8, and upload that.",
)
_UTF_16: Final = ("utf_16", "The file is UTF-16. Save it as UTF-8, and upload it again.")
_JSON: Final = (
    "json_array",
    "The file is one JSON array. Write one object a line (NDJSON), and upload it again.",
)

_BEGINNINGS: Final[tuple[tuple[bytes, tuple[str, str]], ...]] = (
    (b"\x1f\x8b", _UNPACK),
    (b"\xfd7zXZ\x00", _UNPACK),
    (b"\x28\xb5\x2f\xfd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", _UNPACK),
    (b"Rar!\x1a\x07", _UNPACK),
    (b"PK\x03\x04", _BOOK),
    (b"PK\x05\x06", _BOOK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _BOOK),
    (b"%PDF-", _DOCUMENT),
    (b"{\\rtf", _DOCUMENT),
    (b"\xff\xfe", _UTF_16),
    (b"\xfe\xff", _UTF_16),
)
_PATTERNS: Final = (
    (re.compile(rb"BZh[1-9]1AY&SY"), _UNPACK),
    (re.compile(rb"\s*<(?:\?xml|!doctype|html)[\s>]", re.IGNORECASE), _MARKED_UP),
    # A column may be called "[id]"; an array goes on with an object, an array or a text.
    (re.compile(rb'\s*\[\s*[{\["]'), _JSON),
)


def known(sample: bytes) -> tuple[str, str] | None:
    """The code and the sentence of what the file is, or None where it may be text."""
    for beginning, found in _BEGINNINGS:
        if sample.startswith(beginning):
            return found
    return next((found for pattern, found in _PATTERNS if pattern.match(sample)), None)
