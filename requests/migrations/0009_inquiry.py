"""Privacy inquiries and their branches, one a client."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import portal.ids
from portal.compositekeys import composite_key


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0004_instruction_use"),
        ("requests", "0008_optout_found_by"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Inquiry",
            fields=[
                ("key_page", models.IntegerField(editable=False, null=True)),
                ("key_slot", models.SmallIntegerField(editable=False, null=True)),
                (
                    "id",
                    models.UUIDField(
                        default=portal.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reference", models.CharField(editable=False, max_length=20, unique=True)),
                ("state", models.CharField(editable=False, max_length=32)),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("telephone", "Telephone"),
                            ("letter", "Letter"),
                            ("form", "Web form"),
                            ("api", "API"),
                            ("file", "File"),
                            ("webhook", "Webhook"),
                            ("portal", "Portal"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "received_at",
                    models.DateTimeField(
                        help_text="When anybody at the company received it; the clock starts here (R44)."
                    ),
                ),
                ("logged_at", models.DateTimeField(editable=False)),
                ("state_at", models.DateTimeField(editable=False)),
                ("due_at", models.DateTimeField(editable=False, null=True)),
                ("due_rule", models.CharField(blank=True, editable=False, max_length=40)),
                ("due_reason", models.CharField(blank=True, editable=False, max_length=300)),
                ("closed_at", models.DateTimeField(editable=False, null=True)),
                (
                    "client_id",
                    models.UUIDField(
                        default=uuid.UUID("00000000-0000-4000-8000-000000000001"), editable=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("access", "Access to their data"),
                            ("erasure", "Erasure"),
                            ("rectification", "Correction"),
                            ("objection", "Objection to processing"),
                            ("opt_out", "Opt-out of marketing"),
                            ("complaint", "Complaint"),
                            ("question", "Question"),
                            ("other", "Something else"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "regime",
                    models.CharField(blank=True, help_text="The code of its rule.", max_length=40),
                ),
                (
                    "urgency",
                    models.CharField(
                        choices=[("normal", "Normal"), ("urgent", "Urgent")],
                        default="normal",
                        max_length=8,
                    ),
                ),
                (
                    "identity",
                    models.CharField(
                        choices=[
                            ("unchecked", "Not checked"),
                            ("asked", "Proof asked for"),
                            ("verified", "Verified"),
                            ("failed", "Could not be verified"),
                        ],
                        default="unchecked",
                        max_length=10,
                    ),
                ),
                ("identity_asked_at", models.DateTimeField(null=True)),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("triaged_at", models.DateTimeField(null=True)),
                ("responded_at", models.DateTimeField(null=True)),
                (
                    "reply_at",
                    models.DateTimeField(help_text="A reply that nobody has read yet.", null=True),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("complied", "Complied with in whole"),
                            ("partly", "Complied with in part"),
                            ("denied", "Denied"),
                            ("no_data", "No data held"),
                            ("answered", "Question answered"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "denial",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("identity", "Identity not verified"),
                            ("unfounded", "Manifestly unfounded or excessive"),
                            ("legal_duty", "A legal duty or claim requires the data"),
                            ("exempt", "The law exempts this data"),
                            ("others", "It would reveal another person's data"),
                            ("no_request", "No privacy inquiry, such as advertising"),
                            ("not_ours", "Neither we nor our clients are meant"),
                        ],
                        max_length=12,
                    ),
                ),
                ("dispute_id", models.UUIDField(null=True)),
                ("sealed", models.BinaryField(null=True)),
                (
                    "assignee",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "duplicate_of",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="duplicates",
                        to="requests.inquiry",
                    ),
                ),
                (
                    "logged_by",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "privacy inquiry",
                "verbose_name_plural": "privacy inquiries",
                "ordering": ["-received_at"],
            },
        ),
        migrations.CreateModel(
            name="InquiryBranch",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=portal.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reference", models.CharField(editable=False, max_length=20, unique=True)),
                ("state", models.CharField(editable=False, max_length=32)),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("email", "E-mail"),
                            ("telephone", "Telephone"),
                            ("letter", "Letter"),
                            ("form", "Web form"),
                            ("api", "API"),
                            ("file", "File"),
                            ("webhook", "Webhook"),
                            ("portal", "Portal"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "received_at",
                    models.DateTimeField(
                        help_text="When anybody at the company received it; the clock starts here (R44)."
                    ),
                ),
                ("logged_at", models.DateTimeField(editable=False)),
                ("state_at", models.DateTimeField(editable=False)),
                ("due_at", models.DateTimeField(editable=False, null=True)),
                ("due_rule", models.CharField(blank=True, editable=False, max_length=40)),
                ("due_reason", models.CharField(blank=True, editable=False, max_length=300)),
                ("closed_at", models.DateTimeField(editable=False, null=True)),
                ("consumer_id", models.UUIDField(editable=False, null=True)),
                ("handed_off_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("complied", "Complied with in whole"),
                            ("partly", "Complied with in part"),
                            ("denied", "Denied"),
                            ("no_data", "No data held"),
                            ("answered", "Question answered"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "denial",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("identity", "Identity not verified"),
                            ("unfounded", "Manifestly unfounded or excessive"),
                            ("legal_duty", "A legal duty or claim requires the data"),
                            ("exempt", "The law exempts this data"),
                            ("others", "It would reveal another person's data"),
                            ("no_request", "No privacy inquiry, such as advertising"),
                            ("not_ours", "Neither we nor our clients are meant"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "followed_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("clients.instruction", "Instruction"),
                            ("requests.erasure", "Erasure"),
                            ("requests.optout", "Opt-out"),
                            ("requests.accessrequest", "Access request"),
                        ],
                        max_length=40,
                    ),
                ),
                ("followed_id", models.UUIDField(null=True)),
                (
                    "assignee",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clients.client",
                    ),
                ),
                (
                    "inquiry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="branches",
                        to="requests.inquiry",
                    ),
                ),
                (
                    "logged_by",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "client's part of an inquiry",
                "verbose_name_plural": "clients' parts of inquiries",
                "ordering": ["-received_at"],
            },
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(fields=["state", "received_at"], name="inquiry_state"),
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", True)),
                fields=["due_at"],
                name="inquiry_due",
            ),
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", False), ("sealed__isnull", False)),
                fields=["closed_at"],
                name="inquiry_kept",
            ),
        ),
        migrations.AddIndex(
            model_name="inquiry",
            index=models.Index(
                condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                fields=["client_id"],
                name="inquiry_retired",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("client_id", uuid.UUID("00000000-0000-4000-8000-000000000001"))
                ),
                name="inquiry_of_the_house",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        (
                            "received",
                            "acknowledged",
                            "reopened",
                            "duplicate",
                            "withdrawn",
                            "rejected",
                            "linked_to_dispute",
                            "emptied",
                        ),
                    ),
                    models.Q(
                        models.Q(("kind", ""), _negated=True),
                        models.Q(("regime", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="inquiry_triaged_has_kind_and_regime",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "duplicate"), _negated=True),
                    ("duplicate_of__isnull", False),
                    _connector="OR",
                ),
                name="inquiry_duplicate_of_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("duplicate_of__isnull", True),
                    models.Q(("duplicate_of", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="inquiry_no_duplicate_of_itself",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "rejected"), _negated=True),
                    models.Q(("denial", ""), _negated=True),
                    _connector="OR",
                ),
                name="inquiry_rejected_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquiry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "emptied"), _negated=True),
                    ("sealed__isnull", True),
                    _connector="OR",
                ),
                name="inquiry_emptied_keeps_nothing",
            ),
        ),
        migrations.AddIndex(
            model_name="inquirybranch",
            index=models.Index(fields=["client", "consumer_id"], name="branch_consumer"),
        ),
        migrations.AddIndex(
            model_name="inquirybranch",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", True)),
                fields=["due_at"],
                name="branch_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquirybranch",
            constraint=models.UniqueConstraint(
                fields=("inquiry", "client", "consumer_id"),
                name="branch_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="inquirybranch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ("answered", "closed")), _negated=True),
                    models.Q(
                        models.Q(("outcome", ""), _negated=True), ("answered_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="branch_answered_has_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquirybranch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", "denied"), _negated=True),
                    models.Q(("denial", ""), _negated=True),
                    _connector="OR",
                ),
                name="branch_denied_has_ground",
            ),
        ),
        migrations.AddConstraint(
            model_name="inquirybranch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("followed_id__isnull", True), ("followed_kind", "")),
                    models.Q(
                        models.Q(("followed_kind", ""), _negated=True),
                        ("followed_id__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="branch_followed_by_something",
            ),
        ),
        composite_key("requests_inquirybranch"),
        migrations.RunSQL("CREATE SEQUENCE case_reference_ib", migrations.RunSQL.noop),
    ]
