"""Finding many people of one client at once on sealed data: one statement a batch, never one a person.

Invariants:
- Who was erased is not found, nor is a seed (R34).
- Of each digest at most so many people are read as the caller asks for, so that a value that thousands share
  (a switchboard's number, a common name in a large town) costs no more than any other.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consumers.models import Consumer
from consumers.profile import Profile
from consumers.vaulting import Digest, open_profiles

_HOLDERS: Final = """
SELECT q.kind, q.digest, holder.id
FROM unnest(%(kinds)s::smallint[], %(digests)s::bytea[]) AS q (kind, digest)
CROSS JOIN LATERAL (
    SELECT c.id
    FROM consumers_blindindex b
    JOIN consumers_consumer c ON c.client_id = b.client_id AND c.id = b.consumer_id
    WHERE b.client_id = %(client)s AND b.kind = q.kind AND b.digest = q.digest
      AND c.state = 'active' AND NOT c.is_seed
    ORDER BY b.consumer_id
    LIMIT %(most)s
) AS holder
"""


def holders(client_id: UUID, wanted: Collection[Digest], *, most: int) -> dict[Digest, list[UUID]]:
    """The people who have each digest, `most` of them at the most; a digest that nobody has is absent."""
    if not wanted:
        return {}
    parameters: dict[str, Any] = {
        "client": client_id,
        "kinds": [kind for kind, _ in wanted],
        "digests": [digest for _, digest in wanted],
        "most": most,
    }
    found: dict[Digest, list[UUID]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, parameters)
        for kind, digest, pk in cursor:
            found.setdefault((kind, bytes(digest)), []).append(pk)
    return found


def profiles_of(client_id: UUID, ids: Iterable[UUID]) -> dict[UUID, Profile]:
    """The profiles of many active people; who was erased meanwhile is absent."""
    rows = Consumer.objects.filter(
        client_id=client_id, pk__in=list(ids), state=Consumer.State.ACTIVE
    )
    return open_profiles(rows)
