"""An index by which an erasure finds the history of a person's preferences.

It is plain SQL because the history's model is made by its library, which takes no indexes of its own.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("consumers", "0003_keys")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX preference_history_consumer"
            " ON consumers_historicalpreference (client_id, consumer_id)",
            "DROP INDEX preference_history_consumer",
        ),
    ]
