"""A stage for people of whom nothing was left to look for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("requests", "0004_subject_outcomes")]

    operations = [
        migrations.AlterField(
            model_name="erasuresubject",
            name="stage",
            field=models.SmallIntegerField(
                choices=[
                    (0, "Pending"),
                    (1, "Journalled"),
                    (2, "Keys shredded"),
                    (3, "Nullified"),
                    (4, "Nullified, not swept"),
                ],
                default=0,
            ),
        ),
    ]
