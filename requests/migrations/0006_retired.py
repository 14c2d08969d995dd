"""Nothing that was given is kept in a case that ended without an erasure, or in a lifted opt-out of nobody."""

from django.db import migrations, models

# The places of the keys stay, so that the sweep shreds them (portal.retire).
ENDED = """
CREATE TEMPORARY TABLE ended ON COMMIT DROP AS
SELECT id, client_id, '' AS kept FROM requests_erasure
WHERE state IN ('recalled', 'rejected', 'closed_no_match')
UNION ALL
SELECT id, client_id, 'opt_in' FROM requests_optout WHERE state = 'lifted' AND consumer_id IS NULL;

UPDATE requests_erasuresubject s SET given = NULL, wanted = NULL FROM requests_erasure e
WHERE s.erasure_id = e.id AND s.client_id = e.client_id AND e.id IN (SELECT id FROM ended);

UPDATE requests_erasure SET sealed = NULL WHERE id IN (SELECT id FROM ended);
UPDATE requests_optout SET sealed = NULL WHERE id IN (SELECT id FROM ended);

UPDATE cases_casenote n SET sealed = NULL FROM ended, portal_user u
WHERE n.case_id = ended.id AND n.client_id = ended.client_id AND n.by_id = u.id
AND NOT (u.is_system AND n.direction = 'out');

UPDATE cases_casefile f SET sealed = NULL FROM ended
WHERE f.case_id = ended.id AND f.client_id = ended.client_id AND f.kind <> ended.kept;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0005_retired"),
        ("requests", "0005_not_swept"),
    ]

    operations = [
        migrations.RunSQL(ENDED, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(
                condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                fields=["client_id"],
                name="erasure_retired",
            ),
        ),
        migrations.AddIndex(
            model_name="optout",
            index=models.Index(
                condition=models.Q(("key_page__isnull", False), ("sealed__isnull", True)),
                fields=["client_id"],
                name="optout_retired",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ("recalled", "rejected", "closed_no_match")), _negated=True
                    ),
                    ("sealed__isnull", True),
                    _connector="OR",
                ),
                name="erasure_not_carried_out_keeps_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="optout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("consumer_id__isnull", True), ("state", "lifted"), _negated=True),
                    ("sealed__isnull", True),
                    _connector="OR",
                ),
                name="optout_lifted_of_nobody_keeps_nothing",
            ),
        ),
    ]
