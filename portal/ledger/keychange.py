"""Another signing key than before: only with a person's word, which is a leaf of the ledger.

Who can write the key file could otherwise sign all that follows with a key of their own, and each checkpoint
would still verify by the public key that stands beside it.
"""

import hashlib
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from portal.errors import Refused
from portal.ledger.leaves import record
from portal.ledger.models import Checkpoint, Leaf
from portal.models import User

VERB = "ledger.change_key"
KIND = "ledger.key"


def name_of(public: bytes) -> UUID:
    """What the leaf calls a key: the first 16 bytes of the SHA-256 of its public half."""
    return UUID(bytes=hashlib.sha256(public).digest()[:16])


def accept(public: bytes, *, by: User, now: datetime) -> Leaf:
    """Accept that this key signs from now on. Raises Refused where it is no other key than before."""
    last = Checkpoint.objects.order_by("-size").first()
    if last is None or bytes(last.public_key) == public or is_accepted(public):
        raise Refused("This is the key of the ledger already.", code="same_key")
    return record(verb=VERB, by=by, object_kind=KIND, object_id=name_of(public), now=now)


def accepted(public: bytes) -> "QuerySet[Leaf]":
    """The leaves that accept this key."""
    return Leaf.objects.filter(verb=VERB, object_kind=KIND, object_id=name_of(public))


def is_accepted(public: bytes) -> bool:
    """Whether a person has accepted this key."""
    return accepted(public).exists()
