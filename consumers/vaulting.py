"""Between a profile in memory and a consumer's row: sealing, blind digests, suppression tokens.

Everything that writes or reads a profile goes through here, so that the binding of the blob (purpose, client,
consumer) and the kinds of digests are said once.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

from consumers import matching
from consumers.profile import Profile, pack, unpack
from consumers.subjects import BlindIndex, Consumer
from portal import vault

PURPOSE = "consumers.consumer"
IDENTIFIERS = (
    ("email", BlindIndex.Kind.EMAIL),
    ("telephone", BlindIndex.Kind.TELEPHONE),
    ("external_id", BlindIndex.Kind.EXTERNAL_ID),
)
MATCH = "match"
Digest = tuple[int, bytes]


def seal_profile(consumer_id: UUID, client_id: UUID, key: bytes, profile: Profile) -> bytes:
    """The sealed blob of a profile under the consumer's key."""
    return vault.seal(
        key, pack(profile), purpose=PURPOSE, client_id=client_id, owner_id=consumer_id
    )


def open_profiles(consumers: Iterable[Consumer]) -> dict[UUID, Profile]:
    """The profiles of many consumers by id; the erased and those whose key was shredded are absent.

    Keys are fetched once a client, page by page. Raises vault.VaultError where a blob does not open.
    """
    by_client: dict[UUID, list[Consumer]] = {}
    for consumer in consumers:
        if consumer.key_ref is not None and consumer.sealed is not None:
            by_client.setdefault(consumer.client_id, []).append(consumer)
    opened: dict[UUID, Profile] = {}
    for client_id, group in by_client.items():
        keys = vault.keys(client_id, [c.key_ref for c in group if c.key_ref])
        for consumer in group:
            key = keys.get(consumer.key_ref) if consumer.key_ref else None
            if key is not None:
                opened[consumer.pk] = open_profile(consumer, key)
    return opened


def open_profile(consumer: Consumer, key: bytes) -> Profile:
    """The profile of one consumer under its key."""
    packed = vault.unseal(
        key,
        bytes(consumer.sealed or b""),
        purpose=PURPOSE,
        client_id=consumer.client_id,
        owner_id=consumer.pk,
    )
    return unpack(packed)


def _values(profile: Profile, codes: Iterable[str] | None) -> Iterator[tuple[str, int, str]]:
    """Each value by which a person is known: (name of its kind, number of its kind, normal form)."""
    for name, kind in IDENTIFIERS:
        value = getattr(profile, name)
        if value:
            yield name, kind, value
    for code in matching.codes(profile) if codes is None else codes:
        yield MATCH, BlindIndex.Kind.MATCH_CODE, code


def blind_digests(
    indexer: vault.BlindIndexer, profile: Profile, codes: Iterable[str] | None = None
) -> list[Digest]:
    """The (kind, digest) pairs by which the person is found. `codes` saves computing them again."""
    return [(kind, indexer.digest(name, value)) for name, kind, value in _values(profile, codes)]


def suppression_tokens(indexer: vault.BlindIndexer, profile: Profile) -> list[Digest]:
    """The (kind, token) pairs by which the person is known again after an erasure (R39).

    Identifiers, and the exact individual at an address; never a fuzzy match code, which would keep out
    somebody else who merely sounds alike.
    """
    tokens = [
        (kind, indexer.token(name, value)) for name, kind, value in _values(profile, codes=())
    ]
    exact = matching.level_keys(profile).get(matching.Level.INDIVIDUAL)
    if exact:
        tokens.append((BlindIndex.Kind.MATCH_CODE, indexer.token(MATCH, exact)))
    return tokens
