"""Controllers, their people, brands and mail drops. Instructions are in `clients.instructions`."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from portal.ids import new_id
from portal.personal import Category, Fate, personal, plain

LONGEST_LEAD_AND_PROCESSING_DAYS = 181
"""Six months have at least 181 days: a longer lead would lock a drop before a tail could end (R35)."""


class Region(models.TextChoices):
    """Where the client's consumers live."""

    US = "us", "United States"
    EEA = "eea", "European Economic Area"
    SWITZERLAND = "ch", "Switzerland"
    UK = "uk", "United Kingdom"


class LawfulBasis(models.TextChoices):
    """The client's bases for having us process (the client decides, the policy's Definitions)."""

    CONSENT = "consent", "Consent"
    CONTRACT = "contract", "Contract"
    LEGITIMATE_INTEREST = "legitimate_interest", "Legitimate interest"
    LEGAL_OBLIGATION = "legal_obligation", "Legal obligation"
    NOTICE_AND_OPT_OUT = "notice_opt_out", "Notice and opt-out (US)"


class Purpose(models.TextChoices):
    """What the client has us process for."""

    MARKETING_EMAIL = "email_marketing", "E-mail marketing"
    CATALOGS = "catalogs", "Catalog mailings"
    TELEPHONE_MARKETING = "telephone_marketing", "Telephone marketing"
    ANALYSIS = "analysis", "Analysis of patterns"
    PERSONALISATION = "personalisation", "Personalised web experience"
    ONWARD_TRANSFER = "onward_transfer", "Transfer to marketing vendors"


DATA_CATEGORIES = [
    (category.value, category.value.capitalize())
    for category in Category
    if category not in (Category.STAFF, Category.FREE_TEXT, Category.IDENTIFIER)
]


class Client(models.Model):
    """A data controller. Everything personal hangs from its id and its root key."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    name = plain(models.CharField(max_length=120, unique=True))
    code = plain(
        models.SlugField(max_length=24, unique=True, help_text="Short name for files and commands.")
    )
    regions = plain(ArrayField(models.CharField(max_length=8, choices=Region.choices)))
    lawful_bases = plain(ArrayField(models.CharField(max_length=24, choices=LawfulBasis.choices)))
    purposes = plain(ArrayField(models.CharField(max_length=24, choices=Purpose.choices)))
    data_categories = plain(ArrayField(models.CharField(max_length=32, choices=DATA_CATEGORIES)))
    default_country = plain(
        models.CharField(
            max_length=2,
            default="US",
            help_text="ISO code, for addresses and telephones without one.",
        )
    )
    time_zone = plain(models.CharField(max_length=40, default="America/New_York"))
    recall_hours = plain(
        models.PositiveSmallIntegerField(
            "erasure window (hours)",
            default=24,
            validators=[MaxValueValidator(24 * 14)],
            help_text="How long an approved erasure can be called back. The suppression starts at once.",
        )
    )
    processing_days = plain(
        models.PositiveSmallIntegerField(
            default=10,
            validators=[MaxValueValidator(30)],
            help_text="Days from receipt within which a mail suppression is worked in (R31: at most 30).",
        )
    )
    privacy_policy_url = plain(models.URLField(blank=True))
    account_managers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="ClientAssignment", related_name="+"
    )
    created_at = plain(models.DateTimeField(auto_now_add=True))
    ended_at = plain(models.DateTimeField(null=True, editable=False))
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError) as unknown:
            raise ValidationError(
                {"time_zone": "Use a name such as America/New_York or Europe/Berlin."}
            ) from unknown


class ClientAssignment(models.Model):
    """An account manager's client. Takes effect, and ends, at the next request."""

    id = plain(models.BigAutoField(primary_key=True))
    client = plain(models.ForeignKey(Client, models.CASCADE, related_name="assignments"))
    user = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="assignments")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "user"], name="assignment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} for {self.client}"


class ClientContact(models.Model):
    """A person at the client. `may_instruct` is what the authority check of an instruction asks for."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client = plain(models.ForeignKey(Client, models.CASCADE, related_name="contacts"))
    name = personal(
        models.CharField(max_length=120),
        Category.STAFF,
        fate=Fate.KEEP,
        label="user.name",
        reason="an employee of the client, not a consumer",
    )
    email = personal(
        models.EmailField(blank=True),
        Category.STAFF,
        fate=Fate.KEEP,
        label="user.contact.email",
        reason="an employee of the client, not a consumer",
    )
    telephone = personal(
        models.CharField(max_length=32, blank=True),
        Category.STAFF,
        fate=Fate.KEEP,
        label="user.contact.phone_number",
        reason="an employee of the client, not a consumer",
    )
    role = plain(models.CharField(max_length=80, blank=True))
    may_instruct = plain(
        models.BooleanField(
            default=False, help_text="Named in the contract as entitled to instruct us."
        )
    )
    until = plain(
        models.DateField(null=True, blank=True, help_text="No longer entitled after this day.")
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def is_entitled(self, on: date) -> bool:
        """Whether this person may instruct us on the day `on`."""
        return self.may_instruct and (self.until is None or on <= self.until)


class Brand(models.Model):
    """A brand of the client. Opt-outs and catalog suppressions are kept per brand (R31)."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client = plain(models.ForeignKey(Client, models.CASCADE, related_name="brands"))
    name = plain(models.CharField(max_length=80))

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="brand_once")]

    def __str__(self) -> str:
        return self.name


class MailDrop(models.Model):
    """One planned mailing of a catalog. After `lock_at` its list can no longer be changed (R35)."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        LOCKED = "locked", "Locked"
        MERGED = "merged", "Merged"
        AT_PRINTER = "at_printer", "At the printer"
        MAILED = "mailed", "Mailed"
        IN_HOME = "in_home", "In home"
        CANCELLED = "cancelled", "Cancelled"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client = plain(models.ForeignKey(Client, models.CASCADE, related_name="mail_drops"))
    brand = plain(
        models.ForeignKey(
            Brand,
            models.PROTECT,
            null=True,
            blank=True,
            db_constraint=False,
            help_text="Empty: all brands of the client.",
        )
    )
    name = plain(models.CharField(max_length=80, help_text="Such as: Spring catalog 2027."))
    key_code = plain(models.CharField(max_length=24, blank=True))
    mail_date = plain(models.DateField())
    lead_days = plain(
        models.PositiveSmallIntegerField(
            default=21,
            validators=[MinValueValidator(1), MaxValueValidator(180)],
            help_text="Days before the mail date on which the list is locked (merge and printer).",
        )
    )
    lock_at = plain(models.DateTimeField(editable=False))
    kill_file_deadline = plain(
        models.DateTimeField(
            null=True, blank=True, help_text="Until then the printer still takes names out."
        )
    )
    state = plain(
        models.CharField(
            max_length=12, choices=State.choices, default=State.PLANNED, editable=False
        )
    )
    history = HistoricalRecords()

    class Meta:
        ordering = ["mail_date", "name"]
        indexes = [models.Index(fields=["client", "mail_date"], name="drop_by_date")]
        constraints = [
            models.UniqueConstraint(fields=["client", "name"], name="drop_once"),
            models.CheckConstraint(
                condition=Q(kill_file_deadline__isnull=True)
                | Q(kill_file_deadline__gte=F("lock_at")),
                name="kill_file_after_lock",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        # A list that was locked stays locked as of then, wherever its mailing is moved to.
        if self.state == self.State.PLANNED:
            self.lock_at = lock_time(self.mail_date, self.lead_days, self.client.time_zone)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def last_call_at(self) -> datetime:
        """Until when an opt-out still keeps its person out of this drop."""
        return self.kill_file_deadline or self.lock_at

    def clean(self) -> None:
        if self.client_id and self.lead_days is not None:
            self._check_lead(self.lead_days + self.client.processing_days)
        if self.brand and self.brand.client_id != self.client_id:
            raise ValidationError({"brand": "This brand is another client's."})

    def _check_lead(self, days: int) -> None:
        if days > LONGEST_LEAD_AND_PROCESSING_DAYS:
            raise ValidationError(
                {
                    "lead_days": "Lead days and the client's processing days together may not pass "
                    f"{LONGEST_LEAD_AND_PROCESSING_DAYS}: a catalog would come after the six months."
                }
            )


def lock_time(mail_date: date, lead_days: int, time_zone: str) -> datetime:
    """When a drop's list is locked: the start of the day `lead_days` before the mail date, in UTC."""
    day = mail_date - timedelta(days=lead_days)
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
