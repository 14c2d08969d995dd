"""Erasing many people at once, in sets, as the declarations of `portal.personal` say.

Invariants:
- There is no list of tables here: every model whose rows belong to a person names the column (`data_subject`),
  and every field's fate stands at the field. History tables follow their originals.
- Idempotent: who is erased already has nothing left to find, and the counts say 0.
- It does not touch keys: `key_refs` names those that must be shredded before.
- A quarantined row of an import belongs to nobody yet; it is found by the blind digest of its identifier, which
  is why those rows are looked up before the digests are deleted.
- The names in its statements come from Django's models, never from a person; values are parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, models

from consumers.imports.models import ImportRow
from consumers.subjects import BlindIndex, Consumer
from portal.cases.models import CaseFile
from portal.personal import Fate, is_history, personal_fields, subject_column, subject_models
from portal.vault import KeyRef

KEY_COLUMNS = ("key_page", "key_slot")


@dataclass(frozen=True)
class Plan:
    """What erasure does to one table: deletes its rows, or nullifies columns of theirs."""

    model: type[models.Model]
    subject: str
    deletes: bool
    nullifies: tuple[str, ...]

    @property
    def table(self) -> str:
        return self.model._meta.db_table


def plans() -> Iterator[Plan]:
    """The plan of every table whose rows belong to a person and that erasure changes."""
    for model in subject_models():
        declared = personal_fields(model)
        fates = {declaration.fate for _, declaration in declared}
        columns = [str(f.column) for f, declaration in declared if declaration.fate is Fate.NULLIFY]
        names = {field.column for field in model._meta.concrete_fields}
        if columns:
            columns += [column for column in KEY_COLUMNS if column in names]
        if Fate.DELETE_ROW in fates or columns:
            yield Plan(model, subject_column(model), Fate.DELETE_ROW in fates, tuple(columns))


def erase(
    client_id: UUID, consumer_ids: Sequence[UUID], *, erasure_id: UUID, now: datetime
) -> dict[str, int]:
    """Erase these people in the current transaction; rows changed by table. A few thousand at once are best."""
    ids = list(consumer_ids)
    counts = {ImportRow._meta.db_table: _delete_quarantined(client_id, ids)}
    history = _remember_erasure(client_id, ids, erasure_id, now)
    for plan in plans():
        if plan.model is not Consumer:
            counts[plan.table] = _carry_out(plan, client_id, ids)
    counts[Consumer._meta.db_table] = _empty_consumers(client_id, ids, erasure_id, now)
    return {table: rows for table, rows in counts.items() if rows} | history


def _carry_out(plan: Plan, client_id: UUID, ids: list[UUID]) -> int:
    where = f'client_id = %s AND "{plan.subject}" = ANY(%s)'
    if plan.deletes:
        return _execute(f'DELETE FROM "{plan.table}" WHERE {where}', [client_id, ids])
    emptied = ", ".join(f'"{column}" = NULL' for column in plan.nullifies)
    anything = " OR ".join(f'"{column}" IS NOT NULL' for column in plan.nullifies)
    return _execute(
        f'UPDATE "{plan.table}" SET {emptied} WHERE {where} AND ({anything})', [client_id, ids]
    )


def _empty_consumers(client_id: UUID, ids: list[UUID], erasure_id: UUID, now: datetime) -> int:
    (plan,) = [plan for plan in plans() if plan.model is Consumer]
    emptied = ", ".join(f'"{column}" = NULL' for column in plan.nullifies)
    return _execute(
        f"UPDATE \"{plan.table}\" SET {emptied}, state = 'erased', erased_at = %s, erasure_id = %s,"
        " updated_at = %s WHERE client_id = %s AND id = ANY(%s) AND state <> 'erased'",
        [now, erasure_id, now, client_id, ids],
    )


def _remember_erasure(
    client_id: UUID, ids: list[UUID], erasure_id: UUID, now: datetime
) -> dict[str, int]:
    """One line of history a person: that they were erased, when, and by which case; nothing else."""
    history = Consumer.history.model
    table = history._meta.db_table
    added = _execute(
        f'INSERT INTO "{table}" (id, client_id, state, is_seed, created_at, updated_at, erased_at,'
        " erasure_id, history_date, history_type, history_change_reason)"
        " SELECT id, client_id, 'erased', is_seed, created_at, %s, %s, %s, %s, '~', 'erased'"
        f' FROM "{Consumer._meta.db_table}"'
        " WHERE client_id = %s AND id = ANY(%s) AND state <> 'erased'",
        [now, now, erasure_id, now, client_id, ids],
    )
    return {f"{table}_added": added} if added else {}


def _delete_quarantined(client_id: UUID, ids: list[UUID]) -> int:
    return _execute(
        f'DELETE FROM "{ImportRow._meta.db_table}" WHERE {_QUARANTINED}',
        [client_id, client_id, ids],
    )


_QUARANTINED = (
    "client_id = %s AND digest IS NOT NULL AND digest IN ("
    f'SELECT digest FROM "{BlindIndex._meta.db_table}" WHERE client_id = %s AND consumer_id = ANY(%s))'
)


def key_refs(client_id: UUID, consumer_ids: Sequence[UUID]) -> list[KeyRef]:
    """The keys of every row that belongs to these people: profiles, opt-outs, notes, files, quarantined rows."""
    ids = list(consumer_ids)
    found: set[KeyRef] = set()
    for model in subject_models():
        names = {field.column for field in model._meta.concrete_fields}
        if not is_history(model) and names.issuperset(KEY_COLUMNS):
            where = f'client_id = %s AND "{subject_column(model)}" = ANY(%s)'
            found |= _refs(model._meta.db_table, where, [client_id, ids])
    found |= _refs(ImportRow._meta.db_table, _QUARANTINED, [client_id, client_id, ids])
    return sorted(found)


def _refs(
    table: str, where: str, parameters: Sequence[UUID | datetime | list[UUID]]
) -> set[KeyRef]:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT key_page, key_slot FROM "{table}" WHERE key_page IS NOT NULL AND {where}',
            parameters,
        )
        return {KeyRef(page, slot) for page, slot in cursor.fetchall()}


def files_of(client_id: UUID, consumer_ids: Sequence[UUID]) -> list[CaseFile]:
    """The files of cases that belong to these people, whose sealed bytes must be removed."""
    return list(CaseFile.objects.filter(client_id=client_id, subject_id__in=list(consumer_ids)))


def _execute(statement: str, parameters: Sequence[UUID | datetime | list[UUID]]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
