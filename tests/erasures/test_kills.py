"""A worker killed at any point of an erasure loses no survivor, resurrects nobody, and is succeeded."""

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest
from django.conf import settings
from django.db import connections

from clients.models import Instruction
from consumers.models import Consumer, Purchase
from consumers.profile import Profile
from consumers.vaulting import open_profiles
from portal import ledger, vault
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.vault import journal
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from tests.erasures.people import ALICE, BOB, CHARLIE, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

POINTS = [
    ("keep_tokens", 1),
    ("journal", 1),
    ("shred", 1),
    ("shred", 2),
    ("erase", 1),
    ("sweep", 1),
    ("shred", 3),
    ("roll", 1),
    ("certify", 1),
]


def child_environment(state: Path) -> dict[str, str]:
    """The test's own databases and folders for a process of its own."""
    urls = {}
    for name, alias in (("DATABASE_URL", "default"), ("VAULT_DATABASE_URL", "vault")):
        at = connections[alias].settings_dict
        host, port = at["HOST"] or "", at["PORT"] or ""
        option = f"?host={host}" if host.startswith("/") else ""
        address = f":{port}" if option else f"{host}:{port}"
        user = at["USER"] + (f":{at['PASSWORD']}" if at["PASSWORD"] else "")
        urls[name] = f"postgres://{user}@{address}/{at['NAME']}{option}"
    return (
        os.environ
        | urls
        | {
            "REDIS_URL": settings.REDIS_URL,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_STATE_DIR": str(state),
            "KEYRING_DIR": str(settings.KEYRING_DIR),
            "VAULT_COPY_DIR": str(settings.VAULT_COPY_DIR),
            "MEDIA_ROOT": settings.MEDIA_ROOT,
        }
    )


@pytest.mark.parametrize(("point", "count"), POINTS)
def test_a_worker_killed_anywhere_is_succeeded_by_one_that_finishes(
    point: str, count: int, now: datetime, tmp_path: Path
) -> None:
    client = make_client(now=now)
    people = load(client, [ALICE, BOB, CHARLIE], now=now)
    erasure = verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com"), Profile(external_id="cust-000002")],
        channel="file",
        received_at=now,
        by=make_user(ACCOUNT_MANAGER, SECURITY_OFFICER),
        now=now,
    )
    officer = make_user(SECURITY_OFFICER)
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
    )
    later = now + timedelta(days=2)

    killed = subprocess.run(
        [sys.executable, "-m", "tests.erasures.child", point, later.isoformat(), str(count)],
        cwd=settings.BASE_DIR,
        env=child_environment(tmp_path),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]

    assert execution.run_due(lambda: later + timedelta(minutes=1)) == 0, "the lease still holds"
    assert execution.run_due(lambda: later + timedelta(minutes=5)) == 1
    erasure.refresh_from_db()
    assert (erasure.state, erasure.residue) == ("certified", [])
    told = orjson.loads(erasure.certificate)
    assert told["rows_by_table"]["consumers_purchase"] == 4
    assert told["rows_by_table"]["consumers_consumer"] == 2
    assert Purchase.objects.filter(consumer_id__isnull=True).count() == 4
    assert Consumer.objects.filter(state="erased").count() == 2
    assert list(open_profiles(Consumer.objects.filter(client=client)).values()) == [CHARLIE]
    assert vault.keys(client.pk, [p.key_ref for p in people if p.key_ref]).keys() == {
        people[2].key_ref
    }
    assert not vault.check().faults
    assert journal.unreplayed() == 0
    assert ledger.verify().ok
    assert Erasure.objects.count() == 1
