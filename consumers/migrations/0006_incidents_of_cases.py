"""An incident belongs to the case whose file held the data, whatever kind of case it is."""

from django.db import migrations, models

TAKE_OVER = """
UPDATE consumers_sensitiveincident i
SET case_kind = 'consumers.importjob', case_id = j.id, case_reference = j.reference
FROM consumers_importjob j WHERE j.id = i.job_id AND j.client_id = i.client_id
"""


class Migration(migrations.Migration):
    dependencies = [("consumers", "0005_import_occurrences")]

    operations = [
        migrations.AddField(
            "sensitiveincident", "case_kind", models.CharField(default="", max_length=40), False
        ),
        migrations.AddField("sensitiveincident", "case_id", models.UUIDField(null=True)),
        migrations.AddField(
            "sensitiveincident",
            "case_reference",
            models.CharField(default="", max_length=20),
            False,
        ),
        migrations.RunSQL(TAKE_OVER, migrations.RunSQL.noop),
        migrations.RemoveConstraint("sensitiveincident", "incident_once"),
        migrations.AlterField("sensitiveincident", "case_id", models.UUIDField()),
        migrations.RemoveField("sensitiveincident", "job"),
        migrations.AddConstraint(
            "sensitiveincident",
            models.UniqueConstraint(
                fields=("case_id", "place", "kind", "column"), name="incident_once"
            ),
        ),
        migrations.AlterField(
            "rememberedmapping",
            "kind",
            models.CharField(
                choices=[
                    ("consumers", "Consumers"),
                    ("purchases", "Purchases"),
                    ("web_events", "Web events"),
                    ("erasures", "Erasures"),
                ],
                max_length=12,
            ),
        ),
    ]
