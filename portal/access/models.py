"""What is kept of how the staff get in."""

from django.conf import settings
from django.db import models

from portal.house import HOUSE_ID
from portal.ids import new_id
from portal.personal import Category, Fate, personal, plain
from portal.sealed import SealedRow

_STAFF = "a member of staff, not a consumer"


class Authenticator(SealedRow):
    """The authenticator app of a member of staff. Its secret is sealed under the house's key tree."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField(default=HOUSE_ID, editable=False))
    user = plain(
        models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="authenticator")
    )
    made_at = plain(models.DateTimeField())
    confirmed_at = plain(models.DateTimeField(null=True))
    last_step = plain(
        models.BigIntegerField(
            default=-1,
            help_text="The time step of the last code that was taken; none is taken twice.",
        )
    )
    sealed = personal(
        models.BinaryField(null=True),
        Category.STAFF,
        fate=Fate.KEEP,
        label="user.credentials",
        reason=_STAFF,
        sealed=True,
    )

    def __str__(self) -> str:
        return f"authenticator of {self.user_id}"


class RecoveryCode(models.Model):
    """The digest of one recovery code, which lets its owner in once."""

    id = plain(models.BigAutoField(primary_key=True))
    authenticator = plain(models.ForeignKey(Authenticator, models.CASCADE, related_name="recovery"))
    digest = plain(models.BinaryField(max_length=32))
    used_at = plain(models.DateTimeField(null=True))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["authenticator", "digest"], name="recovery_code_once")
        ]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class Attempt(models.Model):
    """One attempt to get in that has not succeeded: a keyed digest of whose name or address it bore."""

    id = plain(models.BigAutoField(primary_key=True))
    subject = plain(models.BinaryField(max_length=32))
    at = plain(models.DateTimeField())

    class Meta:
        indexes = [
            models.Index(fields=["subject", "at"], name="attempt_subject"),
            models.Index(fields=["at"], name="attempt_at"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk}"


class StaffSession(models.Model):
    """A verified session of a member of staff; the session itself stands in Django's table."""

    session_key = plain(models.CharField(max_length=40, primary_key=True))
    user = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sessions")
    )
    started_at = plain(models.DateTimeField())

    class Meta:
        ordering = ["started_at"]

    def __str__(self) -> str:
        return f"session of {self.user_id}"


class DeviceReset(models.Model):
    """An Administrator's wish to reset a lost second factor; a Security Officer decides it."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    user = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="device_resets")
    )
    asked_at = plain(models.DateTimeField())
    asked_by = plain(models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"))
    decided_at = plain(models.DateTimeField(null=True))
    decided_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    )
    is_confirmed = plain(models.BooleanField(null=True))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(decided_at__isnull=True),
                name="device_reset_open_once",
            ),
            models.CheckConstraint(
                name="device_reset_decided_whole",
                condition=models.Q(
                    decided_at__isnull=True, decided_by__isnull=True, is_confirmed__isnull=True
                )
                | models.Q(
                    decided_at__isnull=False, decided_by__isnull=False, is_confirmed__isnull=False
                ),
            ),
            models.CheckConstraint(
                name="device_reset_four_eyes",
                condition=~models.Q(decided_by=models.F("asked_by"))
                & ~models.Q(decided_by=models.F("user"))
                & ~models.Q(asked_by=models.F("user")),
            ),
        ]

    def __str__(self) -> str:
        return f"reset of the second factor of {self.user_id}"


class AccessReview(models.Model):
    """One look of a Security Officer at what a member of staff may do."""

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed", "Confirmed"
        FLAGGED = "flagged", "Flagged"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    user = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="access_reviews")
    )
    outcome = plain(models.CharField(max_length=9, choices=Outcome.choices))
    reviewed_at = plain(models.DateTimeField())
    reviewed_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    )

    class Meta:
        ordering = ["-reviewed_at"]
        indexes = [models.Index(fields=["user", "-reviewed_at"], name="access_review_newest")]
        constraints = [
            models.CheckConstraint(
                name="access_review_outcome_known",
                condition=models.Q(outcome__in=("confirmed", "flagged")),
            ),
            models.CheckConstraint(
                name="access_review_of_another",
                condition=~models.Q(reviewed_by=models.F("user")),
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.user_id}"
