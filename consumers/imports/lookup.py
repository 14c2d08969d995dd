"""Who of a batch is known already, and who must not be let in.

Invariants: the people found are locked until the batch commits, and the suppression tokens are read after
that; so an erasure either has left its token before we look, or waits and erases what we wrote.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from consumers.models import SuppressionToken
from portal import vault

Digest = tuple[int, bytes]


class Known(NamedTuple):
    """A person as the database has them now."""

    id: UUID
    key: vault.KeyRef
    sealed: bytes
    content_digest: bytes | None


# The people are locked in the order of their ids, so that two transactions never wait for each other.
_FIND = """
SELECT b.kind, b.digest, c.id, c.key_page, c.key_slot, c.sealed, c.content_digest
FROM consumers_blindindex b
JOIN consumers_consumer c ON c.id = b.consumer_id AND c.client_id = b.client_id
WHERE b.client_id = %s AND b.kind = %s AND b.digest = ANY(%s) AND c.state = 'active'
ORDER BY c.id
FOR NO KEY UPDATE OF c
"""


def find(client_id: UUID, digests: Iterable[Digest]) -> dict[Digest, Known]:
    """The person behind each digest, locked. Where more than one has it, the one who came first counts."""
    by_kind: dict[int, list[bytes]] = {}
    for kind, digest in digests:
        by_kind.setdefault(kind, []).append(digest)
    found: dict[Digest, Known] = {}
    with connection.cursor() as cursor:
        for kind in sorted(by_kind):
            cursor.execute(_FIND, [client_id, kind, by_kind[kind]])
            for number, digest, pk, page, slot, sealed, content in cursor:
                person = Known(pk, vault.KeyRef(page, slot), sealed, content)
                found.setdefault((number, bytes(digest)), person)
    return found


def has_tokens(client_id: UUID) -> bool:
    """Whether anybody of the client must be kept out at all."""
    return SuppressionToken.objects.filter(client_id=client_id).exists()


_TOKENS = """
SELECT kind, token, reason FROM consumers_suppressiontoken
WHERE client_id = %s AND kind = %s AND token = ANY(%s)
"""


def suppressed(client_id: UUID, tokens: Collection[Digest]) -> dict[Digest, str]:
    """Why each token keeps its person out; an erasure counts before all other reasons (R39)."""
    by_kind: dict[int, list[bytes]] = {}
    for kind, token in tokens:
        by_kind.setdefault(kind, []).append(token)
    found: dict[Digest, str] = {}
    with connection.cursor() as cursor:
        for kind, values in by_kind.items():
            cursor.execute(_TOKENS, [client_id, kind, values])
            for number, token, reason in cursor:
                name = (number, bytes(token))
                if found.get(name) != SuppressionToken.Reason.ERASED:
                    found[name] = reason
    return found
