"""Erasing many people at once, in sets, as the declarations of `portal.personal` say.

Invariants:
- There is no list of tables here: every model whose rows belong to a person names the column (`data_subject`),
  and every field's fate stands at the field. History tables follow their originals.
- Idempotent: who is erased already has nothing left to find, and the counts say 0.
- It does not touch keys: `key_refs` names those that must be shredded before.
- The one table without such a column is `ImportRow`: a row that waits in quarantine belongs to nobody on file
  yet, so it is known by the blind digest of its identifier only. It is found through the person's blind
  indexes, hence before these are deleted. Where two people share an identifier, such a row goes with the
  first of them: the client can send it again, and nothing of an erased person stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models

from consumers.imports.models import ImportRow
from consumers.subjects import BlindIndex, Consumer
from portal.cases.models import CaseFile
from portal.personal import Fate, is_history, personal_fields, subject_column, subject_models
from portal.vault import KeyRef

KEY_COLUMNS = ("key_page", "key_slot")


@dataclass(frozen=True)
class Plan:
    """What erasure does to one table: deletes its rows, or nullifies and coarsens columns of theirs."""

    model: type[models.Model]
    subject: str
    deletes: bool
    nullifies: tuple[str, ...]
    coarsens: tuple[str, ...]

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def changes(self) -> str:
        """The assignments of an UPDATE."""
        emptied = [f'"{column}" = NULL' for column in self.nullifies]
        return ", ".join(emptied + [f'"{c}" = {_coarse(c)}' for c in self.coarsens])

    @property
    def is_left(self) -> str:
        """The condition under which a row still has something to erase."""
        filled = [f'"{column}" IS NOT NULL' for column in self.nullifies]
        fine = [f'"{c}" IS DISTINCT FROM {_coarse(c)}' for c in self.coarsens]
        return f"({' OR '.join(filled + fine)})"


def plans() -> Iterator[Plan]:
    """The plan of every table whose rows belong to a person and that erasure changes."""
    for model in subject_models():
        declared = personal_fields(model)
        fates = {declaration.fate for _, declaration in declared}
        nullified = [str(f.column) for f, told in declared if told.fate is Fate.NULLIFY]
        coarsened = [_coarsened(field) for field, told in declared if told.fate is Fate.COARSEN]
        if nullified:
            # The key is shredded, so its place in the vault would lead nowhere.
            nullified += [column for column in KEY_COLUMNS if column in columns_of(model)]
        if Fate.DELETE_ROW in fates or nullified or coarsened:
            yield Plan(
                model,
                subject_column(model),
                Fate.DELETE_ROW in fates,
                tuple(nullified),
                tuple(coarsened),
            )


def columns_of(model: type[models.Model]) -> set[str]:
    """The names of a table's columns."""
    return {str(field.column) for field in model._meta.concrete_fields}


def _coarsened(field: "models.Field[Any, Any]") -> str:
    if not isinstance(field, models.DateField):
        raise ImproperlyConfigured(f"{field}: only a date can be coarsened, to its month.")
    return str(field.column)


def _coarse(column: str) -> str:
    return f"date_trunc('month', \"{column}\")"


def erase(
    client_id: UUID,
    consumer_ids: Sequence[UUID],
    *,
    erasure_id: UUID,
    now: datetime,
    reference: str = "erased",
) -> dict[str, int]:
    """Erase these people in the current transaction; rows changed by table. A few thousand at once are best.

    `reference` is the case's, for the history. The people's rows are locked first, in the order of their ids,
    so that an import and an erasure wait for each other instead of deadlocking.
    """
    ids = sorted(set(consumer_ids))
    _lock(client_id, ids)
    counts = {ImportRow._meta.db_table: _delete_quarantined(client_id, ids)}
    history = _remember_erasure(client_id, ids, erasure_id, now, reference)
    for plan in plans():
        if plan.model is Consumer:
            counts[plan.table] = _empty_consumers(plan, client_id, ids, erasure_id, now)
        else:
            counts[plan.table] = _carry_out(plan, client_id, ids)
    return {table: rows for table, rows in counts.items() if rows} | history


def _lock(client_id: UUID, ids: list[UUID]) -> None:
    _execute(
        f'SELECT 1 FROM "{Consumer._meta.db_table}" WHERE client_id = %s AND id = ANY(%s)'
        " ORDER BY id FOR UPDATE",
        [client_id, ids],
    )


def _carry_out(plan: Plan, client_id: UUID, ids: list[UUID]) -> int:
    where = f'client_id = %s AND "{plan.subject}" = ANY(%s)'
    if plan.deletes:
        return _execute(f'DELETE FROM "{plan.table}" WHERE {where}', [client_id, ids])
    return _execute(
        f'UPDATE "{plan.table}" SET {plan.changes} WHERE {where} AND {plan.is_left}',
        [client_id, ids],
    )


def _empty_consumers(
    plan: Plan, client_id: UUID, ids: list[UUID], erasure_id: UUID, now: datetime
) -> int:
    return _execute(
        f"UPDATE \"{plan.table}\" SET {plan.changes}, state = 'erased', erased_at = %s,"
        " erasure_id = %s, updated_at = %s"
        " WHERE client_id = %s AND id = ANY(%s) AND state <> 'erased'",
        [now, erasure_id, now, client_id, ids],
    )


def _remember_erasure(
    client_id: UUID, ids: list[UUID], erasure_id: UUID, now: datetime, reference: str
) -> dict[str, int]:
    """One line of history a person: that they were erased, when, and by which case; nothing else."""
    table = Consumer.history.model._meta.db_table
    added = _execute(
        f'INSERT INTO "{table}" (id, client_id, state, is_seed, created_at, updated_at, erased_at,'
        " erasure_id, history_date, history_type, history_change_reason)"
        " SELECT id, client_id, 'erased', is_seed, created_at, %s, %s, %s, %s, '~', %s"
        f' FROM "{Consumer._meta.db_table}"'
        " WHERE client_id = %s AND id = ANY(%s) AND state <> 'erased'",
        [now, now, erasure_id, now, reference, client_id, ids],
    )
    return {f"{table}_added": added} if added else {}


def _delete_quarantined(client_id: UUID, ids: list[UUID]) -> int:
    return _execute(
        f'DELETE FROM "{ImportRow._meta.db_table}" WHERE {QUARANTINED}', [client_id, client_id, ids]
    )


QUARANTINED = (
    "client_id = %s AND digest IS NOT NULL AND digest IN ("
    f'SELECT digest FROM "{BlindIndex._meta.db_table}" WHERE client_id = %s AND consumer_id = ANY(%s))'
)


def key_refs(client_id: UUID, consumer_ids: Sequence[UUID]) -> list[KeyRef]:
    """The keys of every row that belongs to these people: profiles, opt-outs, notes, files, quarantined rows."""
    ids = list(consumer_ids)
    found: set[KeyRef] = set()
    for model in subject_models():
        if not is_history(model) and columns_of(model).issuperset(KEY_COLUMNS):
            where = f'client_id = %s AND "{subject_column(model)}" = ANY(%s)'
            found |= _refs(model._meta.db_table, where, [client_id, ids])
    found |= _refs(ImportRow._meta.db_table, QUARANTINED, [client_id, client_id, ids])
    return sorted(found)


def _refs(
    table: str, where: str, parameters: Sequence[UUID | datetime | str | list[UUID]]
) -> set[KeyRef]:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT key_page, key_slot FROM "{table}" WHERE key_page IS NOT NULL AND {where}',
            parameters,
        )
        return {KeyRef(page, slot) for page, slot in cursor.fetchall()}


def erase_keyed(client_id: UUID, refs: Sequence[KeyRef]) -> dict[str, int]:
    """Erase the rows that had these keys to themselves, whomever they belong to; rows changed by table.

    A replay needs it: what was given to its person only after the backup belongs to nobody in the restored
    database, and is known by its key alone.
    """
    keyed = (
        "client_id = %s AND (key_page, key_slot) IN (SELECT * FROM unnest(%s::int[], %s::int[]))"
    )
    given: list[Any] = [client_id, [ref.page for ref in refs], [ref.slot for ref in refs]]
    rows = ImportRow._meta.db_table
    counts = {rows: _execute(f'DELETE FROM "{rows}" WHERE {keyed}', given)}
    for plan in plans():
        # The consumer's own row goes by its id, because its state goes with it.
        if columns_of(plan.model).issuperset(KEY_COLUMNS) and not (
            plan.model is Consumer or is_history(plan.model)
        ):
            verb = "DELETE FROM" if plan.deletes else "UPDATE"
            changes = "" if plan.deletes else f" SET {plan.changes}"
            counts[plan.table] = _execute(f'{verb} "{plan.table}"{changes} WHERE {keyed}', given)
    return {table: changed for table, changed in counts.items() if changed}


def files_of_keys(client_id: UUID, refs: Sequence[KeyRef]) -> list[CaseFile]:
    """The files of cases that are sealed under these keys."""
    keys = set(refs)
    rows = CaseFile.objects.filter(client_id=client_id, key_page__in={ref.page for ref in keys})
    return [row for row in rows if row.key_ref in keys]


def files_of(client_id: UUID, consumer_ids: Sequence[UUID]) -> list[CaseFile]:
    """The files of cases that belong to these people, whose sealed bytes must be removed."""
    return list(CaseFile.objects.filter(client_id=client_id, subject_id__in=list(consumer_ids)))


def _execute(statement: str, parameters: Sequence[UUID | datetime | str | list[UUID]]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
