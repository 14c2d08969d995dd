"""Rows whose personal content is one sealed blob under a key of its own in the vault."""

from typing import Any, ClassVar, Final

import orjson
from django.db import models
from django.db.models import Q

from portal import vault
from portal.personal import plain

RETIRED: Final = Q(sealed__isnull=True, key_page__isnull=False)
"""The rows whose content is gone and whose key is still to be shredded (see `portal.retire`)."""


def retired_index(name: str) -> models.Index:
    """The index by which the sweep finds the retired rows of a model that `retires`."""
    return models.Index(fields=["client_id"], condition=RETIRED, name=name)


class SealedRow(models.Model):
    """A row that has `client_id`, a uuid primary key, a vault key and a field `sealed`.

    The subclass declares `sealed` itself, with the categories that it holds. Shredding the key makes every
    copy of the blob unreadable, in backups too once the client's root has rolled. A model that `retires` has
    rows that end before their person does; it has a `retired_index`.
    """

    retires: ClassVar[bool] = False

    key_page = plain(models.IntegerField(null=True, editable=False))
    key_slot = plain(models.SmallIntegerField(null=True, editable=False))

    class Meta:
        abstract = True

    @property
    def key_ref(self) -> vault.KeyRef | None:
        """Where the row's key lies, or None where it has none or it was shredded with its person."""
        if self.key_page is None or self.key_slot is None:
            return None
        return vault.KeyRef(self.key_page, self.key_slot)

    def seal_content(self, content: dict[str, Any]) -> None:
        """Seal `content` into the row, under the row's key (allocated at the first call)."""
        me: Any = self
        if self.key_ref is None:
            (ref,) = vault.allocate(me.client_id, 1)
            self.key_page, self.key_slot = ref
        key = vault.key(me.client_id, vault.KeyRef(self.key_page or 0, self.key_slot or 0))
        me.sealed = vault.seal(key, orjson.dumps(content), **self._binding())

    def unseal_content(self) -> dict[str, Any]:
        """The row's content, or an empty dict where it has none or its key was shredded.

        Raises vault.VaultError where the blob cannot be opened although it should.
        """
        me: Any = self
        if me.sealed is None or self.key_ref is None:
            return {}
        try:
            key = vault.key(me.client_id, self.key_ref)
        except vault.KeyShredded:
            return {}  # between the shred and the row's nullification, or in a restored database
        content: dict[str, Any] = orjson.loads(
            vault.unseal(key, bytes(me.sealed), **self._binding())
        )
        return content

    def remove_outside(self) -> None:
        """Remove what belongs to the content but lies outside of the database; idempotent."""

    def _binding(self) -> dict[str, Any]:
        me: Any = self
        return {
            "purpose": self._meta.label_lower,
            "client_id": me.client_id,
            "owner_id": me.pk,
        }
