"""Lists of consumers by id, which is the order of time: of each client, of the erased, of the seeds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consumers", "0006_incidents_of_cases")]

    operations = [
        migrations.RemoveIndex("consumer", "consumer_newest"),
        migrations.AddIndex(
            "consumer", models.Index(fields=["client", "-id"], name="consumer_newest")
        ),
        migrations.AddIndex(
            "consumer",
            models.Index(
                fields=["-id"], condition=models.Q(("state", "erased")), name="consumer_erased"
            ),
        ),
        migrations.AddIndex(
            "consumer",
            models.Index(
                fields=["-id"], condition=models.Q(("is_seed", True)), name="consumer_seeds"
            ),
        ),
    ]
