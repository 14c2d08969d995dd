"""The sweep of `portal.retire` finds what it has to shred."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0004_clocks"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="casefile",
            index=models.Index(
                condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                fields=["client_id"],
                name="casefile_retired",
            ),
        ),
        migrations.AddIndex(
            model_name="casenote",
            index=models.Index(
                condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                fields=["client_id"],
                name="note_retired",
            ),
        ),
    ]
