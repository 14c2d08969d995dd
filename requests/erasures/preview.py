"""What an erasure will do, table by table and field by field, read from the declarations (R36)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, models

from portal.personal import personal_fields, subject_column, subject_models


@dataclass(frozen=True)
class Line:
    """One field: what it holds, what happens to it, and in how many rows. `reason` says why a value stays."""

    table: str
    field: str
    categories: str
    fate: str
    rows: int
    reason: str


def preview(client_id: UUID, consumer_ids: Sequence[UUID]) -> list[Line]:
    """Every personal field of these people, with the number of rows that hold a value now."""
    ids = list(consumer_ids)
    lines = []
    for model in subject_models():
        declared = personal_fields(model)
        counts = _filled(model, [str(field.column) for field, _ in declared], client_id, ids)
        lines += [
            Line(
                table=str(model._meta.verbose_name),
                field=field.name.replace("_", " "),
                categories=", ".join(declaration.categories),
                fate=declaration.fate.value,
                rows=rows,
                reason=declaration.reason,
            )
            for (field, declaration), rows in zip(declared, counts, strict=True)
            if rows
        ]
    return lines


def _filled(
    model: type[models.Model], columns: list[str], client_id: UUID, ids: list[UUID]
) -> list[Any]:
    """How many of the people's rows hold a value in each column; one query a table."""
    if not columns:
        return []
    counted = ", ".join(f'count("{column}")' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT {counted} FROM "{model._meta.db_table}"'
            f' WHERE client_id = %s AND "{subject_column(model)}" = ANY(%s)',
            [client_id, ids],
        )
        return list(cursor.fetchone())
