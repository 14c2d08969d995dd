"""Opt-outs that nobody in particular is known for, given to the person whose address they hold.

An opt-out that matched nobody, or several people, names no consumer; yet its sealed address, its words and its
files are about whoever has that address. An erasure asks for them before it shreds, so that they go with the
person by the same declarations as everything else. The tokens stay (R39).

Invariants:
- Only rows without a consumer are given away. Where several people to be erased share an address, the first
  by id has it; where one who shares it stays, the opt-out's tokens and their preferences stay as well.
- Idempotent, in sets, and nothing is opened here but what the caller has opened.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from consumers.profile import Profile
from consumers.vaulting import suppression_tokens
from portal import vault
from portal.models import User

_ADOPT_SQL: Final = """
UPDATE requests_optout o SET consumer_id = found.consumer_id
FROM (
    SELECT DISTINCT ON (t.case_id) t.case_id, person.consumer_id
    FROM unnest(%(kinds)s::smallint[], %(tokens)s::bytea[], %(people)s::uuid[])
        AS person (kind, token, consumer_id)
    JOIN consumers_suppressiontoken t
        ON t.client_id = %(client_id)s AND t.kind = person.kind AND t.token = person.token
        AND t.reason = 'opt_out'
    ORDER BY t.case_id, person.consumer_id
) found
WHERE o.id = found.case_id AND o.client_id = %(client_id)s AND o.consumer_id IS NULL
RETURNING o.id"""
# What the system sent names nobody and stays as the record of it.
_NOTES_SQL: Final = """
UPDATE cases_casenote n SET subject_id = o.consumer_id FROM requests_optout o
WHERE o.id = ANY(%(cases)s::uuid[]) AND n.case_id = o.id AND n.subject_id IS NULL
AND NOT (n.by_id = %(system)s AND n.direction = 'out')"""
_FILES_SQL: Final = """
UPDATE cases_casefile f SET subject_id = o.consumer_id FROM requests_optout o
WHERE o.id = ANY(%(cases)s::uuid[]) AND f.case_id = o.id AND f.subject_id IS NULL"""


def adopt(client_id: UUID, people: Mapping[UUID, Profile]) -> int:
    """Give opt-outs without a consumer to those of `people` who have the address. Returns how many.

    `people` are consumers of the client with their opened profiles; give a few thousand at once.
    """
    indexer = vault.indexer(client_id)
    held = [
        (kind, token, consumer_id)
        for consumer_id, profile in people.items()
        for kind, token in suppression_tokens(indexer, profile)
    ]
    if not held:
        return 0
    values: dict[str, Any] = {
        "client_id": client_id,
        "kinds": [kind for kind, _, _ in held],
        "tokens": [token for _, token, _ in held],
        "people": [consumer_id for _, _, consumer_id in held],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ADOPT_SQL, values)
        cases = [case_id for (case_id,) in cursor.fetchall()]
        of_cases: dict[str, Any] = {"cases": cases, "system": User.objects.system().pk}
        cursor.execute(_NOTES_SQL, of_cases)
        cursor.execute(_FILES_SQL, of_cases)
    return len(cases)
