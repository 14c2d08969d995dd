"""What is kept of a lifted opt-out of nobody is still found by an erasure."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("requests", "0007_erasure_file"),
    ]

    operations = [
        migrations.AddField(
            model_name="optout",
            name="found_by",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BinaryField(max_length=17), editable=False, null=True, size=None
            ),
        ),
        migrations.AddIndex(
            model_name="optout",
            index=models.Index(
                condition=models.Q(("found_by__isnull", False)),
                fields=["client"],
                name="optout_found_by",
            ),
        ),
    ]
