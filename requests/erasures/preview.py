"""What an erasure will do, table by table and field by field, read from the declarations (R36)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, models

from consumers.eraser import QUARANTINED
from consumers.models import ImportRow
from portal.personal import Fate, personal_fields, subject_column, subject_models
from requests.erasures.models import Erasure
from requests.erasures.subjects import Match, matched_ids

PREVIEWED = ("matched", "on_hold", "approved")
"""The states in which it is told what the erasure will do."""
LARGE = 5_000


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
    """Every personal field of these people, with the number of rows that hold a value now.

    One query a table, for one person or for 100,000. What goes comes before what stays, which has its reason.
    """
    ids = list(consumer_ids)
    lines = []
    for model in subject_models():
        where = f'client_id = %s AND "{subject_column(model)}" = ANY(%s)'
        lines += _lines(model, where, [client_id, ids])
    # A quarantined row names nobody; it is found by its digest, as the eraser does.
    lines += _lines(ImportRow, QUARANTINED, [client_id, client_id, ids])
    return sorted(lines, key=lambda line: line.fate == Fate.KEEP)


def of_case(erasure: Erasure) -> list[Line]:
    """The preview of all whom the erasure covers; empty where there is nothing to tell yet, or any more."""
    if erasure.state not in PREVIEWED:
        return []
    return preview(erasure.client_id, matched_ids(erasure))


def is_large(erasure: Erasure) -> bool:
    """Whether the erasure covers so many people that its preview has a page of its own."""
    return erasure.subjects.filter(match=Match.ONE)[: LARGE + 1].count() > LARGE


def _lines(
    model: type[models.Model], where: str, parameters: Sequence[UUID | list[UUID]]
) -> list[Line]:
    declared = personal_fields(model)
    if not declared:
        return []
    counted = ", ".join(f'count("{field.column}")' for field, _ in declared)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {counted} FROM "{model._meta.db_table}" WHERE {where}', parameters)
        counts: tuple[int, ...] = cursor.fetchone()
    return [
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
