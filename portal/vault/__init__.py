"""The vault: keys of consumers, each of which can be destroyed for good.

One root key per client lies in the keyring; it wraps page keys; a page holds 1,024 consumer keys; a
consumer key seals what is known about one person. To erase a person is to destroy 32 bytes: `shred`
re-keys the page without them, and `roll` replaces the client's root, after which no backup, log or copy
of either database leads to the key. See docs/vault.md for what that covers and what it does not.

Everything else of the project uses only what this module names, and `portal.vault.streams` and
`portal.vault.journal`. Errors are `VaultError` and its subclasses; none of them names a person.
"""

from portal.vault.blind import BlindIndexer
from portal.vault.errors import (
    JournalBroken,
    KeyMissing,
    KeyringBroken,
    KeyShredded,
    PageBroken,
    RootGone,
    SealBroken,
    VaultBusy,
    VaultError,
)
from portal.vault.held import indexer
from portal.vault.inspection import ClientStatus, Report, check, status
from portal.vault.life import create_client, destroy_client, recover, roll
from portal.vault.refs import KeyRef
from portal.vault.sealing import seal, seal_many, unseal
from portal.vault.slots import allocate, key, keys, shred

__all__ = [
    "BlindIndexer",
    "ClientStatus",
    "JournalBroken",
    "KeyMissing",
    "KeyRef",
    "KeyShredded",
    "KeyringBroken",
    "PageBroken",
    "Report",
    "RootGone",
    "SealBroken",
    "VaultBusy",
    "VaultError",
    "allocate",
    "check",
    "create_client",
    "destroy_client",
    "indexer",
    "key",
    "keys",
    "recover",
    "roll",
    "seal",
    "seal_many",
    "shred",
    "status",
    "unseal",
]
