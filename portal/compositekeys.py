"""Keys that carry `client_id`, made in migrations.

Django's models name one column as the primary key, which its admin needs. In the database the key of every
client-owned table is (id, client_id): the tables can be partitioned and distributed by client, and a foreign
key over both columns makes it impossible for anyone to tie one client's row to another's.
"""

from django.db.migrations import RunSQL


def composite_key(table: str, column: str = "id") -> RunSQL:
    """Make (column, client_id) the primary key of a table that is new, and so empty."""
    return RunSQL(
        f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey" CASCADE, '
        f'ADD CONSTRAINT "{table}_pkey" PRIMARY KEY ("{column}", client_id)',
        RunSQL.noop,
    )


def same_client(table: str, column: str, target: str) -> RunSQL:
    """A foreign key from `column` to `target` that holds only within one client."""
    return RunSQL(
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_same_client" '
        f'FOREIGN KEY ("{column}", client_id) REFERENCES "{target}" (id, client_id) '
        "DEFERRABLE INITIALLY DEFERRED",
        RunSQL.noop,
    )
