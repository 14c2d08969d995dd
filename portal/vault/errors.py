"""What can go wrong in the vault. Every message names references only, never a person or a value."""

from __future__ import annotations


class VaultError(Exception):
    """Anything of the vault that fails closed."""


class SealBroken(VaultError):
    """A blob does not open: wrong key, moved, altered or cut short."""


class KeyMissing(VaultError):
    """A reference leads to no page or to a slot that was never handed out."""


class KeyShredded(VaultError):
    """The key was destroyed on purpose; what it sealed is gone for good."""


class KeyringBroken(VaultError):
    """The keyring lacks a key, or a key file is damaged, loose or foreign."""


class RootGone(KeyringBroken):
    """The root that a page was wrapped under is not in the keyring (any more)."""


class PageBroken(VaultError):
    """A key page does not open or does not hold what its row says."""


class JournalBroken(VaultError):
    """The erasure journal was altered; `line` is the first line that does not fit, from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"The erasure journal is broken at line {line}: {why}.")
        self.line = line


class VaultBusy(VaultError):
    """Another process rolls, recovers or destroys this client; try again later."""
