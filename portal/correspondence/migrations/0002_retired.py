"""The sweep of `portal.retire` finds the letters whose keys are to be shredded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("correspondence", "0001_letters"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="letter",
            index=models.Index(
                condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                fields=["client_id"],
                name="letter_retired",
            ),
        ),
    ]
