"""The keys of the cases carry the client."""

from django.db import migrations

from portal.compositekeys import composite_key, same_client


class Migration(migrations.Migration):
    dependencies = [
        ("requests", "0001_initial"),
        ("clients", "0003_keys"),
        ("consumers", "0003_keys"),
    ]

    operations = [
        composite_key("requests_optout"),
        composite_key("requests_catalogsuppression"),
        composite_key("requests_suppresseddrop"),
        composite_key("requests_erasure"),
        composite_key("requests_erasuresubject"),
        same_client("requests_optout", "brand_id", "clients_brand"),
        same_client("requests_optout", "lift_instruction_id", "clients_instruction"),
        same_client("requests_catalogsuppression", "brand_id", "clients_brand"),
        same_client("requests_catalogsuppression", "opt_out_id", "requests_optout"),
        same_client("requests_suppresseddrop", "suppression_id", "requests_catalogsuppression"),
        same_client("requests_suppresseddrop", "drop_id", "clients_maildrop"),
        same_client("requests_erasure", "instruction_id", "clients_instruction"),
        same_client("requests_erasuresubject", "erasure_id", "requests_erasure"),
        same_client("requests_erasuresubject", "consumer_id", "consumers_consumer"),
    ]
