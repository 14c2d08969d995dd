"""Tables as CSV files, streamed."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from django.http import StreamingHttpResponse
from django.utils.cache import patch_cache_control

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """What `csv` writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_file(
    name: str, head: Sequence[str], rows: Iterable[Sequence[str]]
) -> StreamingHttpResponse:
    """An answer that is stored as the file `name`; no cell is run as a formula by a spreadsheet."""
    response = StreamingHttpResponse(_lines(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    patch_cache_control(response, no_store=True, private=True)
    return response


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    writer: Any = csv.writer(_Line())
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
