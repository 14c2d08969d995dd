"""The abstract case, and the thread and files that every kind of case has."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.cases.references import next_reference
from portal.cases.states import StateTable
from portal.ids import new_id
from portal.models import User
from portal.personal import Category, Fate, personal, plain
from portal.sealed import SealedRow, retired_index


class Channel(models.TextChoices):
    """The door by which something came in."""

    EMAIL = "email", "E-mail"
    TELEPHONE = "telephone", "Telephone"
    LETTER = "letter", "Letter"
    FORM = "form", "Web form"
    API = "api", "API"
    FILE = "file", "File"
    WEBHOOK = "webhook", "Webhook"
    PORTAL = "portal", "Portal"


class Case(models.Model):
    """What every case has. A state changes only through `portal.cases.verbs.transition`."""

    TABLE: ClassVar[StateTable]
    PREFIX: ClassVar[str]
    VERB_PREFIX: ClassVar[str]
    client_id: UUID

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    reference = plain(models.CharField(max_length=20, unique=True, editable=False))
    state = plain(models.CharField(max_length=32, editable=False))
    channel = plain(models.CharField(max_length=16, choices=Channel.choices))
    received_at = plain(
        models.DateTimeField(
            help_text="When anybody at the company received it; the clock starts here (R44)."
        )
    )
    logged_at = plain(models.DateTimeField(editable=False))
    logged_by = plain(
        models.ForeignKey(
            settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False
        )
    )
    assignee = plain(
        models.ForeignKey(
            settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
        )
    )
    state_at = plain(models.DateTimeField(editable=False))
    due_at = plain(models.DateTimeField(null=True, editable=False))
    due_rule = plain(models.CharField(max_length=40, blank=True, editable=False))
    due_reason = plain(models.CharField(max_length=300, blank=True, editable=False))
    closed_at = plain(models.DateTimeField(null=True, editable=False))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.reference

    @property
    def state_name(self) -> str:
        """The state as staff read it."""
        return self.TABLE.states[self.state]

    @property
    def is_open(self) -> bool:
        return self.state not in self.TABLE.final

    def open_case(self, *, by: User, now: datetime) -> None:
        """Fill in what a new case starts with. The caller saves it in its own transaction."""
        self.reference = next_reference(self.PREFIX, now)
        self.state = self.TABLE.initial
        self.state_at = self.logged_at = now
        self.logged_by = by

    def enter(self, state: str, now: datetime) -> None:
        """Move to `state` and keep the times that go with it."""
        if state != self.state:
            self.state, self.state_at = state, now
        self.closed_at = (self.closed_at or now) if state in self.TABLE.final else None

    def check_reach(self, user: User) -> None:
        """Raise Refused where `user` may not act on this client's cases; subclasses know how."""
        raise NotImplementedError

    def is_over(self, now: datetime) -> bool:
        """Whether the clock has ended the case, whether or not the schedule has written that down yet."""
        return False

    def check_clock(self, verb: str, now: datetime) -> None:
        """Raise Refused where the clock forbids `verb` by now.

        What a sweep will write down is decided here, so that no verb's answer depends on when the sweep ran.
        """


class CaseClock(models.Model):
    """One thing that a case must have done in time. Its due date follows from its events (portal.cases.clockwork)."""

    class Kind(models.TextChoices):
        ACKNOWLEDGE = "acknowledge", "Acknowledgement"
        FORWARD = "forward", "Forwarding to the client"
        RESPONSE = "response", "Response"
        RESOLUTION = "resolution", "Resolution"
        REPLY = "reply", "Reply to the dispute body"
        REMEDY = "remedy", "Remedy"
        REVIEW = "review", "Review by the Department of Commerce"
        ARBITRATION = "arbitration", "Arbitration"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField())
    case_id = plain(models.UUIDField())
    kind = plain(models.CharField(max_length=16, choices=Kind.choices))
    rules = plain(ArrayField(models.CharField(max_length=40)))
    received_at = plain(models.DateTimeField())
    time_zone = plain(models.CharField(max_length=40))
    due_at = plain(models.DateTimeField())
    paused_since = plain(models.DateTimeField(null=True))
    stopped_at = plain(models.DateTimeField(null=True))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_id", "case_id", "kind"], name="clock_once"),
            models.CheckConstraint(
                condition=models.Q(stopped_at__isnull=True) | models.Q(paused_since__isnull=True),
                name="clock_stopped_waits_no_more",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(stopped_at__isnull=True, paused_since__isnull=True),
                name="clock_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of case {self.case_id}"


class ClockEvent(models.Model):
    """What happened to a clock; rows are only ever added."""

    class Reason(models.TextChoices):
        IDENTITY = "identity", "Waiting for proof of identity"
        CLARIFICATION = "clarification", "Waiting for the person to say what is meant"
        COMPLEXITY = "complexity", "The request is complex"
        NUMBER = "number", "There are many requests"

    id = plain(models.BigAutoField(primary_key=True))
    client_id = plain(models.UUIDField())
    clock = plain(
        models.ForeignKey(
            CaseClock, models.CASCADE, related_name="events", db_constraint=False, db_index=False
        )
    )
    kind = plain(models.CharField(max_length=10))
    reason = plain(models.CharField(max_length=16, choices=Reason.choices, blank=True))
    rule = plain(models.CharField(max_length=40, blank=True))
    notice = plain(models.UUIDField(null=True, help_text="The letter that told the person."))
    at = plain(models.DateTimeField())
    by = plain(models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"))

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["clock", "id"], name="clock_event")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(kind__in=("paused", "extended")) | ~models.Q(reason=""),
                name="clock_wait_has_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d}"


class CaseNote(SealedRow):
    """One entry of a case's thread: what came in, what went out, what staff noted."""

    data_subject = "subject_id"
    retires = True

    class Direction(models.TextChoices):
        INCOMING = "in", "Received"
        OUTGOING = "out", "Sent"
        INTERNAL = "note", "Note"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField())
    case_id = plain(models.UUIDField(db_index=True))
    case_reference = plain(models.CharField(max_length=20))
    subject_id = plain(models.UUIDField(null=True))
    direction = plain(models.CharField(max_length=4, choices=Direction.choices))
    channel = plain(models.CharField(max_length=16, choices=Channel.choices))
    at = plain(models.DateTimeField())
    by = plain(models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"))
    sealed = personal(
        models.BinaryField(null=True),
        Category.FREE_TEXT,
        fate=Fate.NULLIFY,
        label="user.content.private",
        sealed=True,
    )

    class Meta:
        indexes = [
            models.Index(fields=["client_id", "subject_id"], name="note_subject"),
            retired_index("note_retired"),
        ]
        ordering = ["at"]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} on {self.case_reference}"


class CaseFile(SealedRow):
    """A file of a case: evidence, a letter, a document we made. Its bytes lie sealed in the media folder.

    The file's own name may hold a person's name, so it is sealed with the rest.
    """

    data_subject = "subject_id"
    retires = True

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField())
    case_id = plain(models.UUIDField(db_index=True))
    case_reference = plain(models.CharField(max_length=20))
    subject_id = plain(models.UUIDField(null=True))
    kind = plain(models.CharField(max_length=24))
    content_type = plain(models.CharField(max_length=100))
    size = plain(models.BigIntegerField())
    at = plain(models.DateTimeField())
    by = plain(models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"))
    sealed = personal(
        models.BinaryField(null=True),
        Category.FREE_TEXT,
        fate=Fate.NULLIFY,
        label="user.content.private",
        sealed=True,
    )

    class Meta:
        indexes = [
            models.Index(fields=["client_id", "subject_id"], name="casefile_subject"),
            retired_index("casefile_retired"),
        ]
        ordering = ["at"]

    def __str__(self) -> str:
        return f"File on {self.case_reference}"

    def remove_outside(self) -> None:
        from portal.cases.files import remove_content

        remove_content(self)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.remove_outside()
        return super().delete(*args, **kwargs)
