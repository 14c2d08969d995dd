"""The catalog suppression and the drops of its tail as the database keeps them."""

from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q

from clients.models import Brand, Client, MailDrop
from portal.cases.models import Case
from portal.cases.states import StateTable
from portal.clocks import local_day
from portal.models import User
from portal.personal import plain
from requests.optouts.models import OptOut
from requests.suppressions.states import SUPPRESSION_TABLE


class CatalogSuppression(Case):
    """The six months after an opt-out of mail took effect. The suppression itself does not expire."""

    TABLE: ClassVar[StateTable] = SUPPRESSION_TABLE
    PREFIX = "CS"
    VERB_PREFIX = "suppression"

    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+"))
    brand = plain(
        models.ForeignKey(
            Brand, models.PROTECT, null=True, blank=True, related_name="+", db_constraint=False
        )
    )
    opt_out = plain(
        models.OneToOneField(
            OptOut, models.PROTECT, related_name="catalog_suppression", db_constraint=False
        )
    )
    effective_at = plain(models.DateTimeField())
    tail_ends_on = plain(
        models.DateField(
            help_text="Six calendar months after it took effect, in the client's time zone."
        )
    )
    has_violation = plain(models.BooleanField(default=False))

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            models.Index(
                fields=["tail_ends_on"],
                condition=Q(closed_at__isnull=True),
                name="suppression_open",
            ),
            models.Index(
                fields=["client"],
                condition=Q(closed_at__isnull=True, has_violation=True),
                name="suppression_violation",
            ),
        ]

    def is_over(self, now: datetime) -> bool:
        """Whether the six months are over where the client is; complete, or about to be written down so."""
        return self.tail_ends_on < local_day(now, ZoneInfo(self.client.time_zone))

    def check_reach(self, user: User) -> None:
        from clients.access import check_reach

        check_reach(user, self.client_id)


class SuppressedDrop(models.Model):
    """What one mail drop means for one suppression. The tail is frozen: rows are added, never turned to tail."""

    class Class(models.TextChoices):
        SUPPRESSED = "suppressed", "Suppressed: will not be sent"
        TAIL = "tail", "Tail: may still come"
        VIOLATION = "violation", "Violation: must not be sent"

    id = plain(models.BigAutoField(primary_key=True))
    client_id = plain(models.UUIDField())
    suppression = plain(
        models.ForeignKey(
            CatalogSuppression, models.CASCADE, related_name="drops", db_constraint=False
        )
    )
    drop = plain(models.ForeignKey(MailDrop, models.PROTECT, related_name="+", db_constraint=False))
    classification = plain(models.CharField(max_length=10, choices=Class.choices))
    lock_at = plain(models.DateTimeField())
    mail_date = plain(models.DateField())
    classified_at = plain(models.DateTimeField())

    class Meta:
        ordering = ["mail_date"]
        # The start page asks which mailings would be a violation, among many rows of which few are.
        indexes = [
            models.Index(
                fields=["drop"],
                condition=Q(classification="violation"),
                name="suppressed_drop_violation",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["suppression", "drop"], name="suppressed_drop_once")
        ]

    def __str__(self) -> str:
        return f"{self.drop} for {self.suppression}"
