"""Every row of an erasure has an outcome of its own; nobody is a subject twice; what is settled keeps nothing."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("requests", "0003_violation_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="erasuresubject",
            name="erasure",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="subjects",
                to="requests.erasure",
            ),
        ),
        migrations.AlterField(
            model_name="erasuresubject",
            name="match",
            field=models.CharField(
                choices=[
                    ("none", "Nobody"),
                    ("one", "One person"),
                    ("ambiguous", "Several people"),
                    ("repeated", "Named before"),
                    ("left_out", "Left out by staff"),
                    ("refused", "Refused"),
                ],
                default="none",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="erasuresubject",
            index=models.Index(fields=["erasure", "match", "row_number"], name="subject_match"),
        ),
        # Nobody brings such a row back, so what was given for it is needed no more.
        migrations.RunSQL(
            "UPDATE requests_erasuresubject SET given = NULL WHERE match = 'left_out'",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name="erasuresubject",
            constraint=models.UniqueConstraint(
                condition=models.Q(("match", "one")),
                fields=("erasure", "consumer_id"),
                name="subject_person_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasuresubject",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("match__in", ("repeated", "left_out", "refused")), _negated=True),
                    ("given__isnull", True),
                    _connector="OR",
                ),
                name="subject_keeps_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasuresubject",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("match", "refused"), _negated=True),
                    models.Q(("fault", ""), _negated=True),
                    _connector="OR",
                ),
                name="subject_refused_says_why",
            ),
        ),
    ]
