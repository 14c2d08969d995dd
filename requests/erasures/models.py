"""The erasure and its subjects as the database keeps them."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from clients.models import Client, Instruction
from portal.cases.models import Case
from portal.cases.states import StateTable
from portal.errors import Refused
from portal.ids import new_id
from portal.models import User
from portal.personal import Category, Fate, personal, plain
from portal.sealed import SealedRow, retired_index
from portal.work import LeasedWork
from requests.erasures.states import ERASURE_TABLE, NOT_CARRIED_OUT


class Erasure(SealedRow, LeasedWork, Case):
    """One erasure, of one person or of a file of many.

    The case's own key seals what the client gave to find its subjects, and the values that the residue
    sweep looks for; it is shredded before the client's root rolls, so that the seal covers it too.
    """

    retires = True
    TABLE: ClassVar[StateTable] = ERASURE_TABLE
    PREFIX = "ER"
    VERB_PREFIX = "erasure"

    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+"))
    instruction = plain(
        models.ForeignKey(Instruction, models.PROTECT, related_name="+", db_constraint=False)
    )
    approved_at = plain(models.DateTimeField(null=True, editable=False))
    approved_by = plain(
        models.ForeignKey(
            settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
        )
    )
    recall_until = plain(models.DateTimeField(null=True, editable=False))
    suppressed_at = plain(models.DateTimeField(null=True, editable=False))
    counts = plain(models.JSONField(default=dict, editable=False))
    residue = plain(models.JSONField(default=list, editable=False))
    root_generation = plain(models.IntegerField(null=True, editable=False))
    backups_expire_at = plain(models.DateTimeField(null=True, editable=False))
    certified_at = plain(models.DateTimeField(null=True, editable=False))
    certificate = plain(models.TextField(blank=True, editable=False))
    certificate_signature = plain(models.CharField(max_length=120, blank=True, editable=False))
    sealed = personal(
        models.BinaryField(null=True, editable=False),
        Category.FREE_TEXT,
        fate=Fate.KEEP,
        label="user.content.private",
        reason="the client's own words, sealed; nulled when the erasure is verified or closed without",
        sealed=True,
    )

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(work_due=True),
                name="erasure_due",
            ),
            models.Index(fields=["client", "state"], name="erasure_state"),
            retired_index("erasure_retired"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True, approved_by__isnull=True)
                | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="erasure_approval_pair",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("logged_by")),
                name="erasure_four_eyes",
            ),
            models.CheckConstraint(
                condition=~Q(state="certified") | Q(certified_at__isnull=False),
                name="erasure_certified_at",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=NOT_CARRIED_OUT) | Q(sealed__isnull=True),
                name="erasure_not_carried_out_keeps_nothing",
            ),
        ]

    def check_clock(self, verb: str, now: datetime) -> None:
        if verb == "recall" and self.recall_until is not None and self.recall_until <= now:
            raise Refused(
                f"It could be recalled until {self.recall_until:%-d %b %Y, %H:%M} UTC. If it must not be "
                "carried out, put a legal hold on it at once.",
                code="window_over",
            )

    def check_reach(self, user: User) -> None:
        from clients.access import check_reach

        check_reach(user, self.client_id)


KEEP_NOTHING = ("repeated", "left_out", "refused")
"""The outcomes that nobody brings back: of such a row nothing is kept of what was given."""


class ErasureSubject(models.Model):
    """One person whom the erasure is about, and how far it has come with them.

    Of a file every row is one, whatever came of it: nobody is erased but those whose match is ONE, and
    nobody is it twice. Of a row that was refused `fault` is the code why; of another, what of it could not be
    read, if anything.
    """

    data_subject = "consumer_id"

    class Match(models.TextChoices):
        NONE = "none", "Nobody"
        ONE = "one", "One person"
        AMBIGUOUS = "ambiguous", "Several people"
        REPEATED = "repeated", "Named before"
        LEFT_OUT = "left_out", "Left out by staff"
        REFUSED = "refused", "Refused"

    class Stage(models.IntegerChoices):
        PENDING = 0, "Pending"
        JOURNALLED = 1, "Journalled"
        SHREDDED = 2, "Keys shredded"
        NULLIFIED = 3, "Nullified"
        # Nothing of theirs opened any more, so that the sweep could not know what to look for.
        NOT_SWEPT = 4, "Nullified, not swept"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    erasure = plain(
        models.ForeignKey(
            Erasure, models.CASCADE, related_name="subjects", db_constraint=False, db_index=False
        )
    )
    client_id = plain(models.UUIDField())
    row_number = plain(models.BigIntegerField(default=1))
    match = plain(models.CharField(max_length=10, choices=Match.choices, default=Match.NONE))
    consumer_id = plain(models.UUIDField(null=True))
    candidates = plain(ArrayField(models.UUIDField(), default=list))
    stage = plain(models.SmallIntegerField(choices=Stage.choices, default=Stage.PENDING))
    fault = plain(models.CharField(max_length=40, blank=True))
    given = personal(
        models.BinaryField(null=True),
        *(Category.EMAIL, Category.TELEPHONE, Category.NAME, Category.ADDRESS, Category.IDENTIFIER),
        label="user",
        sealed=True,
        fate=Fate.KEEP,
        reason="what the client gave to find the person, sealed; nulled when the erasure is verified or "
        "closed without, and at once where the row is left out",
    )
    wanted = personal(
        models.BinaryField(null=True),
        *(Category.EMAIL, Category.TELEPHONE, Category.NAME, Category.ADDRESS, Category.IDENTIFIER),
        label="user",
        sealed=True,
        fate=Fate.KEEP,
        reason="the values that the residue sweep looks for, sealed; nulled when it has found none",
    )

    class Meta:
        indexes = [
            models.Index(fields=["erasure", "stage", "id"], name="subject_stage"),
            models.Index(fields=["client_id", "consumer_id"], name="subject_consumer"),
            models.Index(fields=["erasure", "match", "row_number"], name="subject_match"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["erasure", "row_number"], name="subject_row_once"),
            models.CheckConstraint(
                condition=Q(match="one", consumer_id__isnull=False)
                | (~Q(match="one") & Q(consumer_id__isnull=True)),
                name="subject_match_names_one",
            ),
            models.UniqueConstraint(
                fields=["erasure", "consumer_id"],
                condition=Q(match="one"),
                name="subject_person_once",
            ),
            models.CheckConstraint(
                condition=~Q(match__in=KEEP_NOTHING) | Q(given__isnull=True),
                name="subject_keeps_nothing",
            ),
            models.CheckConstraint(
                condition=~Q(match="refused") | ~Q(fault=""), name="subject_refused_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"row {self.row_number} of {self.erasure}"
