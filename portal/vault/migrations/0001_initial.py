from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="KeyPage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "client_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("client_id", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
                ("generation", models.PositiveIntegerField(default=1)),
                ("root_generation", models.PositiveIntegerField()),
                ("shredded", models.PositiveSmallIntegerField(default=0)),
                ("wrapped_key", models.BinaryField()),
                ("block", models.BinaryField()),
            ],
            options={
                "db_table": "vault_keypage",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("generation__gte", 1)),
                        name="vault_keypage_generation",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("shredded__lte", 1024)),
                        name="vault_keypage_shredded",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyTree",
            fields=[
                ("client_id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "active"),
                            ("destroying", "being destroyed"),
                            ("destroyed", "destroyed"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("root_generation", models.PositiveIntegerField(default=1)),
                ("pages", models.PositiveIntegerField(default=0)),
                ("next_slot", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "db_table": "vault_keytree",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "destroying", "destroyed"])),
                        name="vault_keytree_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("next_slot__lte", 1024)),
                        name="vault_keytree_next_slot",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("root_generation__gte", 1)),
                        name="vault_keytree_root",
                    ),
                ],
            },
        ),
        # A sealed block is random bytes: compressing it is work for nothing.
        migrations.RunSQL(
            "ALTER TABLE vault_keypage ALTER COLUMN block SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
    ]
