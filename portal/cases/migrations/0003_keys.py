"""The keys of the thread and the files carry the client; a sequence for each kind of reference."""

from django.db import migrations

from portal.compositekeys import composite_key

PREFIXES = ("in", "im", "oo", "er", "cs", "pi", "ar", "dc", "di", "si")


class Migration(migrations.Migration):
    dependencies = [("cases", "0002_initial")]

    operations = [
        composite_key("cases_casenote"),
        composite_key("cases_casefile"),
        *(
            migrations.RunSQL(f"CREATE SEQUENCE case_reference_{prefix}", migrations.RunSQL.noop)
            for prefix in PREFIXES
        ),
    ]
