"""The ledger after its database was restored from a backup."""

from datetime import datetime
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from portal import ledger
from portal.errors import Refused
from portal.ledger.errors import LedgerBroken
from portal.ledger.models import Checkpoint, Leaf
from portal.models import User
from tests.ledger.conftest import Fill, Tamper


def restore(tamper: Tamper, size: int) -> None:
    """What a backup of that time holds."""
    tamper(f"DELETE FROM ledger_leaf WHERE leaf_index >= {size}")
    tamper(f"DELETE FROM ledger_checkpoint WHERE size > {size}")


@pytest.mark.parametrize("size", [0, 3])
def test_an_accepted_restore_goes_on_and_stays_visible(
    size: int, fill: Fill, tamper: Tamper, alice: User, now: datetime
) -> None:
    fill(3, 4)
    restore(tamper, size)
    with pytest.raises(LedgerBroken):
        ledger.seal(now=now)
    assert not ledger.verify().ok
    call_command("ledger", "accept-restore", by="alice", stdout=StringIO())
    leaf = Leaf.objects.get(leaf_index=size)
    assert (leaf.verb, leaf.actor, leaf.counts["lost"]) == (
        "ledger.accept_restore",
        alice,
        7 - size,
    )
    fill(20)
    report = ledger.verify()
    assert report.findings == []
    assert f"Leaves {size} to 6 were lost in an accepted restore." in report.warnings


def test_nothing_is_accepted_where_nothing_was_restored(
    fill: Fill, alice: User, now: datetime
) -> None:
    fill(3)
    with pytest.raises(Refused, match="does not end before"):
        ledger.accept_restore(by=alice, now=now)
    with pytest.raises(CommandError, match="no active"):
        call_command("ledger", "accept-restore", by="bob")


def test_a_forged_beginning_is_not_accepted_as_a_restore(
    fill: Fill, tamper: Tamper, alice: User, now: datetime
) -> None:
    fill(3, 4)
    restore(tamper, 3)
    tamper("UPDATE ledger_checkpoint SET signed_at = signed_at + interval '1 second'")
    before = settings.LEDGER_WITNESS_PATH.read_bytes()
    with pytest.raises(Refused, match="never saw"):
        ledger.accept_restore(by=alice, now=now)
    assert settings.LEDGER_WITNESS_PATH.read_bytes() == before
    assert Checkpoint.objects.count() == 1
