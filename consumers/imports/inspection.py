"""Looking into the beginning of a client's file: its columns, the shapes of their values, what they mean.

Invariant: no value of the file leaves this module; what it shows of one is its shape.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Final

from clients.models import Client
from consumers import mapping as mappings
from consumers import readers, sensitive
from consumers.imports import source
from consumers.imports.models import RememberedMapping
from consumers.mapping import Mapping
from consumers.readers import FileFormat

SAMPLE_ROWS: Final = 5


@dataclass(frozen=True)
class Inspection:
    """What a file's beginning says. `samples` are shapes, "xxxxx 99", cell by cell; no value is in them.

    `refused` is column -> the sentence why it is never read; `mapping` is what was confirmed for this client
    the last time (`is_remembered`), or what the names of the columns suggest. `same_as` is the reference of an
    earlier case of the very same file, "" if there is none.
    """

    file: FileFormat
    refused: dict[str, str]
    samples: list[list[str]]
    mapping: Mapping
    is_remembered: bool
    same_as: str = ""

    @property
    def headers(self) -> tuple[str, ...]:
        """The names of the columns, in the file's order."""
        return self.file.headers


def look(
    stream: BinaryIO, *, client: Client, kind: str, encoding: str, same_as: str = ""
) -> Inspection:
    """Look into a file of this kind of a client. Raises `FileRefused` where it cannot be read so."""
    file = source.inspect(stream, encoding)
    refused = sensitive.refused_columns(file.headers)
    samples = [
        [
            "" if header in refused else source.shape(cell)
            for header, cell in zip(file.headers, row.values, strict=False)
        ]
        for row in islice(readers.read(stream, file), SAMPLE_ROWS)
    ]
    remembered = _remembered(client, kind, file)
    suggested = mappings.suggest(file.headers, country=client.default_country, kind=kind)
    return Inspection(
        file,
        {header: sensitive.REASONS[reason] for header, reason in refused.items()},
        samples,
        remembered or suggested,
        remembered is not None,
        same_as,
    )


def check_readable(stream: BinaryIO) -> None:
    """Raise `FileRefused` unless the file can be read, or another encoding may be chosen for it later."""
    try:
        source.inspect(stream)
    except readers.FileRefused as refusal:
        if refusal.code != "encoding":
            raise


def remember(client: Client, mapping: Mapping, now: datetime) -> None:
    """Keep what the columns of this client's files of this kind mean, for the next one."""
    RememberedMapping.objects.update_or_create(
        client_id=client.pk,
        kind=mapping.kind,
        defaults={"mapping": mapping.to_json(), "updated_at": now},
    )


def _remembered(client: Client, kind: str, file: FileFormat) -> Mapping | None:
    stored = RememberedMapping.objects.filter(client_id=client.pk, kind=kind).first()
    if stored is None:
        return None
    found = Mapping.from_json(stored.mapping)
    return found if not mappings.problems(found, file.headers) else None
