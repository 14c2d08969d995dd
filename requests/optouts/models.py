"""The opt-out as the database keeps it."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from clients.models import Brand, Client, Instruction
from consumers.models import MarketingChannel
from portal.cases.models import Case
from portal.cases.states import StateTable
from portal.models import User
from portal.personal import Category, personal, plain
from portal.sealed import SealedRow, retired_index
from requests.optouts.states import OPT_OUT_TABLE


class OptOut(SealedRow, Case):
    """One opt-out: which channel, which brand, and the address as it was given, sealed."""

    data_subject = "consumer_id"
    retires = True
    TABLE: ClassVar[StateTable] = OPT_OUT_TABLE
    PREFIX = "OO"
    VERB_PREFIX = "optout"

    class Match(models.TextChoices):
        NONE = "none", "Nobody"
        ONE = "one", "One person"
        SEVERAL = "several", "Several people"

    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+"))
    brand = plain(
        models.ForeignKey(
            Brand,
            models.PROTECT,
            null=True,
            blank=True,
            related_name="+",
            db_constraint=False,
            help_text="Empty: all brands of the client.",
        )
    )
    marketing_channel = plain(
        models.CharField(
            max_length=12,
            choices=MarketingChannel.choices,
            blank=True,
            help_text="Empty: every channel.",
        )
    )
    match = plain(
        models.CharField(max_length=8, choices=Match.choices, default=Match.NONE, editable=False)
    )
    consumer_id = plain(models.UUIDField(null=True, editable=False))
    effective_at = plain(models.DateTimeField(null=True, editable=False))
    lifted_at = plain(models.DateTimeField(null=True, editable=False))
    opted_in_at = plain(models.DateTimeField(null=True, editable=False))
    lift_instruction = plain(
        models.ForeignKey(
            Instruction,
            models.PROTECT,
            null=True,
            related_name="+",
            editable=False,
            db_constraint=False,
        )
    )
    sealed = personal(
        models.BinaryField(null=True, editable=False),
        Category.EMAIL,
        Category.TELEPHONE,
        Category.ADDRESS,
        Category.NAME,
        label="user.contact",
        sealed=True,
    )
    found_by = personal(
        ArrayField(models.BinaryField(max_length=17), null=True, editable=False),
        Category.IDENTIFIER,
        label="user.unique_id.pseudonymous",
        sealed=True,
    )
    """The tokens, each behind the byte of its kind, of an opt-out of nobody that was lifted: it keeps nobody out any more,
    but an erasure still finds the evidence of the opt-in by them."""

    class Meta:
        ordering = ["-received_at"]
        verbose_name = "opt-out"
        indexes = [
            models.Index(fields=["client", "consumer_id"], name="optout_consumer"),
            models.Index(fields=["due_at"], condition=Q(closed_at__isnull=True), name="optout_due"),
            retired_index("optout_retired"),
            models.Index(
                fields=["client"], condition=Q(found_by__isnull=False), name="optout_found_by"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, opted_in_at__isnull=True)
                | Q(lifted_at__isnull=False, opted_in_at__isnull=False),
                name="optout_lift_needs_evidence_date",
            ),
            models.CheckConstraint(
                condition=~Q(state="lifted", consumer_id__isnull=True) | Q(sealed__isnull=True),
                name="optout_lifted_of_nobody_keeps_nothing",
            ),
        ]

    def check_reach(self, user: User) -> None:
        from clients.access import check_reach

        check_reach(user, self.client_id)
