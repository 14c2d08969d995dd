"""Finding many people at once on sealed data: one statement a batch, never one a person or a client.

Invariants:
- Who was erased is not found; whoever erases or suppresses does not find a seed either (R34).
- Of each digest at most so many people are read as the caller asks for, so that a value that thousands share
  (a switchboard's number, a common name in a large town) costs no more than any other, and hides nobody whom
  another digest tells apart.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consumers.models import Consumer
from consumers.profile import Profile
from consumers.vaulting import Digest, open_profiles

_HOLDERS: Final = """
SELECT q.client_id, q.kind, q.digest, holder.id
FROM unnest(%(clients)s::uuid[], %(kinds)s::smallint[], %(digests)s::bytea[]) AS q (client_id, kind, digest)
CROSS JOIN LATERAL (
    SELECT c.id
    FROM consumers_blindindex b
    JOIN consumers_consumer c ON c.client_id = b.client_id AND c.id = b.consumer_id
    WHERE b.client_id = q.client_id AND b.kind = q.kind AND b.digest = q.digest
      AND c.state = 'active' AND (%(seeds)s OR NOT c.is_seed)
    ORDER BY b.consumer_id
    LIMIT %(most)s
) AS holder
"""
Held = dict[Digest, list[UUID]]


def holders(client_id: UUID, wanted: Collection[Digest], *, most: int, seeds: bool = False) -> Held:
    """The people who have each digest, `most` of them at the most; a digest that nobody has is absent."""
    return holders_among({client_id: wanted}, most=most, seeds=seeds).get(client_id, {})


def holders_among(
    wanted: Mapping[UUID, Collection[Digest]], *, most: int, seeds: bool = False
) -> dict[UUID, Held]:
    """The same of many clients, each with digests under its own key; a client of whom nobody is found is absent."""
    asked = [
        (client_id, kind, digest) for client_id, all_ in wanted.items() for kind, digest in all_
    ]
    if not asked:
        return {}
    clients, kinds, digests = map(list, zip(*asked, strict=True))
    parameters: dict[str, Any] = {"clients": clients, "kinds": kinds, "digests": digests}
    found: dict[UUID, Held] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, parameters | {"most": most, "seeds": seeds})
        for client_id, kind, digest, pk in cursor:
            found.setdefault(client_id, {}).setdefault((kind, bytes(digest)), []).append(pk)
    return found


def profiles_of(client_id: UUID, ids: Iterable[UUID]) -> dict[UUID, Profile]:
    """The profiles of many active people; who was erased meanwhile is absent."""
    rows = Consumer.objects.filter(
        client_id=client_id, pk__in=list(ids), state=Consumer.State.ACTIVE
    )
    return open_profiles(rows)
