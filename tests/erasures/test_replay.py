"""A restored main database shows nobody who was erased since (R41)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser

from clients.models import Client, Instruction
from consumers.models import BlindIndex, Consumer, SuppressionToken
from consumers.profile import Profile
from consumers.search import find
from consumers.vaulting import open_profiles
from portal import restore
from portal.models import JournalMark
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from tests.erasures.people import ALICE, BOB, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

TABLES = ("consumers_consumer", "consumers_blindindex", "consumers_historicalconsumer")


def backup() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TEMP TABLE backup_{table} AS TABLE {table}")


def restored() -> None:
    """Put the rows of the backup back, as a restore would, and lose what came after it."""
    SuppressionToken.objects.all().delete()
    JournalMark.objects.all().delete()
    Erasure.objects.all().delete()
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table}")
            cursor.execute(f"INSERT INTO {table} SELECT * FROM backup_{table}")
            cursor.execute(f"DROP TABLE backup_{table}")
    restore.forget()


def erased(client: Client, now: datetime) -> None:
    erasure = verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com")],
        channel="email",
        received_at=now,
        by=make_user(ACCOUNT_MANAGER, SECURITY_OFFICER),
        now=now,
    )
    verbs.approve(
        erasure,
        confirmation=erasure.reference,
        read=mark_of(erasure),
        by=make_user(SECURITY_OFFICER),
        now=now,
    )
    execution.run_due(lambda: now + timedelta(days=2))
    erasure.refresh_from_db()
    assert erasure.state == "certified"


def test_the_portal_serves_nothing_until_the_erasures_were_replayed(
    now: datetime, capsys: Any
) -> None:
    client = make_client(now=now)
    alice, bob = load(client, [ALICE, BOB], now=now)
    browser = Browser()
    backup()
    erased(client, now)
    assert browser.get("/login/").status_code == 200
    tokens = set(SuppressionToken.objects.values_list("kind", "token"))

    restored()
    assert Consumer.objects.get(pk=alice.pk).state == "active"
    assert open_profiles([Consumer.objects.get(pk=alice.pk)]) == {}
    assert browser.get("/login/").status_code == 503
    assert browser.get("/healthz").status_code == 503
    assert execution.run_due(lambda: now + timedelta(days=3)) == 0

    call_command("replay_erasures")
    assert "1 people erased again" in capsys.readouterr().out
    assert browser.get("/login/").status_code == 200
    assert Consumer.objects.get(pk=alice.pk).state == "erased"
    assert not BlindIndex.objects.filter(consumer_id=alice.pk).exists()
    assert find(client.pk, Profile(email="alice@example.com")) == []
    assert set(SuppressionToken.objects.values_list("kind", "token")) == tokens
    assert open_profiles([Consumer.objects.get(pk=bob.pk)]) == {bob.pk: BOB}
