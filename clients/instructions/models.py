"""The instruction as the database keeps it."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from clients.controllers import DATA_CATEGORIES, Client, ClientContact, Purpose
from clients.instructions.states import INSTRUCTION_TABLE
from portal.cases.models import Case
from portal.cases.states import StateTable
from portal.errors import Refused
from portal.models import User
from portal.personal import Category, Fate, personal, plain
from portal.sealed import SealedRow


class Instruction(SealedRow, Case):
    """What a controller told us to do, who said so, and who looked at it.

    The evidence (letter, e-mail, form) is a file of the case. A note may name people, so it is sealed.
    """

    TABLE: ClassVar[StateTable] = INSTRUCTION_TABLE
    PREFIX = "IN"
    VERB_PREFIX = "instruction"

    class Kind(models.TextChoices):
        PROCESSING = "processing", "Hold and process consumer data"
        ERASURE = "erasure", "Erase"
        SUPPRESSION_LIFT = "suppression_lift", "Lift a suppression"
        SHARING = "sharing", "Share with a vendor"
        ACCESS = "access", "Prepare an access package"
        SUPPRESSION = "suppression", "Suppress"
        END_OF_PROCESSING = "end", "End all processing"

    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="instructions"))
    kind = plain(models.CharField(max_length=20, choices=Kind.choices))
    is_standing = plain(
        models.BooleanField(
            "standing instruction",
            default=False,
            help_text="Covers every act of its kind while it is in effect; otherwise it covers one case.",
        )
    )
    purposes = plain(
        ArrayField(
            models.CharField(max_length=24, choices=Purpose.choices), default=list, blank=True
        )
    )
    data_categories = plain(
        ArrayField(
            models.CharField(max_length=32, choices=DATA_CATEGORIES), default=list, blank=True
        )
    )
    instructed_by = plain(
        models.ForeignKey(
            ClientContact,
            models.PROTECT,
            null=True,
            blank=True,
            db_constraint=False,
            help_text="The person at the client. The authority check asks whether they may instruct us.",
        )
    )
    effective_from = plain(models.DateTimeField())
    effective_until = plain(models.DateTimeField(null=True, blank=True))
    is_oral = plain(
        models.BooleanField(
            "oral", default=False, help_text="Said, not written: waits for written confirmation."
        )
    )
    authority_checked_at = plain(models.DateTimeField(null=True, editable=False))
    authority_checked_by = plain(
        models.ForeignKey(
            settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
        )
    )
    approved_at = plain(models.DateTimeField(null=True, editable=False))
    approved_by = plain(
        models.ForeignKey(
            settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
        )
    )
    supersedes = plain(
        models.ForeignKey(
            "self",
            models.PROTECT,
            null=True,
            blank=True,
            related_name="superseded_by",
            db_constraint=False,
        )
    )
    used_by_case = plain(
        models.UUIDField(
            null=True,
            editable=False,
            help_text="The case that uses a one-case instruction. No other may.",
        )
    )
    sealed = personal(
        models.BinaryField(null=True, editable=False),
        Category.FREE_TEXT,
        fate=Fate.KEEP,
        label="user.content.private",
        reason="the client's own words, sealed; the evidence that we acted on instruction (R1, R47)",
        sealed=True,
    )
    history = HistoricalRecords(excluded_fields=["sealed"])

    class Meta:
        ordering = ["-received_at"]
        indexes = [models.Index(fields=["client", "kind", "state"], name="instruction_in_force")]
        constraints = [
            models.CheckConstraint(
                condition=Q(effective_until__isnull=True)
                | Q(effective_until__gt=F("effective_from")),
                name="instruction_effective_span",
            ),
            models.CheckConstraint(
                condition=Q(authority_checked_at__isnull=True, authority_checked_by__isnull=True)
                | Q(authority_checked_at__isnull=False, authority_checked_by__isnull=False),
                name="instruction_authority_pair",
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by__isnull=True)
                | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="instruction_approval_pair",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("logged_by")),
                name="instruction_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(used_by_case__isnull=True) | Q(is_standing=False),
                name="instruction_standing_unused",
            ),
        ]

    def check_reach(self, user: User) -> None:
        from clients.access import check_reach

        check_reach(user, self.client_id)

    def is_over(self, now: datetime) -> bool:
        """Whether the time for which it was given is over; what is being executed is finished all the same."""
        if self.state not in self.TABLE.transitions["expire"].sources:
            return False
        return self.effective_until is not None and self.effective_until <= now

    def check_clock(self, verb: str, now: datetime) -> None:
        if self.is_over(now):
            raise Refused("The time for which it was given is over.", code="no_longer_effective")

    def in_effect(self, now: datetime) -> bool:
        """Whether the instruction covers an act at `now`."""
        began = self.state in ("approved", "executing", "executed") and self.effective_from <= now
        return began and (self.effective_until is None or now < self.effective_until)
