"""How often the public form was sent, in groups that name nobody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("requests", "0010_disputes"),
    ]

    operations = [
        migrations.CreateModel(
            name="FormCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hour", models.DateTimeField()),
                ("bucket", models.SmallIntegerField()),
                ("sent", models.PositiveIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hour", "bucket"), name="form_count_once")
                ],
            },
        ),
    ]
