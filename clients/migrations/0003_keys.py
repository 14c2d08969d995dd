"""The keys of client-owned tables carry the client."""

from django.db import migrations

from portal.compositekeys import composite_key, same_client


class Migration(migrations.Migration):
    dependencies = [("clients", "0002_initial")]

    operations = [
        composite_key("clients_clientcontact"),
        composite_key("clients_brand"),
        composite_key("clients_maildrop"),
        composite_key("clients_instruction"),
        same_client("clients_maildrop", "brand_id", "clients_brand"),
        same_client("clients_instruction", "instructed_by_id", "clients_clientcontact"),
        same_client("clients_instruction", "supersedes_id", "clients_instruction"),
    ]
