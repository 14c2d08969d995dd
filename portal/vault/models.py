"""The two tables of the vault. Both are written only by the modules beside this one, in plain SQL."""

from __future__ import annotations

from typing import Any

from django.db import models

from portal.personal import plain


class KeyTree(models.Model):
    """One client's tree of keys: which root it hangs from and what was handed out.

    This row is the lock of the tree. Shredding takes it FOR KEY SHARE, allocation FOR NO KEY UPDATE and
    re-wrapping FOR UPDATE, so that only re-wrapping stops the others.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "active"
        DESTROYING = "destroying", "being destroyed"
        DESTROYED = "destroyed", "destroyed"

    client_id = plain(models.UUIDField(primary_key=True))
    state = plain(models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE))
    root_generation = plain(models.PositiveIntegerField(default=1))
    pages = plain(models.PositiveIntegerField(default=0))
    next_slot = plain(models.PositiveSmallIntegerField(default=0))

    class Meta:
        db_table = "vault_keytree"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "destroying", "destroyed"]),
                name="vault_keytree_state",
            ),
            models.CheckConstraint(
                condition=models.Q(next_slot__lte=1024), name="vault_keytree_next_slot"
            ),
            models.CheckConstraint(
                condition=models.Q(root_generation__gte=1), name="vault_keytree_root"
            ),
        )

    def __str__(self) -> str:
        return f"key tree of client {self.client_id}"


class KeyPage(models.Model):
    """1,024 consumer keys of one client, sealed under a page key that is wrapped under the root."""

    pk: Any = models.CompositePrimaryKey("client_id", "number")
    client_id = plain(models.UUIDField())
    number = plain(models.PositiveIntegerField())
    generation = plain(models.PositiveIntegerField(default=1))
    root_generation = plain(models.PositiveIntegerField())
    shredded = plain(models.PositiveSmallIntegerField(default=0))
    wrapped_key = plain(models.BinaryField())
    block = plain(models.BinaryField())

    class Meta:
        db_table = "vault_keypage"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(generation__gte=1), name="vault_keypage_generation"
            ),
            models.CheckConstraint(
                condition=models.Q(shredded__lte=1024), name="vault_keypage_shredded"
            ),
        )

    def __str__(self) -> str:
        return f"page {self.number} of client {self.client_id}"
