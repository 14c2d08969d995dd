"""The privacy mailbox and what came in by it."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import portal.ids


class Migration(migrations.Migration):
    dependencies = [
        ("correspondence", "0002_retired"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Mailbox",
            fields=[
                ("work_due", models.BooleanField(default=False, editable=False)),
                ("next_attempt_at", models.DateTimeField(editable=False, null=True)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("lease_token", models.BigIntegerField(default=0, editable=False)),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("stop_requested", models.BooleanField(default=False, editable=False)),
                ("progress_done", models.BigIntegerField(default=0, editable=False)),
                ("progress_total", models.BigIntegerField(editable=False, null=True)),
                ("last_fault", models.CharField(blank=True, editable=False, max_length=80)),
                (
                    "id",
                    models.SmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "reached_at",
                    models.DateTimeField(help_text="When it was last read to the end.", null=True),
                ),
                ("unreachable_since", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="mailbox_is_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="InboundMessage",
            fields=[
                ("key_page", models.IntegerField(editable=False, null=True)),
                ("key_slot", models.SmallIntegerField(editable=False, null=True)),
                (
                    "id",
                    models.UUIDField(
                        default=portal.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "client_id",
                    models.UUIDField(
                        default=uuid.UUID("00000000-0000-4000-8000-000000000001"), editable=False
                    ),
                ),
                ("uidvalidity", models.BigIntegerField()),
                ("uid", models.BigIntegerField()),
                (
                    "digest",
                    models.BinaryField(
                        help_text="Keyed digest of what makes it the same e-mail.", max_length=16
                    ),
                ),
                (
                    "thread_digest",
                    models.BinaryField(
                        help_text="Keyed digest of its Message-ID.", max_length=16, null=True
                    ),
                ),
                (
                    "received_at",
                    models.DateTimeField(help_text="When the mail server received it."),
                ),
                ("fetched_at", models.DateTimeField()),
                ("size", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "Not yet looked at"),
                            ("taken", "Taken by a case"),
                            ("quarantined", "Put aside for a person"),
                            ("ignored", "Ignored"),
                        ],
                        default="new",
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("case_kind", models.CharField(blank=True, max_length=60)),
                ("case_id", models.UUIDField(null=True)),
                ("case_reference", models.CharField(blank=True, max_length=20)),
                ("settled_at", models.DateTimeField(null=True)),
                ("sealed", models.BinaryField(null=True)),
                (
                    "settled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["received_at", "pk"],
                "indexes": [
                    models.Index(fields=["thread_digest"], name="inbound_thread"),
                    models.Index(
                        condition=models.Q(("state__in", ("new", "quarantined"))),
                        fields=["state", "received_at"],
                        name="inbound_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("sealed__isnull", False), ("state", "ignored")),
                        fields=["settled_at"],
                        name="inbound_kept",
                    ),
                    models.Index(
                        condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                        fields=["client_id"],
                        name="inbound_retired",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="inbound_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("client_id", uuid.UUID("00000000-0000-4000-8000-000000000001"))
                        ),
                        name="inbound_of_the_house",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at__isnull", True), ("settled_by__isnull", True)),
                            models.Q(("settled_at__isnull", False), ("settled_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="inbound_settled_pair",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("settled_at__isnull", True), ("state__in", ("new", "quarantined"))
                            ),
                            models.Q(
                                ("settled_at__isnull", False), ("state__in", ("taken", "ignored"))
                            ),
                            _connector="OR",
                        ),
                        name="inbound_settled_when_decided",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("case_id__isnull", False),
                                ("sealed__isnull", True),
                                ("state", "taken"),
                            ),
                            models.Q(
                                models.Q(("state", "taken"), _negated=True),
                                ("case_id__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="inbound_taken_by_a_case",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ("new", "taken")),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="inbound_put_aside_has_reason",
                    ),
                ],
            },
        ),
    ]
