"""What a test asks a portal from within, in a process of its own: `manage.py shell` calls these functions.

Each prints one line of JSON.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session

from consumers.models import BlindIndex, Consumer
from consumers.vaulting import open_profile, open_profiles
from portal import vault
from portal.vault import keyring, pages, store


def _say(told: object) -> None:
    print(json.dumps(told))


def known(consumer_id: str) -> None:
    """What leads to a person: the digests, the sealed blob, the key, and the client's root as it lies in the keyring."""
    consumer = Consumer.objects.get(pk=consumer_id)
    assert consumer.key_ref is not None
    tree = store.tree(consumer.client_id)
    assert tree is not None
    root = Path(settings.KEYRING_DIR) / str(consumer.client_id) / f"root-{tree.root_generation}.key"
    rows = BlindIndex.objects.filter(client_id=consumer.client_id, consumer_id=consumer.pk)
    _say(
        {
            "digests": [bytes(row.digest).hex() for row in rows],
            "sealed": bytes(consumer.sealed or b"").hex(),
            "key": vault.key(consumer.client_id, consumer.key_ref).hex(),
            "root": root.read_bytes()[-64:-32].hex(),
        }
    )


def sessions() -> None:
    """Every session, decoded: it is stored signed and packed."""
    _say([session.get_decoded() for session in Session.objects.all()])


def tried(consumer_id: str, sealed: str) -> None:
    """What the databases and the keyring in use open of a person, of another of the client, and of another client's.

    Of each: how many attributes, or why none. Then by brute force, past every check of the vault: how many of
    the client's pages open under any root that is left anywhere, and how many of all the keys on them open the
    person's blob.
    """
    consumer = Consumer.objects.get(pk=consumer_id)
    others = Consumer.objects.filter(state="active").exclude(pk=consumer.pk).order_by("id")
    people = {
        "erased": consumer,
        "survivor": others.filter(client_id=consumer.client_id)[0],
        "of another client": others.exclude(client_id=consumer.client_id)[0],
    }
    opened = {who: _opened(person) for who, person in people.items()}
    blocks = list(_blocks(consumer.client_id))
    keys = {pages.key_at(block, slot) for block in blocks for slot in range(pages.SLOTS)}
    consumer.sealed = bytes.fromhex(sealed)
    by_force = {"pages": len(blocks), "keys": sum(_opens(consumer, key) for key in keys)}
    _say({**opened, "by force": by_force})


def _opened(consumer: Consumer) -> int | str:
    try:
        profile = open_profiles([consumer]).get(consumer.pk)
        if profile is not None:
            return sum(value is not None for value in profile)
        if consumer.key_ref is not None:
            vault.key(consumer.client_id, consumer.key_ref)
    except vault.VaultError as error:
        return type(error).__name__
    return "nothing is left"


def _roots(client_id: UUID) -> list[keyring.SoftRoot]:
    rings = [keyring.FileKeyring(Path(f)) for f in (settings.KEYRING_DIR, settings.VAULT_COPY_DIR)]
    return [
        ring.root(client_id, number) for ring in rings for number in ring.generations(client_id)
    ]


def _blocks(client_id: UUID) -> Iterator[bytes]:
    for root in _roots(client_id):
        for page in store.all_pages(client_id):
            with suppress(vault.VaultError):
                yield pages.open_page(page, root)


def _opens(consumer: Consumer, key: bytes) -> bool:
    try:
        open_profile(consumer, key)
    except vault.VaultError:
        return False
    return True
