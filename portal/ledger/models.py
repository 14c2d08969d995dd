"""Leaves, the checkpoints that seal them, and the roots of full blocks that make proofs cheap.

All three only ever grow: triggers in the database (migration 0001) refuse UPDATE, DELETE and TRUNCATE, except that
the sealer sets leaf_index and leaf_hash of a leaf once. None of them holds personal data of a consumer.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.ledger import codes
from portal.personal import plain


class Outcome(models.TextChoices):
    """How a verb ended."""

    DONE = "done", "done"
    REFUSED = "refused", "refused"
    FAILED = "failed", "failed"


class Leaf(models.Model):
    """One thing that was done, refused or failed. Written by `portal.ledger.record` only."""

    id = plain(models.BigAutoField(primary_key=True))
    at = plain(models.DateTimeField())
    actor = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    )
    role = plain(models.CharField(max_length=160))
    verb = plain(models.CharField(max_length=codes.CODE_LENGTH))
    object_kind = plain(models.CharField(max_length=codes.CODE_LENGTH, blank=True))
    object_id = plain(models.UUIDField(null=True, blank=True))
    client_id = plain(models.UUIDField(null=True, blank=True))
    outcome = plain(models.CharField(max_length=7, choices=Outcome.choices, default=Outcome.DONE))
    reason = plain(models.CharField(max_length=codes.CODE_LENGTH, blank=True))
    counts = plain(models.JSONField(default=dict, blank=True))
    leaf_index = plain(models.BigIntegerField(null=True, blank=True, unique=True, editable=False))
    leaf_hash = plain(models.BinaryField(null=True, blank=True, editable=False))

    class Meta:
        verbose_name_plural = "leaves"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="ledger_leaf_outcome_known",
                condition=Q(outcome__in=Outcome.values),
            ),
            models.CheckConstraint(
                name="ledger_leaf_verb_is_code", condition=Q(verb__regex=codes.VERB)
            ),
            models.CheckConstraint(
                name="ledger_leaf_role_is_role", condition=Q(role__regex=codes.ROLE)
            ),
            models.CheckConstraint(
                name="ledger_leaf_kind_is_code",
                condition=Q(object_kind="") | Q(object_kind__regex=codes.CODE),
            ),
            models.CheckConstraint(
                name="ledger_leaf_reason_is_code",
                condition=Q(reason="") | Q(reason__regex=codes.CODE),
            ),
            models.CheckConstraint(
                name="ledger_leaf_index_with_hash",
                condition=Q(leaf_index__isnull=True, leaf_hash__isnull=True)
                | Q(leaf_index__gte=0, leaf_hash__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="ledger_leaf_unsealed",
                condition=Q(leaf_index__isnull=True),
            ),
            models.Index(fields=["object_id", "id"], name="ledger_leaf_object"),
            models.Index(fields=["client_id", "id"], name="ledger_leaf_client"),
            # The audit trail is searched newest first (portal.access.trail).
            models.Index(fields=["at", "id"], name="ledger_leaf_at"),
            models.Index(fields=["actor", "at", "id"], name="ledger_leaf_actor_at"),
            models.Index(fields=["verb", "at", "id"], name="ledger_leaf_verb_at"),
            models.Index(fields=["client_id", "at", "id"], name="ledger_leaf_client_at"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.outcome} #{self.pk}"


class Checkpoint(models.Model):
    """The signed root of the tree at one size. Written by `portal.ledger.seal` only."""

    size = plain(models.BigIntegerField(primary_key=True))
    origin = plain(models.CharField(max_length=200))
    root = plain(models.BinaryField())
    frontier = plain(models.BinaryField())
    signed_at = plain(models.DateTimeField())
    key_id = plain(models.CharField(max_length=64))
    public_key = plain(models.BinaryField())
    signature = plain(models.BinaryField())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="ledger_checkpoint_size_positive", condition=Q(size__gt=0)),
        ]

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Block(models.Model):
    """The root over one full block of leaves (see `proofs.BLOCK`), so that a proof reads few leaves."""

    number = plain(models.BigIntegerField(primary_key=True))
    root = plain(models.BinaryField())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="ledger_block_number_natural", condition=Q(number__gte=0)),
        ]

    def __str__(self) -> str:
        return f"block {self.number}"
