"""An import, its rows that did not simply go in, and what sensitive data it met."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from clients.models import Client, Instruction
from consumers.imports.states import IMPORT_TABLE
from portal.cases.models import Case
from portal.cases.states import StateTable
from portal.ids import new_id
from portal.models import User
from portal.personal import Category, Fate, personal, plain
from portal.sealed import SealedRow, retired_index
from portal.work import LeasedWork

OUTCOMES = ("accepted", "updated", "unchanged", "suppressed", "quarantined", "refused")


class ImportJob(SealedRow, LeasedWork, Case):
    """One file of one client. The file lies sealed under the job's own key until the import has ended.

    The outcome counts always add up to `rows_read`; both move on with each batch, in its transaction.
    """

    TABLE: ClassVar[StateTable] = IMPORT_TABLE
    PREFIX = "IM"
    VERB_PREFIX = "import"

    class Kind(models.TextChoices):
        CONSUMERS = "consumers", "Consumers"
        PURCHASES = "purchases", "Purchases"
        WEB_EVENTS = "web_events", "Web events"

    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+"))
    instruction = plain(
        models.ForeignKey(
            Instruction,
            models.PROTECT,
            null=True,
            related_name="+",
            editable=False,
            db_constraint=False,
        )
    )
    kind = plain(models.CharField(max_length=12, choices=Kind.choices))
    mapping = plain(models.JSONField(default=dict))
    size = plain(models.BigIntegerField(default=0))
    file_digest = plain(models.CharField(max_length=64, blank=True))
    file_offset = plain(models.BigIntegerField(default=0))
    rows_read = plain(models.BigIntegerField(default=0))
    accepted = plain(models.BigIntegerField(default=0))
    updated = plain(models.BigIntegerField(default=0))
    unchanged = plain(models.BigIntegerField(default=0))
    suppressed = plain(models.BigIntegerField(default=0))
    quarantined = plain(models.BigIntegerField(default=0))
    refused = plain(models.BigIntegerField(default=0))
    warnings = plain(models.JSONField(default=dict))
    refused_columns = plain(models.JSONField(default=dict))
    sealed = personal(
        models.BinaryField(null=True),
        Category.FREE_TEXT,
        fate=Fate.KEEP,
        label="user.content.private",
        reason="the file's key and name, sealed; shredded when the import ends",
        sealed=True,
    )

    class Meta:
        ordering = ["-logged_at"]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(work_due=True),
                name="import_due",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    rows_read=models.F("accepted")
                    + models.F("updated")
                    + models.F("unchanged")
                    + models.F("suppressed")
                    + models.F("quarantined")
                    + models.F("refused")
                ),
                name="import_counts_add_up",
            )
        ]

    def check_reach(self, user: User) -> None:
        from clients.access import check_reach

        check_reach(user, self.client_id)

    @property
    def counts(self) -> dict[str, int]:
        """The six outcomes, which add up to `rows_read`."""
        return {outcome: getattr(self, outcome) for outcome in OUTCOMES}


class RememberedMapping(models.Model):
    """How a client's files of one kind are read, as last confirmed."""

    id = plain(models.BigAutoField(primary_key=True))
    client = plain(models.ForeignKey(Client, models.CASCADE, related_name="+"))
    kind = plain(
        models.CharField(max_length=12, choices=[*ImportJob.Kind.choices, ("erasures", "Erasures")])
    )
    mapping = plain(models.JSONField())
    updated_at = plain(models.DateTimeField())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "kind"], name="mapping_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.client}"


class ImportRow(SealedRow):
    """A row that was suppressed, quarantined or refused. Only a quarantined one keeps its content, sealed.

    `digest` is the blind digest of the person's identifier, by which an erasure finds the row.
    """

    retires = True

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField())
    job = plain(
        models.ForeignKey(ImportJob, models.CASCADE, related_name="rows", db_constraint=False)
    )
    row_number = plain(models.BigIntegerField())
    outcome = plain(models.CharField(max_length=12))
    reason = plain(models.CharField(max_length=40))
    column = plain(models.CharField(max_length=80, blank=True))
    digest = personal(
        models.BinaryField(null=True, max_length=16),
        Category.IDENTIFIER,
        fate=Fate.DELETE_ROW,
        label="user.unique_id.pseudonymous",
        sealed=True,
    )
    sealed = personal(
        models.BinaryField(null=True),
        Category.FREE_TEXT,
        fate=Fate.DELETE_ROW,
        label="user",
        sealed=True,
    )
    released_at = plain(models.DateTimeField(null=True))

    class Meta:
        indexes = [
            models.Index(
                fields=["client_id", "digest"],
                condition=Q(digest__isnull=False),
                name="importrow_digest",
            ),
            retired_index("importrow_retired"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["job", "row_number"], name="importrow_once"),
        ]

    def __str__(self) -> str:
        return f"row {self.row_number} of {self.job}"


class ImportOccurrence(models.Model):
    """How often an import has met the same purchase or web event so far; gone when the import ends.

    The table is an ordinary one and not UNLOGGED: a count that a crash of the database lost would make the
    resumed import take a second equal purchase for the first.
    """

    pk = models.CompositePrimaryKey("client_id", "job_id", "base")
    client_id = plain(models.UUIDField())
    job_id = plain(models.UUIDField())
    base = personal(
        models.BinaryField(max_length=16),
        Category.PURCHASES,
        fate=Fate.KEEP,
        label="user.behavior.purchase_history",
        reason="a keyed digest with no link to the person; deleted when its import ends",
        sealed=True,
    )
    seen = plain(models.IntegerField())

    def __str__(self) -> str:
        return f"count of import {self.job_id}"


class SensitiveIncident(models.Model):
    """Sensitive data that a client sent although we never accept it (R49, R50; document 19).

    It belongs to the case whose file held it, an import or another, which is named as a case's files name it.
    """

    class Place(models.TextChoices):
        COLUMN = "column", "A column of this name"
        VALUE = "value", "A value of this form"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    reference = plain(models.CharField(max_length=20, unique=True))
    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+"))
    case_kind = plain(models.CharField(max_length=40))
    case_id = plain(models.UUIDField())
    case_reference = plain(models.CharField(max_length=20))
    place = plain(models.CharField(max_length=8, choices=Place.choices))
    kind = plain(models.CharField(max_length=40))
    column = plain(models.CharField(max_length=80))
    first_row = plain(models.BigIntegerField())
    occurrences = plain(models.BigIntegerField(default=0))
    masked = plain(
        models.CharField(max_length=40, help_text="The value, masked before it was stored.")
    )
    found_at = plain(models.DateTimeField())
    client_informed_at = plain(models.DateTimeField(null=True))
    client_informed_by = plain(
        models.ForeignKey("portal.User", models.PROTECT, null=True, related_name="+")
    )

    class Meta:
        ordering = ["-found_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["case_id", "place", "kind", "column"], name="incident_once"
            ),
            models.CheckConstraint(
                condition=Q(client_informed_at__isnull=True, client_informed_by__isnull=True)
                | Q(client_informed_at__isnull=False, client_informed_by__isnull=False),
                name="incident_informed_pair",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
