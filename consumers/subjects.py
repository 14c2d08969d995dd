"""Data subjects and what is held about them. All personal content is sealed.

`client_id` is part of the key of every table here, so that the tables can be partitioned and distributed
by client. Rows that point to a consumer carry its id without a foreign key: a consumer's row is never
deleted, only nullified, and bulk loading is not slowed by a check that cannot fail.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from clients.models import Brand, Client
from portal.ids import new_id
from portal.personal import Category, Fate, personal, plain
from portal.sealed import SealedRow

WHOLE_PROFILE = (
    Category.NAME,
    Category.EMAIL,
    Category.ADDRESS,
    Category.TELEPHONE,
    Category.DEMOGRAPHICS,
    Category.BIRTHDAY,
    Category.IDENTIFIER,
)


class Consumer(SealedRow):
    """One person as one client knows them. The attributes are packed into `sealed` (consumers.profile)."""

    data_subject = "id"

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        ERASED = "erased", "Erased"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False))
    state = plain(models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE))
    is_seed = plain(
        models.BooleanField(
            "seed", default=False, help_text="A decoy address: never suppressed or erased (R34)."
        )
    )
    sealed = personal(
        models.BinaryField(null=True),
        *WHOLE_PROFILE,
        label="user",
        sealed=True,
    )
    content_digest = personal(
        models.BinaryField(null=True, max_length=16),
        Category.IDENTIFIER,
        label="user.unique_id.pseudonymous",
        sealed=True,
    )
    created_at = plain(models.DateTimeField())
    updated_at = plain(models.DateTimeField())
    import_id = plain(models.UUIDField(null=True))
    erased_at = plain(models.DateTimeField(null=True))
    erasure_id = plain(models.UUIDField(null=True))
    history = HistoricalRecords(history_id_field=plain(models.BigAutoField()))

    class Meta:
        indexes = [
            models.Index(fields=["client", "-id"], name="consumer_newest"),
            models.Index(fields=["-id"], condition=Q(state="erased"), name="consumer_erased"),
            models.Index(fields=["-id"], condition=Q(is_seed=True), name="consumer_seeds"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="active", erased_at__isnull=True, sealed__isnull=False)
                | Q(
                    state="erased",
                    erased_at__isnull=False,
                    sealed__isnull=True,
                    content_digest__isnull=True,
                    key_page__isnull=True,
                    key_slot__isnull=True,
                ),
                name="consumer_erased_is_empty",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What staff call the person by: the random end of the id, which says nothing about them."""
        return f"C-{self.id.hex[-10:].upper()}"


class BlindIndex(models.Model):
    """A keyed digest by which a consumer is found. Narrow, because erasure deletes these rows."""

    data_subject = "consumer_id"

    class Kind(models.IntegerChoices):
        EMAIL = 1, "e-mail"
        TELEPHONE = 2, "telephone"
        EXTERNAL_ID = 3, "external id"
        MATCH_CODE = 4, "name and address"

    pk = models.CompositePrimaryKey("client_id", "kind", "digest", "consumer_id")
    client_id = plain(models.UUIDField())
    kind = plain(models.SmallIntegerField(choices=Kind.choices))
    digest = personal(
        models.BinaryField(max_length=16),
        Category.IDENTIFIER,
        fate=Fate.DELETE_ROW,
        label="user.unique_id.pseudonymous",
        sealed=True,
    )
    consumer_id = plain(models.UUIDField())

    class Meta:
        indexes = [models.Index(fields=["client_id", "consumer_id"], name="blind_consumer")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.consumer_id}"


class Purchase(models.Model):
    """One purchase. Date, items and amount are sealed under the consumer's key; the month stays as a count."""

    data_subject = "consumer_id"

    pk = models.CompositePrimaryKey("client_id", "id")
    id = plain(models.UUIDField(default=new_id))
    client_id = plain(models.UUIDField())
    consumer_id = personal(
        models.UUIDField(null=True),
        Category.IDENTIFIER,
        label="user.unique_id.pseudonymous",
    )
    month = personal(
        models.DateField(),
        Category.PURCHASES,
        fate=Fate.KEEP,
        label="user.behavior.purchase_history",
        reason="the month alone, cut off from the person: a count for the client's statistics",
    )
    sealed = personal(
        models.BinaryField(null=True),
        Category.PURCHASES,
        label="user.behavior.purchase_history",
        sealed=True,
    )
    fingerprint = personal(
        models.BinaryField(null=True, max_length=16),
        Category.PURCHASES,
        label="user.behavior.purchase_history",
        sealed=True,
    )
    import_id = plain(models.UUIDField(null=True))

    class Meta:
        indexes = [models.Index(fields=["client_id", "consumer_id"], name="purchase_consumer")]
        constraints = [
            models.UniqueConstraint(fields=["client_id", "fingerprint"], name="purchase_once")
        ]

    def __str__(self) -> str:
        return f"purchase {self.id}"


class WebEvent(models.Model):
    """One page view or click. Page and time are sealed under the consumer's key."""

    data_subject = "consumer_id"

    pk = models.CompositePrimaryKey("client_id", "id")
    id = plain(models.UUIDField(default=new_id))
    client_id = plain(models.UUIDField())
    consumer_id = plain(models.UUIDField())
    sealed = personal(
        models.BinaryField(),
        Category.WEB_HISTORY,
        fate=Fate.DELETE_ROW,
        label="user.behavior.browsing_history",
        sealed=True,
    )
    fingerprint = personal(
        models.BinaryField(max_length=16),
        Category.WEB_HISTORY,
        fate=Fate.DELETE_ROW,
        label="user.behavior.browsing_history",
        sealed=True,
    )
    import_id = plain(models.UUIDField(null=True))

    class Meta:
        indexes = [models.Index(fields=["client_id", "consumer_id"], name="webevent_consumer")]
        constraints = [
            models.UniqueConstraint(fields=["client_id", "fingerprint"], name="webevent_once")
        ]

    def __str__(self) -> str:
        return f"web event {self.id}"


class MarketingChannel(models.TextChoices):
    """By what a client reaches a consumer, and what they can opt out of."""

    EMAIL = "email", "E-mail"
    MAIL = "mail", "Catalogs and mail"
    TELEPHONE = "telephone", "Telephone calls"
    SMS = "sms", "Text messages"
    WEB = "web", "Web personalisation"


class Preference(models.Model):
    """A consumer's communication preference for one channel."""

    data_subject = "consumer_id"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField())
    consumer_id = plain(models.UUIDField())
    channel = plain(models.CharField(max_length=12, choices=MarketingChannel.choices))
    brand = plain(
        models.ForeignKey(Brand, models.PROTECT, null=True, blank=True, db_constraint=False)
    )
    opted_in = personal(
        models.BooleanField(),
        Category.PREFERENCES,
        fate=Fate.DELETE_ROW,
        label="user.privacy_preferences",
    )
    changed_at = plain(models.DateTimeField())
    source = plain(models.CharField(max_length=40, help_text="The import or case that set it."))
    history = HistoricalRecords(history_id_field=plain(models.BigAutoField()))

    class Meta:
        indexes = [models.Index(fields=["client_id", "consumer_id"], name="preference_consumer")]
        constraints = [
            models.UniqueConstraint(
                fields=["client_id", "consumer_id", "channel", "brand"],
                nulls_distinct=False,
                name="preference_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} of {self.consumer_id}"


class SuppressionToken(models.Model):
    """A keyed hash that keeps somebody out (R39). It has no link to a profile and outlives the erasure.

    `channel` empty means every channel; `brand_id` empty means every brand. A lifted token is deleted by
    the lift, whose case keeps the evidence.
    """

    class Reason(models.TextChoices):
        OPT_OUT = "opt_out", "Opted out"
        ERASED = "erased", "Erased"
        CLIENT = "client", "On the client's instruction"
        DECEASED = "deceased", "Deceased"

    id = plain(models.BigAutoField(primary_key=True))
    client_id = plain(models.UUIDField())
    kind = plain(models.SmallIntegerField(choices=BlindIndex.Kind.choices))
    token = personal(
        models.BinaryField(max_length=16),
        Category.IDENTIFIER,
        fate=Fate.KEEP,
        label="user.unique_id.pseudonymous",
        reason="the minimal keyed hash that stops a re-import (R39); pseudonymised, not anonymised (R38)",
        sealed=True,
    )
    reason = plain(models.CharField(max_length=10, choices=Reason.choices))
    channel = plain(models.CharField(max_length=12, choices=MarketingChannel.choices, blank=True))
    brand_id = plain(models.UUIDField(null=True))
    case_id = plain(models.UUIDField())
    since = plain(models.DateTimeField())

    class Meta:
        indexes = [models.Index(fields=["client_id", "case_id"], name="suppression_case")]
        constraints = [
            models.UniqueConstraint(
                fields=["client_id", "kind", "token", "reason", "channel", "brand_id", "case_id"],
                nulls_distinct=False,
                name="suppression_once",
            )
        ]

    def __str__(self) -> str:
        return f"suppression {self.pk}"


class LegalHold(models.Model):
    """Blocks the erasure of one consumer while somebody must keep the data (R36)."""

    data_subject = "consumer_id"

    class Ground(models.TextChoices):
        LITIGATION = "litigation", "Litigation"
        AUTHORITY = "authority", "Order of an authority"
        CONTRACT = "contract", "Open order or claim of the consumer"

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client = plain(models.ForeignKey(Client, models.PROTECT, related_name="+"))
    consumer_id = plain(models.UUIDField())
    ground = plain(models.CharField(max_length=12, choices=Ground.choices))
    set_at = plain(models.DateTimeField())
    set_by = plain(models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"))
    released_at = plain(models.DateTimeField(null=True))
    released_by = plain(
        models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["client", "consumer_id"],
                condition=Q(released_at__isnull=True),
                name="hold_in_force",
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by__isnull=True)
                | Q(released_at__isnull=False, released_by__isnull=False),
                name="hold_release_pair",
            )
        ]

    def __str__(self) -> str:
        return f"hold {self.pk}"
