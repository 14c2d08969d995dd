"""The inquiry and its branches as the database keeps them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from clients.models import Client
from portal.cases.models import Case
from portal.cases.states import StateTable
from portal.errors import Refused
from portal.house import HOUSE_ID
from portal.models import User
from portal.personal import Category, personal, plain
from portal.regimes import RULE_OF, Rule
from portal.roles import AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER, SYSTEM, has_role
from portal.sealed import SealedRow, retired_index
from requests.inquiries.states import BRANCH_TABLE, INQUIRY_TABLE

UNSORTED = (
    "received",
    "acknowledged",
    "reopened",
    "duplicate",
    "withdrawn",
    "rejected",
    "linked_to_dispute",
    "emptied",
)
"""The states in which an inquiry may be without a kind."""


class Kind(models.TextChoices):
    """What a consumer wants."""

    ACCESS = "access", "Access to their data"
    ERASURE = "erasure", "Erasure"
    RECTIFICATION = "rectification", "Correction"
    OBJECTION = "objection", "Objection to processing"
    OPT_OUT = "opt_out", "Opt-out of marketing"
    COMPLAINT = "complaint", "Complaint"
    QUESTION = "question", "Question"
    OTHER = "other", "Something else"


class Outcome(models.TextChoices):
    """What became of a request."""

    COMPLIED = "complied", "Complied with in whole"
    PARTLY = "partly", "Complied with in part"
    DENIED = "denied", "Denied"
    NO_DATA = "no_data", "No data held"
    ANSWERED = "answered", "Question answered"


class Denial(models.TextChoices):
    """On which ground a request was denied or rejected (documents 6 and 16)."""

    IDENTITY = "identity", "Identity not verified"
    UNFOUNDED = "unfounded", "Manifestly unfounded or excessive"
    LEGAL_DUTY = "legal_duty", "A legal duty or claim requires the data"
    EXEMPT = "exempt", "The law exempts this data"
    OTHERS = "others", "It would reveal another person's data"
    NO_REQUEST = "no_request", "No privacy inquiry, such as advertising"
    NOT_OURS = "not_ours", "Neither we nor our clients are meant"


class Inquiry(SealedRow, Case):
    """What a consumer wrote or said to the company itself. It is a case of the house: no client's, or several's.

    `sealed` holds the sender, the subject and the text word for word, as received. It is written once.
    """

    retires = True
    TABLE: ClassVar[StateTable] = INQUIRY_TABLE
    PREFIX = "PI"
    VERB_PREFIX = "inquiry"
    client = None

    class Urgency(models.TextChoices):
        NORMAL = "normal", "Normal"
        URGENT = "urgent", "Urgent"

    class Identity(models.TextChoices):
        UNCHECKED = "unchecked", "Not checked"
        ASKED = "asked", "Proof asked for"
        VERIFIED = "verified", "Verified"
        FAILED = "failed", "Could not be verified"

    client_id = plain(models.UUIDField(default=HOUSE_ID, editable=False))
    kind = plain(models.CharField(max_length=16, choices=Kind.choices, blank=True))
    regime = plain(models.CharField(max_length=40, blank=True, help_text="The code of its rule."))
    urgency = plain(models.CharField(max_length=8, choices=Urgency.choices, default=Urgency.NORMAL))
    identity = plain(
        models.CharField(max_length=10, choices=Identity.choices, default=Identity.UNCHECKED)
    )
    identity_asked_at = plain(models.DateTimeField(null=True))
    acknowledged_at = plain(models.DateTimeField(null=True))
    triaged_at = plain(models.DateTimeField(null=True))
    responded_at = plain(models.DateTimeField(null=True))
    reply_at = plain(models.DateTimeField(null=True, help_text="A reply that nobody has read yet."))
    outcome = plain(models.CharField(max_length=10, choices=Outcome.choices, blank=True))
    denial = plain(models.CharField(max_length=12, choices=Denial.choices, blank=True))
    duplicate_of = plain(
        models.ForeignKey("self", models.PROTECT, null=True, related_name="duplicates")
    )
    dispute_id = plain(models.UUIDField(null=True))
    sealed = personal(
        models.BinaryField(null=True, editable=False),
        Category.FREE_TEXT,
        Category.NAME,
        Category.EMAIL,
        Category.ADDRESS,
        label="user.content.private",
        sealed=True,
    )

    class Meta:
        ordering = ["-received_at"]
        verbose_name = "privacy inquiry"
        verbose_name_plural = "privacy inquiries"
        indexes = [
            models.Index(fields=["state", "received_at"], name="inquiry_state"),
            models.Index(
                fields=["due_at"], condition=Q(closed_at__isnull=True), name="inquiry_due"
            ),
            models.Index(
                fields=["closed_at"],
                condition=Q(closed_at__isnull=False, sealed__isnull=False),
                name="inquiry_kept",
            ),
            retired_index("inquiry_retired"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(client_id=HOUSE_ID), name="inquiry_of_the_house"),
            models.CheckConstraint(
                condition=Q(state__in=UNSORTED) | ~Q(kind="") & ~Q(regime=""),
                name="inquiry_triaged_has_kind_and_regime",
            ),
            models.CheckConstraint(
                condition=~Q(state="duplicate") | Q(duplicate_of__isnull=False),
                name="inquiry_duplicate_of_something",
            ),
            models.CheckConstraint(
                condition=Q(duplicate_of__isnull=True) | ~Q(duplicate_of=models.F("id")),
                name="inquiry_no_duplicate_of_itself",
            ),
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(denial=""), name="inquiry_rejected_has_reason"
            ),
            models.CheckConstraint(
                condition=~Q(state="emptied") | Q(sealed__isnull=True),
                name="inquiry_emptied_keeps_nothing",
            ),
        ]

    @property
    def rule(self) -> Rule | None:
        """The rule of the regime that triage named."""
        return RULE_OF.get(self.regime)

    def check_reach(self, user: User) -> None:
        """The house's inquiries are the officer's; dispute staff have those that a dispute has taken on."""
        if has_role(user, SECURITY_OFFICER, AUDITOR, SYSTEM):
            return
        if has_role(user, DISPUTE_STAFF) and self.dispute_id is not None:
            return
        raise Refused("There is no such inquiry among yours.", code="reach")


class InquiryBranch(Case):
    """The part of an inquiry that concerns one client: a case of that client, with a clock of its own (R3, R4)."""

    TABLE: ClassVar[StateTable] = BRANCH_TABLE
    PREFIX = "IB"
    VERB_PREFIX = "branch"

    class Followed(models.TextChoices):
        INSTRUCTION = "clients.instruction", "Instruction"
        ERASURE = "requests.erasure", "Erasure"
        OPT_OUT = "requests.optout", "Opt-out"
        ACCESS = "requests.accessrequest", "Access request"

    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+"))
    inquiry = plain(models.ForeignKey(Inquiry, models.PROTECT, related_name="branches"))
    consumer_id = plain(models.UUIDField(null=True, editable=False))
    handed_off_at = plain(models.DateTimeField(null=True))
    answered_at = plain(models.DateTimeField(null=True))
    outcome = plain(models.CharField(max_length=10, choices=Outcome.choices, blank=True))
    denial = plain(models.CharField(max_length=12, choices=Denial.choices, blank=True))
    followed_kind = plain(models.CharField(max_length=40, choices=Followed.choices, blank=True))
    followed_id = plain(models.UUIDField(null=True))

    class Meta:
        ordering = ["-received_at"]
        verbose_name = "client's part of an inquiry"
        verbose_name_plural = "clients' parts of inquiries"
        indexes = [
            models.Index(fields=["client", "consumer_id"], name="branch_consumer"),
            models.Index(fields=["due_at"], condition=Q(closed_at__isnull=True), name="branch_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["inquiry", "client", "consumer_id"],
                nulls_distinct=False,
                name="branch_once",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("answered", "closed"))
                | ~Q(outcome="") & Q(answered_at__isnull=False),
                name="branch_answered_has_outcome",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="denied") | ~Q(denial=""), name="branch_denied_has_ground"
            ),
            models.CheckConstraint(
                condition=Q(followed_kind="", followed_id__isnull=True)
                | ~Q(followed_kind="") & Q(followed_id__isnull=False),
                name="branch_followed_by_something",
            ),
        ]

    def check_reach(self, user: User) -> None:
        from clients.access import check_reach

        check_reach(user, self.client_id)


class FormCount(models.Model):
    """How often the public form was sent in an hour from one of 1,024 groups of addresses; no address is kept.

    The group is drawn anew each hour by a keyed digest, so that a row tells nothing of who sent anything.
    """

    id = plain(models.BigAutoField(primary_key=True))
    hour = plain(models.DateTimeField())
    bucket = plain(models.SmallIntegerField())
    sent = plain(models.PositiveIntegerField(default=0))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hour", "bucket"], name="form_count_once"),
        ]

    def __str__(self) -> str:
        return f"{self.sent} in the hour from {self.hour:%Y-%m-%d %H:%M}"
