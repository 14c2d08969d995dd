"""The keys of personal tables carry the client."""

from django.db import migrations

from portal.compositekeys import composite_key, same_client


class Migration(migrations.Migration):
    dependencies = [
        ("consumers", "0002_initial"),
        ("clients", "0003_keys"),
    ]

    operations = [
        composite_key("consumers_consumer"),
        composite_key("consumers_historicalconsumer", "history_id"),
        composite_key("consumers_preference"),
        composite_key("consumers_historicalpreference", "history_id"),
        composite_key("consumers_suppressiontoken"),
        composite_key("consumers_legalhold"),
        composite_key("consumers_importjob"),
        composite_key("consumers_importrow"),
        composite_key("consumers_sensitiveincident"),
        same_client("consumers_importjob", "instruction_id", "clients_instruction"),
        same_client("consumers_importrow", "job_id", "consumers_importjob"),
        same_client("consumers_sensitiveincident", "job_id", "consumers_importjob"),
        same_client("consumers_legalhold", "consumer_id", "consumers_consumer"),
        same_client("consumers_preference", "brand_id", "clients_brand"),
    ]
