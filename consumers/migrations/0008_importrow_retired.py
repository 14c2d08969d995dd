"""The sweep of `portal.retire` shreds the keys of released rows; what the outbox still had to do for them is its."""

from django.db import migrations, models

SETTLED = """
UPDATE portal_outboxmessage SET work_due = false, sent_at = now()
WHERE kind = 'import.released' AND sent_at IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("consumers", "0007_newest_consumers"),
        ("portal", "0003_outbox_failed"),
    ]

    operations = [
        migrations.RunSQL(SETTLED, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="importrow",
            index=models.Index(
                condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                fields=["client_id"],
                name="importrow_retired",
            ),
        ),
    ]
