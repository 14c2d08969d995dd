"""The file of an erasure of many."""

import django.db.models.deletion
from django.db import migrations, models

import portal.ids
from portal.compositekeys import composite_key, same_client


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0005_retired"),
        ("requests", "0006_retired"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasureFile",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=portal.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("client_id", models.UUIDField()),
                ("digest", models.CharField(max_length=64)),
                ("mapping", models.JSONField(default=dict)),
                ("refused_columns", models.JSONField(default=dict)),
                ("position", models.BigIntegerField(default=0)),
                ("rows_read", models.BigIntegerField(default=0)),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "content",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="cases.casefile",
                    ),
                ),
                (
                    "erasure",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file",
                        to="requests.erasure",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["client_id", "digest"], name="erasurefile_digest")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("position", 0), ("rows_read", 0)),
                            models.Q(("position__gt", 0), ("rows_read__gt", 0)),
                            _connector="OR",
                        ),
                        name="erasurefile_rows_have_a_place",
                    )
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name="erasure", name="erasure_not_carried_out_keeps_nothing"
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ("recalled", "rejected", "discarded", "closed_no_match")),
                        _negated=True,
                    ),
                    ("sealed__isnull", True),
                    _connector="OR",
                ),
                name="erasure_not_carried_out_keeps_nothing",
            ),
        ),
        composite_key("requests_erasurefile"),
        same_client("requests_erasurefile", "erasure_id", "requests_erasure"),
        same_client("requests_erasurefile", "content_id", "cases_casefile"),
    ]
