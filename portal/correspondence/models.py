"""Versions of templates, and the letters that were made from them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from portal.correspondence.purposes import purposes
from portal.ids import new_id
from portal.personal import Category, personal, plain
from portal.sealed import SealedRow, retired_index


class TemplateVersion(models.Model):
    """One version of a purpose's text. It is never changed; staff write a new one."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    purpose = plain(models.CharField(max_length=60))
    number = plain(models.PositiveIntegerField())
    subject = plain(models.CharField(max_length=200))
    body = plain(models.TextField())
    made_at = plain(models.DateTimeField())
    made_by = plain(models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"))

    class Meta:
        ordering = ["purpose", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["purpose", "number"], name="template_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.purpose}, version {self.number}"


class Letter(SealedRow):
    """One letter or e-mail of a case: to whom, subject and text, sealed under a key of its own."""

    data_subject = "subject_id"
    retires = True

    class Way(models.TextChoices):
        EMAIL = "email", "E-mail"
        LETTER = "letter", "Letter by post"

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        QUEUED = "queued", "On its way"
        SENT = "sent", "Sent"
        FAILED = "failed", "Could not be delivered"
        TO_POST = "to_post", "To be posted"
        POSTED = "posted", "Posted"
        DISCARDED = "discarded", "Discarded"

    ON_ITS_WAY = (State.QUEUED, State.TO_POST)

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField())
    case_kind = plain(models.CharField(max_length=60))
    case_id = plain(models.UUIDField(db_index=True))
    case_reference = plain(models.CharField(max_length=20))
    subject_id = plain(models.UUIDField(null=True))
    purpose = plain(models.CharField(max_length=60))
    version = plain(models.ForeignKey(TemplateVersion, models.PROTECT, related_name="+"))
    way = plain(models.CharField(max_length=8, choices=Way.choices))
    state = plain(models.CharField(max_length=10, choices=State.choices, default=State.DRAFT))
    drafted_at = plain(models.DateTimeField())
    drafted_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    )
    released_at = plain(models.DateTimeField(null=True))
    released_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    )
    delivered_at = plain(models.DateTimeField(null=True, help_text="When it was sent or posted."))
    copy_id = plain(
        models.UUIDField(null=True, help_text="The file of the case with what was sent.")
    )
    attachments = plain(ArrayField(models.UUIDField(), default=list))
    sealed = personal(
        models.BinaryField(null=True),
        Category.FREE_TEXT,
        Category.NAME,
        Category.EMAIL,
        Category.ADDRESS,
        label="user.content.private",
        sealed=True,
    )

    class Meta:
        ordering = ["-drafted_at"]
        indexes = [
            models.Index(fields=["client_id", "subject_id"], name="letter_subject"),
            retired_index("letter_retired"),
            models.Index(
                fields=["state", "released_at"],
                condition=Q(state__in=("to_post", "failed", "queued")),
                name="letter_waiting",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by__isnull=True)
                | Q(released_at__isnull=False, released_by__isnull=False),
                name="letter_release_pair",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("draft", "discarded")) | Q(released_at__isnull=False),
                name="letter_sent_was_released",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_way_display()} on {self.case_reference}"

    @property
    def purpose_label(self) -> str:
        """The kind of letter as staff read it."""
        known = {one.code: one.label for one in purposes()}
        return known.get(self.purpose, self.purpose)
