"""Versions of templates, and the letters that were made from them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from portal.correspondence.purposes import purposes
from portal.house import HOUSE_ID
from portal.ids import new_id
from portal.personal import Category, personal, plain
from portal.sealed import SealedRow, retired_index
from portal.work import LeasedWork


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


class Mailbox(LeasedWork):
    """The privacy mailbox: one row, whose lease lets one worker at a time fetch from it."""

    THE_ONE = 1

    id = plain(models.SmallIntegerField(primary_key=True, default=THE_ONE, editable=False))
    reached_at = plain(
        models.DateTimeField(null=True, help_text="When it was last read to the end.")
    )
    unreachable_since = plain(models.DateTimeField(null=True))

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="mailbox_is_one")]

    def __str__(self) -> str:
        return "privacy mailbox"


class InboundMessage(SealedRow):
    """One e-mail that came in. `sealed` holds sender, subject and text; the whole e-mail lies sealed in the media folder.

    Once a case has taken it, its words are that case's and are emptied here, so that they are erased with it.
    """

    retires = True

    class State(models.TextChoices):
        NEW = "new", "Not yet looked at"
        TAKEN = "taken", "Taken by a case"
        QUARANTINED = "quarantined", "Put aside for a person"
        IGNORED = "ignored", "Ignored"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField(default=HOUSE_ID, editable=False))
    uidvalidity = plain(models.BigIntegerField())
    uid = plain(models.BigIntegerField())
    digest = plain(
        models.BinaryField(
            max_length=16, help_text="Keyed digest of what makes it the same e-mail."
        )
    )
    thread_digest = plain(
        models.BinaryField(max_length=16, null=True, help_text="Keyed digest of its Message-ID.")
    )
    received_at = plain(models.DateTimeField(help_text="When the mail server received it."))
    fetched_at = plain(models.DateTimeField())
    size = plain(models.BigIntegerField())
    state = plain(models.CharField(max_length=12, choices=State.choices, default=State.NEW))
    reason = plain(models.CharField(max_length=40, blank=True))
    attempts = plain(models.PositiveSmallIntegerField(default=0))
    case_kind = plain(models.CharField(max_length=60, blank=True))
    case_id = plain(models.UUIDField(null=True))
    case_reference = plain(models.CharField(max_length=20, blank=True))
    settled_at = plain(models.DateTimeField(null=True))
    settled_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    )
    sealed = personal(
        models.BinaryField(null=True, editable=False),
        Category.FREE_TEXT,
        Category.NAME,
        Category.EMAIL,
        label="user.content.private",
        sealed=True,
    )

    class Meta:
        ordering = ["received_at", "pk"]
        indexes = [
            models.Index(fields=["thread_digest"], name="inbound_thread"),
            models.Index(
                fields=["state", "received_at"],
                condition=Q(state__in=("new", "quarantined")),
                name="inbound_waiting",
            ),
            models.Index(
                fields=["settled_at"],
                condition=Q(state="ignored", sealed__isnull=False),
                name="inbound_kept",
            ),
            retired_index("inbound_retired"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="inbound_once"),
            models.CheckConstraint(condition=Q(client_id=HOUSE_ID), name="inbound_of_the_house"),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, settled_by__isnull=True)
                | Q(settled_at__isnull=False, settled_by__isnull=False),
                name="inbound_settled_pair",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("new", "quarantined"), settled_at__isnull=True)
                | Q(state__in=("taken", "ignored"), settled_at__isnull=False),
                name="inbound_settled_when_decided",
            ),
            models.CheckConstraint(
                condition=Q(state="taken", case_id__isnull=False, sealed__isnull=True)
                | ~Q(state="taken") & Q(case_id__isnull=True),
                name="inbound_taken_by_a_case",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("new", "taken")) | ~Q(reason=""),
                name="inbound_put_aside_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"E-mail of {self.received_at:%-d %B %Y, %H:%M} UTC"

    def remove_outside(self) -> None:
        from portal.correspondence.rawmail import remove_raw

        remove_raw(self)
