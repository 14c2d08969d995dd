"""Opt-outs, lifts, drops and schedules that happen at the same moment, in real threads and transactions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from clients.drops import lock_due, move_drop, plan_drop
from clients.models import Client, MailDrop
from consumers.models import Preference
from portal.ledger.models import Leaf
from portal.models import OutboxMessage
from portal.roles import SECURITY_OFFICER
from requests.optouts import deadlines
from requests.optouts.lookup import is_suppressed
from requests.optouts.models import OptOut
from requests.suppressions import schedule
from requests.suppressions.models import CatalogSuppression, SuppressedDrop
from tests.factories import make_client, staff_in
from tests.optouts.helpers import (
    POSTAL,
    do_lift,
    lift_instruction,
    make_consumer,
    make_opt_out,
    second_officer,
    tokens,
)

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


@pytest.fixture
def client_(now: datetime) -> Client:
    """A client; the people who act later are made now, because two threads must not both make one."""
    staff_in(SECURITY_OFFICER)
    second_officer()
    return make_client()


def together(*deeds: Callable[[], object]) -> None:
    """Do all of them at once, each on a connection of its own, and raise what any of them raised."""
    barrier, faults = Barrier(len(deeds)), []

    def run(deed: Callable[[], object]) -> None:
        try:
            barrier.wait()
            deed()
        except BaseException as fault:  # noqa: BLE001  (shown below, in the test's own thread)
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def plan(client: Client, name: str, days: int, now: datetime) -> MailDrop:
    return plan_drop(
        client=client,
        name=name,
        mail_date=(now + timedelta(days=days)).date(),
        lead_days=21,
        by=staff_in(SECURITY_OFFICER),
        now=now,
    )


def test_the_same_opt_out_twice_at_once_is_kept_twice_and_takes_effect_once(
    client_: Client, now: datetime
) -> None:
    alice = make_consumer(client_)
    together(*[lambda: make_opt_out(client_, POSTAL, "mail")] * 4)
    cases = list(OptOut.objects.all())
    assert [case.state for case in cases] == ["suppressed"] * 4
    assert len({case.reference for case in cases}) == 4
    assert {tokens(case) for case in cases} == {tokens(cases[0])}
    assert Preference.objects.filter(consumer_id=alice.pk, channel="mail").count() == 1
    assert Preference.history.filter(consumer_id=alice.pk).count() == 1
    assert CatalogSuppression.objects.count() == 1, "a repetition begins no second six months"
    logged = Leaf.objects.filter(verb="optout.log").values_list("reason", flat=True)
    assert sorted(logged) == ["", "repeated", "repeated", "repeated"]


def test_a_lift_and_a_new_opt_out_at_once_leave_the_person_out(
    client_: Client, now: datetime
) -> None:
    make_consumer(client_)
    first = make_opt_out(client_, POSTAL, "mail", now=now)
    later = now + timedelta(days=9)
    instruction = lift_instruction(client_, now=later)
    together(
        lambda: do_lift(first, now=later, instruction=instruction),
        lambda: make_opt_out(client_, POSTAL, "mail", now=later),
    )
    assert is_suppressed(client_.pk, "mail", None, POSTAL)
    row = Preference.objects.get(channel="mail")
    assert not row.opted_in
    going = CatalogSuppression.objects.filter(closed_at__isnull=True)
    assert going.count() == 1, "whoever is out has one suppression, whichever came first"


def test_a_drop_that_is_moved_while_somebody_opts_out_is_classified_as_it_will_be(
    client_: Client, now: datetime
) -> None:
    drop = plan(client_, "Spring", 10, now)
    lock_due(now)
    drop.refresh_from_db()
    beyond = (now + timedelta(days=190)).date()
    together(
        lambda: move_drop(
            drop,
            mail_date=beyond,
            lead_days=21,
            by=staff_in(SECURITY_OFFICER),
            now=now,
        ),
        lambda: make_opt_out(client_, POSTAL, "mail", now=now),
    )
    row = SuppressedDrop.objects.get()
    assert (row.classification, row.mail_date) == ("violation", beyond)
    assert CatalogSuppression.objects.get().has_violation


def test_a_drop_that_is_planned_while_somebody_opts_out_is_not_overlooked(
    client_: Client, now: datetime
) -> None:
    together(
        lambda: plan(client_, "Summer", 60, now),
        lambda: make_opt_out(client_, POSTAL, "mail", now=now),
    )
    assert SuppressedDrop.objects.get().classification == "suppressed"


def test_two_schedules_at_once_do_each_case_once(client_: Client, now: datetime) -> None:
    for number in range(5):
        make_opt_out(client_, POSTAL._replace(surname=f"Sample{number}"), "mail", now=now)
    over = now + timedelta(days=200)
    together(*[lambda: schedule.advance(over)] * 3)
    assert set(CatalogSuppression.objects.values_list("state", flat=True)) == {"complete"}
    assert Leaf.objects.filter(verb="suppression.complete").count() == 5


def test_two_watches_at_once_warn_once(client_: Client, now: datetime) -> None:
    for _ in range(5):
        make_opt_out(client_, now=now)
    together(*[lambda: deadlines.watch(now + timedelta(days=9))] * 3)
    assert OutboxMessage.objects.filter(kind=deadlines.DUE_MESSAGE).count() == 5
