"""Disputes, their remedies, and the company's certifications as the database keeps them."""

from datetime import date, datetime
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from clients.models import Client
from portal.cases import timekeeping
from portal.cases.models import Case, CaseClock
from portal.cases.states import StateTable
from portal.clocks import local_day
from portal.errors import Refused
from portal.house import HOUSE_ID
from portal.ids import new_id
from portal.models import User
from portal.personal import Category, personal, plain
from portal.roles import SYSTEM, check_role
from portal.sealed import SealedRow, retired_index
from requests.disputes.arbitration import Facts
from requests.disputes.frameworks import FRAMEWORK_OF, FRAMEWORKS, REGION_NAMES, Framework
from requests.disputes.states import DISPUTE_TABLE, READERS

FRAMEWORK_CHOICES: Final = [(one.code, one.name) for one in FRAMEWORKS]


class Complaint(models.TextChoices):
    """What a complaint is about: TRUSTe's names, and ours."""

    SHARED = "shared_my_data", "Shared my data"
    UNSUBSCRIBE = "cannot_unsubscribe", "Cannot unsubscribe"
    SPAM = "spam", "Spam"
    ACCOUNT = "cannot_close_account", "Cannot close account"
    CONTACT = "cannot_contact", "Cannot contact"
    ACCESS = "access", "Access"
    ERASURE = "erasure", "Erasure"
    CATALOG = "catalog_after_opt_out", "Catalog after opt-out"
    SECURITY = "security", "Security"
    TRANSFER = "onward_transfer", "Onward transfer"


class Arrival(models.TextChoices):
    """By which rung of the ladder a case first reached the company."""

    DIRECT = "direct", "The person wrote to us"
    BODY = "ana", "Notice of the dispute body"
    ARBITRATION = "notice", "Notice of arbitration"


class Outcome(models.TextChoices):
    """How the dispute body's case ended, or ours."""

    RESOLVED = "resolved", "Settled"
    UPHELD = "upheld", "Determined for the complainant"
    DISMISSED = "dismissed", "Determined for the company"
    UNRESOLVED = "unresolved", "Left unresolved"
    INELIGIBLE = "ineligible", "Ineligible"


class Ineligible(models.TextChoices):
    """Why the dispute body would not take a complaint."""

    HR = "hr_data", "Human resources data"
    FRAMEWORK = "no_framework", "Not a matter of a framework"
    CONTACT = "no_direct_contact", "The company was not asked first"
    FRIVOLOUS = "frivolous", "Obviously unfounded or frivolous"


class Dispute(SealedRow, Case):
    """One complaint on its way up the ladder. It is the company's own case: nobody's client sees it.

    Sealed under the house's keys: the complainant, the complaint, the assessment of its merits, the resolution.
    """

    retires = True
    TABLE: ClassVar[StateTable] = DISPUTE_TABLE
    PREFIX = "DC"
    VERB_PREFIX = "dispute"

    client_id = plain(models.UUIDField(default=HOUSE_ID, editable=False))
    controller = plain(
        models.ForeignKey(
            Client, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="client"
        )
    )
    consumer_id = plain(models.UUIDField(null=True, editable=False))
    inquiry_id = plain(models.UUIDField(null=True, editable=False))
    region = plain(models.CharField(max_length=8, choices=list(REGION_NAMES.items())))
    category = plain(models.CharField(max_length=24, choices=Complaint.choices))
    framework_code = plain(
        models.CharField("framework", max_length=16, choices=FRAMEWORK_CHOICES, blank=True)
    )
    hr_data = plain(models.BooleanField(default=False))
    arrival = plain(models.CharField(max_length=8, choices=Arrival.choices))
    direct_contact_missing = plain(models.BooleanField(default=False, editable=False))
    complained_at = plain(models.DateTimeField(null=True, editable=False))
    acknowledged_at = plain(models.DateTimeField(null=True, editable=False))
    assessed_at = plain(models.DateTimeField(null=True, editable=False))
    assessed_by = plain(
        models.ForeignKey(
            settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
        )
    )
    answered_at = plain(models.DateTimeField(null=True, editable=False))
    noticed_at = plain(models.DateTimeField(null=True, editable=False))
    body_reference = plain(models.CharField(max_length=40, blank=True))
    body_replied_at = plain(models.DateTimeField(null=True, editable=False))
    eligible_at = plain(models.DateTimeField(null=True, editable=False))
    ineligible_because = plain(
        models.CharField(max_length=20, choices=Ineligible.choices, blank=True, editable=False)
    )
    body_closed_at = plain(models.DateTimeField(null=True, editable=False))
    body_outcome = plain(
        models.CharField(max_length=12, choices=Outcome.choices, blank=True, editable=False)
    )
    dpa_referred_at = plain(models.DateTimeField(null=True, editable=False))
    review_began_at = plain(models.DateTimeField(null=True, editable=False))
    review_closed_at = plain(models.DateTimeField(null=True, editable=False))
    bars = plain(ArrayField(models.CharField(max_length=16), default=list, editable=False))
    notice_at = plain(models.DateTimeField(null=True, editable=False))
    unmet = plain(ArrayField(models.CharField(max_length=16), default=list, editable=False))
    objection_sent_at = plain(models.DateTimeField(null=True, editable=False))
    panel_at = plain(models.DateTimeField(null=True, editable=False))
    award_at = plain(models.DateTimeField(null=True, editable=False))
    persistent_failure_risk = plain(models.BooleanField(default=False, editable=False))
    ftc_at = plain(models.DateTimeField(null=True, editable=False))
    withdrawn_at = plain(models.DateTimeField(null=True, editable=False))
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
        verbose_name = "dispute case"
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(closed_at__isnull=True), name="dispute_due"
            ),
            models.Index(fields=["controller", "consumer_id"], name="dispute_consumer"),
            models.Index(
                fields=["closed_at"],
                condition=Q(closed_at__isnull=False, sealed__isnull=False),
                name="dispute_kept",
            ),
            retired_index("dispute_retired"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(client_id=HOUSE_ID), name="dispute_is_the_houses"),
            models.CheckConstraint(
                condition=Q(assessed_at__isnull=True, assessed_by__isnull=True)
                | Q(assessed_at__isnull=False, assessed_by__isnull=False),
                name="dispute_assessed_pair",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(assessed_at__isnull=False),
                name="dispute_answer_was_assessed",
            ),
            models.CheckConstraint(
                condition=Q(hr_data=False) | Q(eligible_at__isnull=True),
                name="dispute_hr_data_is_ineligible",
            ),
            models.CheckConstraint(
                condition=Q(consumer_id__isnull=True) | Q(controller__isnull=False),
                name="dispute_person_is_a_clients",
            ),
            models.CheckConstraint(
                condition=~Q(state="emptied") | Q(sealed__isnull=True),
                name="dispute_emptied_keeps_nothing",
            ),
            models.CheckConstraint(
                condition=~Q(state="objected") | ~Q(unmet=[]), name="dispute_objection_says_why"
            ),
        ]

    @property
    def client(self) -> Client | None:
        """The client whom the complaint concerns, for the pages that every kind of case has."""
        found: Client | None = self.controller
        return found

    @property
    def framework(self) -> Framework | None:
        """The framework whose terms the case keeps (R11)."""
        return FRAMEWORK_OF[self.framework_code] if self.framework_code else None

    def check_reach(self, user: User) -> None:
        check_role(user, *READERS, SYSTEM)

    def check_clock(self, verb: str, now: datetime) -> None:
        """Day 45 is in time, day 46 is late, whether or not the sweep has written that down (R8)."""
        if verb == "answer" and self.is_answer_late(now):
            raise Refused(
                "The 45 days are over. Send the answer as a late one.", code="answer_late"
            )
        if verb == "answer_late" and self.state == "direct_open" and not self.is_answer_late(now):
            raise Refused("It is still in time: send the final response.", code="in_time")

    def is_answer_late(self, now: datetime) -> bool:
        """Whether the time for the company's own answer has passed."""
        due_on = self.day_due(CaseClock.Kind.RESPONSE)
        return due_on is not None and day_of(now) > due_on

    def day_due(self, kind: str) -> date | None:
        """The last day of the case's clock of `kind`, or None where it has none."""
        if self._state.adding:
            return None
        found = timekeeping.view(self, kind)
        return found.due_on if found else None

    def arbitration_facts(self) -> Facts:
        """What is asked before arbitration (R17)."""
        return Facts(
            framework=self.framework,
            complained_on=_day(self.complained_at),
            direct_due_on=self.day_due(CaseClock.Kind.RESPONSE),
            answered_on=_day(self.answered_at),
            body_noticed_on=_day(self.noticed_at),
            body_closed_on=_day(self.body_closed_at),
            dpa_referred_on=_day(self.dpa_referred_at),
            review_began_on=_day(self.review_began_at),
            review_due_on=self.day_due(CaseClock.Kind.REVIEW),
            review_closed_on=_day(self.review_closed_at),
            hr_data=self.hr_data,
            bars=frozenset(self.bars),
        )


def day_of(moment: datetime) -> date:
    """The day of `moment` where the company works: its clocks count such days."""
    return local_day(moment, ZoneInfo(settings.COMPANY_TIME_ZONE))


def _day(moment: datetime | None) -> date | None:
    return day_of(moment) if moment else None


class Remedy(models.Model):
    """One thing that a determination, a settlement or an award asks of the company. No sum of money stands here."""

    class Kind(models.TextChoices):
        ACCESS = "access", "Give access"
        CORRECTION = "correction", "Correct the data"
        DELETION = "deletion", "Delete the data"
        RETURN = "return", "Return the data"
        CESSATION = "cessation", "Stop the processing"
        COMPENSATION = "compensation", "Compensate"

    class Origin(models.TextChoices):
        BODY = "body", "Dispute body"
        AWARD = "award", "Award"

    AWARDED: Final = (Kind.ACCESS, Kind.CORRECTION, Kind.DELETION, Kind.RETURN)
    """What a panel may award (R19); a dispute body may also ask for a stop or for compensation."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    dispute = plain(models.ForeignKey(Dispute, models.CASCADE, related_name="remedies"))
    kind = plain(models.CharField(max_length=12, choices=Kind.choices))
    origin = plain(models.CharField(max_length=8, choices=Origin.choices))
    due_on = plain(models.DateField())
    performed_at = plain(models.DateTimeField(null=True))
    performed_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    )
    verified_at = plain(models.DateTimeField(null=True))
    verified_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    )
    refused_at = plain(models.DateTimeField(null=True))

    class Meta:
        ordering = ["due_on", "id"]
        verbose_name_plural = "remedies"
        constraints: ClassVar[Any] = [
            models.CheckConstraint(
                condition=Q(performed_at__isnull=True, performed_by__isnull=True)
                | Q(performed_at__isnull=False, performed_by__isnull=False),
                name="remedy_performed_pair",
            ),
            models.CheckConstraint(
                condition=Q(verified_at__isnull=True, verified_by__isnull=True)
                | Q(verified_at__isnull=False, verified_by__isnull=False),
                name="remedy_verified_pair",
            ),
            models.CheckConstraint(
                condition=Q(verified_at__isnull=True) | Q(performed_at__isnull=False),
                name="remedy_verified_was_performed",
            ),
            models.CheckConstraint(
                condition=Q(verified_by__isnull=True) | ~Q(verified_by=F("performed_by")),
                name="remedy_four_eyes",
            ),
            models.CheckConstraint(
                condition=~Q(origin="award")
                | Q(kind__in=("access", "correction", "deletion", "return")),
                name="remedy_award_has_no_money",
            ),
        ]
        indexes: ClassVar[Any] = [
            models.Index(
                fields=["due_on"], condition=Q(verified_at__isnull=True), name="remedy_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, due {self.due_on:%-d %B %Y}"

    @property
    def standing(self) -> str:
        """Where it stands, in a word or two."""
        if self.verified_at:
            return "Verified"
        if self.performed_at:
            return "Performed, to be verified"
        return "Refused" if self.refused_at else "Due"


class Certification(models.Model):
    """The company's certification under a framework: when it was last made, and what it paid into the arbitral
    fund (R12, R20). Every year is a row of its own."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    framework_code = plain(models.CharField("framework", max_length=16, choices=FRAMEWORK_CHOICES))
    certified_on = plain(models.DateField())
    fund_contribution_on = plain(
        models.DateField("contribution to the arbitral fund", null=True, blank=True)
    )
    recorded_at = plain(models.DateTimeField())
    recorded_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    )

    class Meta:
        ordering = ["-certified_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["framework_code", "certified_on"], name="certification_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_framework_code_display()}, {self.certified_on:%-d %B %Y}"
