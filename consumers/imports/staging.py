"""The set-based SQL of an import: binary COPY into temporary tables, then one merge each.

Invariants: everything runs in the batch's transaction; only ciphertext and keyed digests pass through here;
the temporary tables live as long as the connection and are empty at every commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consumers.imports.batches import Reported
from consumers.imports.models import ImportJob, ImportOccurrence
from consumers.models import Purchase, WebEvent
from portal.ids import uuid7

_TABLES: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged_consumer (
    id uuid, key_page integer, key_slot smallint, sealed bytea, content_digest bytea, is_new boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS staged_blind (
    kind smallint, digest bytea, consumer_id uuid, is_gone boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS staged_preference (
    id uuid, consumer_id uuid, channel text, opted_in boolean
) ON COMMIT DELETE ROWS;
"""
_IMPORT_LOCK: Final = 0x494D
"""The first half of the advisory lock's number, so that it meets no other use of such locks."""


def lock_client(client_id: UUID) -> None:
    """Let one batch of a client run at a time, so that two files cannot both make the same person new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_IMPORT_LOCK, str(client_id)]
        )


def prepare_tables() -> None:
    """Make the temporary tables of this connection, if it has none yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.staged_preference') IS NULL")
        if cursor.fetchone()[0]:
            cursor.execute(_TABLES)


def _stage(table: str, columns: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Fill a temporary table. A commit has emptied it; within a larger transaction this does."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608  (a name of ours)
    copy(table, columns, types, rows)


def copy(target: str, columns: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Binary COPY of `rows` into a table; `target` and `columns` are ours, never from outside."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {target} ({columns}) FROM STDIN (FORMAT BINARY)") as stream,
    ):
        stream.set_types(types)
        write = stream.write_row
        for row in rows:
            write(row)


# ------------------------------------------------------------------------------------------ consumers

_INSERT = """
INSERT INTO consumers_consumer (id, client_id, state, is_seed, key_page, key_slot, sealed, content_digest,
                                created_at, updated_at, import_id)
SELECT id, %(client)s, 'active', false, key_page, key_slot, sealed, content_digest, %(now)s, %(now)s, %(job)s
FROM staged_consumer WHERE is_new
"""
_UPDATE = """
UPDATE consumers_consumer c
SET sealed = s.sealed, content_digest = s.content_digest, updated_at = %(now)s, import_id = %(job)s
FROM staged_consumer s
WHERE NOT s.is_new AND c.id = s.id AND c.client_id = %(client)s AND c.state = 'active'
"""
_HISTORY = """
INSERT INTO consumers_historicalconsumer (id, client_id, state, is_seed, key_page, key_slot, sealed,
    content_digest, created_at, updated_at, import_id, history_date, history_change_reason, history_type,
    history_user_id)
SELECT c.id, c.client_id, c.state, c.is_seed, c.key_page, c.key_slot, c.sealed, c.content_digest,
    c.created_at, c.updated_at, c.import_id, %(now)s, %(reference)s,
    CASE WHEN s.is_new THEN '+' ELSE '~' END, %(user)s
FROM staged_consumer s JOIN consumers_consumer c ON c.id = s.id AND c.client_id = %(client)s
"""


def merge_consumers(job: ImportJob, rows: Sequence[Sequence[Any]], now: datetime) -> None:
    """Insert or update consumers with their history; rows are (id, page, slot, sealed, digest, is_new)."""
    if not rows:
        return
    columns = "id, key_page, key_slot, sealed, content_digest, is_new"
    _stage("staged_consumer", columns, ("uuid", "int4", "int2", "bytea", "bytea", "bool"), rows)
    _run(job, now, _INSERT, _UPDATE, _HISTORY)


def _run(job: ImportJob, now: datetime, *statements: str) -> None:
    parameters: dict[str, Any] = {
        "client": job.client_id,
        "job": job.pk,
        "now": now,
        "reference": job.reference,
        "user": job.logged_by_id,
    }
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, parameters)


# -------------------------------------------------------------------------------------- blind indexes

_BLIND_TYPES: Final = ("uuid", "int2", "bytea", "uuid")
_BLIND_GONE = """
DELETE FROM consumers_blindindex b USING staged_blind s
WHERE s.is_gone AND b.client_id = %(client)s AND b.kind = s.kind AND b.digest = s.digest
  AND b.consumer_id = s.consumer_id
"""
_BLIND_ADDED = """
INSERT INTO consumers_blindindex (client_id, kind, digest, consumer_id)
SELECT %(client)s, kind, digest, consumer_id FROM staged_blind WHERE NOT is_gone
ON CONFLICT DO NOTHING
"""


def insert_blind(rows: Iterable[Sequence[Any]]) -> None:
    """Digests of people who are new, (client, kind, digest, consumer): nothing can be there yet."""
    copy("consumers_blindindex", "client_id, kind, digest, consumer_id", _BLIND_TYPES, rows)


def change_blind(job: ImportJob, rows: Sequence[Sequence[Any]], now: datetime) -> None:
    """Digests that came or went, (kind, digest, consumer, is_gone); the others are not touched."""
    if rows:
        _stage(
            "staged_blind",
            "kind, digest, consumer_id, is_gone",
            ("int2", "bytea", "uuid", "bool"),
            rows,
        )
        _run(job, now, _BLIND_GONE, _BLIND_ADDED)


# ---------------------------------------------------------------------------------------- preferences

# What a person told us by an opt-out case stays, whatever a client's file says (R26).
_PREFERENCES = """
WITH told AS (
    INSERT INTO consumers_preference AS p (id, client_id, consumer_id, channel, brand_id, opted_in,
                                           changed_at, source)
    SELECT id, %(client)s, consumer_id, channel, NULL, opted_in, %(now)s, %(reference)s
    FROM staged_preference
    ON CONFLICT (client_id, consumer_id, channel, brand_id) DO UPDATE
    SET opted_in = excluded.opted_in, changed_at = excluded.changed_at, source = excluded.source
    WHERE p.opted_in <> excluded.opted_in AND NOT (NOT p.opted_in AND p.source LIKE 'OO-%%')
    RETURNING p.*, (p.xmax = 0) AS is_new
)
INSERT INTO consumers_historicalpreference (id, client_id, consumer_id, channel, brand_id, opted_in,
    changed_at, source, history_date, history_change_reason, history_type, history_user_id)
SELECT id, client_id, consumer_id, channel, brand_id, opted_in, changed_at, source, %(now)s, %(reference)s,
    CASE WHEN is_new THEN '+' ELSE '~' END, %(user)s
FROM told
RETURNING consumer_id
"""


def merge_preferences(
    job: ImportJob, told: dict[UUID, dict[str, bool]], now: datetime
) -> set[UUID]:
    """Store what files say of people's preferences; returns those whose preferences changed."""
    rows = [
        (uuid7(), consumer_id, channel, opted_in)
        for consumer_id, channels in told.items()
        for channel, opted_in in channels.items()
    ]
    if not rows:
        return set()
    _stage(
        "staged_preference",
        "id, consumer_id, channel, opted_in",
        ("uuid", "uuid", "text", "bool"),
        rows,
    )
    parameters: dict[str, Any] = {
        "client": job.client_id,
        "now": now,
        "reference": job.reference,
        "user": job.logged_by_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PREFERENCES, parameters)
        return {consumer_id for (consumer_id,) in cursor.fetchall()}


# --------------------------------------------------------------------------------------- rows reported

_REPORTED: Final = 'id, client_id, job_id, row_number, outcome, reason, "column", digest, key_page, key_slot, sealed'
_REPORTED_TYPES: Final = (
    *("uuid", "uuid", "uuid", "int8", "varchar", "varchar", "varchar"),
    *("bytea", "int4", "int2", "bytea"),
)


def insert_reported(job: ImportJob, rows: Sequence[Reported]) -> None:
    """Rows that were suppressed, quarantined or refused."""
    if not rows:
        return
    client_id, job_id = job.client_id, job.pk
    copy(
        "consumers_importrow",
        _REPORTED,
        _REPORTED_TYPES,
        (
            (r.id, client_id, job_id, r.number, r.outcome, r.reason, r.column, r.digest,
             *(r.key or (None, None)), r.sealed)
            for r in rows
        ),
    )  # fmt: skip


# ------------------------------------------------------------------------- purchases and web events

_FACT: Final = "id, client_id, consumer_id, sealed, fingerprint, import_id"
_FACT_TYPES: Final = ("uuid", "uuid", "uuid", "bytea", "bytea", "uuid")


def insert_purchases(rows: Iterable[Sequence[Any]]) -> None:
    """Purchases that are not here yet, as (id, client, consumer, sealed, fingerprint, job, month)."""
    copy("consumers_purchase", f"{_FACT}, month", (*_FACT_TYPES, "date"), rows)


def insert_events(rows: Iterable[Sequence[Any]]) -> None:
    """Web events that are not here yet, as (id, client, consumer, sealed, fingerprint, job)."""
    copy("consumers_webevent", _FACT, _FACT_TYPES, rows)


def stored_fingerprints(client_id: UUID, kind: str, fingerprints: list[bytes]) -> set[bytes]:
    """Those of the fingerprints that are here already. The client's lock keeps others from adding some."""
    model: Any = Purchase if kind == ImportJob.Kind.PURCHASES else WebEvent
    found = model.objects.filter(client_id=client_id, fingerprint__in=fingerprints)
    return {bytes(mark) for mark in found.values_list("fingerprint", flat=True)}


_COUNT = """
INSERT INTO consumers_importoccurrence AS o (client_id, job_id, base, seen)
SELECT %(client)s, %(job)s, base, seen
FROM unnest(%(bases)s::bytea[], %(seen)s::integer[]) AS q (base, seen)
ON CONFLICT (client_id, job_id, base) DO UPDATE SET seen = o.seen + excluded.seen
RETURNING base, seen
"""


def count_occurrences(job: ImportJob, within: Mapping[bytes, int]) -> dict[bytes, int]:
    """Count equal rows of a batch, and return for each how many of them earlier batches had."""
    if not within:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "client": job.client_id,
                "job": job.pk,
                "bases": list(within),
                "seen": list(within.values()),
            },
        )
        return {bytes(base): seen - within[bytes(base)] for base, seen in cursor.fetchall()}


def forget_occurrences(job: ImportJob) -> None:
    """Drop the counts of equal rows: the import has ended."""
    ImportOccurrence.objects.filter(client_id=job.client_id, job_id=job.pk).delete()
