"""Opt-outs that nobody in particular is known for, given to the person whose address they hold.

An opt-out that matched nobody, or several people, names no consumer; yet its sealed address, its words, letters
and files are about whoever has that address; of one that was lifted, the evidence of the opt-in is left. An
erasure asks for them before it shreds, so that they go with the person by the same declarations as everything
else. The tokens stay (R39).

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
from requests.optouts.effect import mark_of

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
_ADOPT_LIFTED_SQL: Final = """
UPDATE requests_optout o SET consumer_id = found.consumer_id
FROM (
    SELECT DISTINCT ON (lifted.id) lifted.id, person.consumer_id
    FROM (
        SELECT id, unnest(found_by) AS mark FROM requests_optout
        WHERE client_id = %(client_id)s AND consumer_id IS NULL AND found_by IS NOT NULL
    ) lifted
    JOIN unnest(%(marks)s::bytea[], %(people)s::uuid[]) AS person (mark, consumer_id)
        ON person.mark = lifted.mark
    ORDER BY lifted.id, person.consumer_id
) found
WHERE o.id = found.id AND o.client_id = %(client_id)s
RETURNING o.id"""
# What the system sent names nobody and stays as the record of it.
_NOTES_SQL: Final = """
UPDATE cases_casenote n SET subject_id = o.consumer_id FROM requests_optout o
WHERE o.id = ANY(%(cases)s::uuid[]) AND n.case_id = o.id AND n.subject_id IS NULL
AND NOT (n.by_id = %(system)s AND n.direction = 'out')"""
_FILES_SQL: Final = """
UPDATE cases_casefile f SET subject_id = o.consumer_id FROM requests_optout o
WHERE o.id = ANY(%(cases)s::uuid[]) AND f.case_id = o.id AND f.subject_id IS NULL"""
_LETTERS_SQL: Final = """
UPDATE correspondence_letter l SET subject_id = o.consumer_id FROM requests_optout o
WHERE o.id = ANY(%(cases)s::uuid[]) AND l.case_id = o.id AND l.subject_id IS NULL"""


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
        "marks": [mark_of(kind, token) for kind, token, _ in held],
        "people": [consumer_id for _, _, consumer_id in held],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cases = []
        for statement in (_ADOPT_SQL, _ADOPT_LIFTED_SQL):
            cursor.execute(statement, values)
            cases += [case_id for (case_id,) in cursor.fetchall()]
        of_cases: dict[str, Any] = {"cases": cases, "system": User.objects.system().pk}
        cursor.execute(_NOTES_SQL, of_cases)
        cursor.execute(_FILES_SQL, of_cases)
        cursor.execute(_LETTERS_SQL, of_cases)
    return len(cases)
