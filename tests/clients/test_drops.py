"""Mail drops: their dates, their states, and who hears of a change (R35)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from clients import drops
from clients.models import Brand, Client, MailDrop
from clients.tasks import lock_drops
from clients.verbs import save_brand, update_client
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, DISPUTE_STAFF
from tests.factories import make_client, make_user, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

SPRING = date(2027, 3, 1)


@pytest.fixture
def alice() -> User:
    return make_user(ACCOUNT_MANAGER, username="alice")


@pytest.fixture
def shop(alice: User) -> Client:
    return make_client("Shop", managers=[alice])


@pytest.fixture
def spring(shop: Client, alice: User, now: datetime) -> MailDrop:
    return plan(shop, alice, now)


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    """The changes of which a receiver heard: (name, state)."""
    told: list[tuple[str, str]] = []

    def listen(drop: MailDrop, **kwargs: Any) -> None:
        told.append((drop.name, drop.state))

    drops.drop_changed.connect(listen)
    yield told
    drops.drop_changed.disconnect(listen)


def plan(shop: Client, by: User, now: datetime, **changed: Any) -> MailDrop:
    given: dict[str, Any] = {"name": "Spring catalog", "mail_date": SPRING, "lead_days": 21}
    return drops.plan_drop(client=shop, by=by, now=now, **(given | changed))


def code_of(function: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(Refused) as refused:
        function(*args, **kwargs)
    return refused.value.code


def stored(drop: MailDrop) -> MailDrop:
    return MailDrop.objects.get(pk=drop.pk)


def test_a_list_is_locked_at_the_start_of_the_day_in_the_clients_time_zone(
    spring: MailDrop,
) -> None:
    # 1 March less 21 days is 8 February; midnight in Boston is five in the morning UTC.
    assert stored(spring).lock_at == datetime(2027, 2, 8, 5, 0, tzinfo=UTC)


def test_lead_and_processing_days_may_together_make_181_and_no_more(
    shop: Client, alice: User, now: datetime
) -> None:
    far = date(2027, 9, 1)
    plan(shop, alice, now, name="just", mail_date=far, lead_days=171)
    assert code_of(plan, shop, alice, now, mail_date=far, lead_days=172) == "invalid"


def test_processing_days_cannot_be_raised_past_what_a_planned_drop_leaves(
    shop: Client, alice: User, now: datetime
) -> None:
    plan(shop, alice, now, mail_date=date(2027, 9, 1), lead_days=171)
    admin = staff_in(ADMINISTRATOR)
    changed = {"values": {"processing_days": 11}, "by": admin, "now": now}
    assert code_of(update_client, shop, **changed) == "invalid"
    assert Client.objects.get(pk=shop.pk).processing_days == 10


def test_a_mailing_of_yesterday_is_not_planned(shop: Client, alice: User, now: datetime) -> None:
    yesterday = now.date() - timedelta(days=1)
    assert code_of(plan, shop, alice, now, mail_date=yesterday) == "mail_date_passed"


def test_a_drop_carries_no_brand_of_another_client(
    shop: Client, alice: User, now: datetime
) -> None:
    theirs = Brand(client=make_client(), name="Theirs")
    save_brand(theirs, by=staff_in(ADMINISTRATOR), now=now)
    assert code_of(plan, shop, alice, now, brand=theirs) == "invalid"


@pytest.mark.parametrize("role", [AUDITOR, DISPUTE_STAFF])
def test_readers_plan_nothing(role: str, shop: Client, now: datetime) -> None:
    assert code_of(plan, shop, make_user(role), now) == "role"
    assert not MailDrop.objects.exists()


def test_an_account_manager_touches_no_drop_of_another_client(
    spring: MailDrop, now: datetime
) -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    assert code_of(drops.cancel_drop, spring, by=bob, now=now) == "reach"
    assert stored(spring).state == "planned"
    assert Leaf.objects.get(verb="drop.cancel").outcome == "refused"


def test_a_drop_goes_its_way_to_the_homes(
    spring: MailDrop, alice: User, heard: list[tuple[str, str]]
) -> None:
    at = datetime(2027, 3, 1, 15, 0, tzinfo=UTC)
    for verb in (
        drops.lock_drop,
        drops.merge_drop,
        drops.print_drop,
        drops.mail_drop,
        drops.arrive_drop,
    ):
        verb(spring, by=alice, now=at)
    assert stored(spring).state == "in_home"
    assert [state for _, state in heard] == ["locked", "merged", "at_printer", "mailed", "in_home"]
    assert Leaf.objects.filter(object_id=spring.pk, outcome="done").count() == 6


def test_a_list_stays_open_until_its_lock_date(
    spring: MailDrop, alice: User, now: datetime
) -> None:
    moment_before = spring.lock_at - timedelta(seconds=1)
    assert code_of(drops.lock_drop, spring, by=alice, now=moment_before) == "too_early"
    drops.lock_drop(spring, by=alice, now=spring.lock_at)
    assert spring.state == "locked"


def test_the_schedule_locks_exactly_what_is_due(
    shop: Client, alice: User, now: datetime, heard: list[tuple[str, str]]
) -> None:
    first = plan(shop, alice, now, name="first")
    later = plan(shop, alice, now, name="later", mail_date=SPRING + timedelta(days=1))
    cancelled = plan(shop, alice, now, name="cancelled")
    drops.cancel_drop(cancelled, by=alice, now=now)
    heard.clear()
    assert drops.lock_due(first.lock_at - timedelta(seconds=1)) == 0
    assert drops.lock_due(first.lock_at) == 1
    assert drops.lock_due(first.lock_at) == 0
    assert [stored(drop).state for drop in (first, later, cancelled)] == [
        "locked",
        "planned",
        "cancelled",
    ]
    assert heard == [("first", "locked")]
    newest: Any = first.history.latest()
    assert (newest.state, newest.history_user.is_system) == ("locked", True)
    assert Leaf.objects.get(verb="drop.lock").actor.is_system


def test_the_task_locks_a_drop_whose_lock_date_had_passed_when_it_was_planned(
    shop: Client, alice: User, now: datetime
) -> None:
    under_way = plan(shop, alice, now, mail_date=now.date() + timedelta(days=3))
    with patch("clients.tasks.timezone.now", return_value=now):
        lock_drops()
    assert stored(under_way).state == "locked"


def test_a_planned_drop_takes_its_lock_date_along(
    spring: MailDrop, alice: User, now: datetime, heard: list[tuple[str, str]]
) -> None:
    later = SPRING + timedelta(days=7)
    drops.move_drop(spring, mail_date=later, lead_days=14, by=alice, now=now)
    assert stored(spring).lock_at == datetime(2027, 2, 22, 5, 0, tzinfo=UTC)
    assert heard == [("Spring catalog", "planned")]


def test_a_locked_list_stays_locked_as_of_then_wherever_its_mailing_is_moved(
    spring: MailDrop, alice: User
) -> None:
    locked_at = spring.lock_at
    drops.lock_drop(spring, by=alice, now=locked_at)
    later = SPRING + timedelta(days=30)
    drops.move_drop(spring, mail_date=later, lead_days=21, by=alice, now=locked_at)
    assert (stored(spring).lock_at, stored(spring).mail_date) == (locked_at, later)
    change_lead = {"mail_date": later, "lead_days": 5, "by": alice, "now": locked_at}
    assert code_of(drops.move_drop, spring, **change_lead) == "locked"


def test_a_list_whose_lock_date_came_is_locked_before_the_schedule_has_said_so(
    spring: MailDrop, alice: User, heard: list[tuple[str, str]]
) -> None:
    locked_at, later = spring.lock_at, SPRING + timedelta(days=30)
    moved: dict[str, Any] = {"mail_date": later, "by": alice, "now": locked_at}
    assert code_of(drops.move_drop, spring, lead_days=5, **moved) == "locked"
    assert stored(spring).state == "planned", "a move that was refused changes nothing"
    heard.clear()
    drops.move_drop(spring, lead_days=21, **moved)
    found = stored(spring)
    assert (found.state, found.lock_at, found.mail_date) == ("locked", locked_at, later)
    assert heard == [("Spring catalog", "locked")] * 2
    assert Leaf.objects.get(verb="drop.lock", outcome="done").actor.is_system
    assert drops.lock_due(locked_at) == 0


def test_a_moment_before_its_lock_date_a_list_is_still_open(spring: MailDrop, alice: User) -> None:
    moment_before = spring.lock_at - timedelta(microseconds=1)
    later = SPRING + timedelta(days=30)
    drops.move_drop(spring, mail_date=later, lead_days=14, by=alice, now=moment_before)
    assert stored(spring).state == "planned"
    assert stored(spring).lock_at == datetime(2027, 3, 17, 4, 0, tzinfo=UTC)


def test_merge_and_purge_wait_for_no_schedule(spring: MailDrop, alice: User) -> None:
    moment_before = spring.lock_at - timedelta(microseconds=1)
    with pytest.raises(Refused):
        drops.check_can_drop(spring, "merge", alice, moment_before)
    drops.check_can_drop(spring, "merge", alice, spring.lock_at)
    drops.merge_drop(spring, by=alice, now=spring.lock_at)
    assert stored(spring).state == "merged"
    newest: Any = spring.history.latest()
    assert (newest.state, newest.history_user) == ("merged", alice)
    assert spring.history.filter(state="locked").count() == 1


def test_the_clients_settings_are_measured_against_open_lists_only(
    shop: Client, alice: User, now: datetime
) -> None:
    drop = plan(shop, alice, now, mail_date=date(2027, 9, 1), lead_days=171)
    values, admin = {"processing_days": 11}, staff_in(ADMINISTRATOR)
    before = drop.lock_at - timedelta(microseconds=1)
    assert code_of(update_client, shop, values=values, by=admin, now=before) == "invalid"
    update_client(shop, values=values, by=admin, now=drop.lock_at)


@pytest.mark.parametrize(
    ("known", "new", "code"),
    [
        (None, timedelta(0), "kill_not_ahead"),
        (None, timedelta(seconds=1), ""),
        (timedelta(0), None, "kill_passed"),
        (timedelta(0), timedelta(days=1), "kill_passed"),
        (timedelta(0), timedelta(0), ""),
        (timedelta(hours=1), None, "kill_not_ahead"),
        (timedelta(hours=1), timedelta(0), "kill_not_ahead"),
        (timedelta(hours=1), timedelta(days=1), ""),
    ],
)
def test_once_a_list_is_locked_its_last_call_is_put_off_only_while_it_is_to_come(
    shop: Client,
    alice: User,
    now: datetime,
    known: timedelta | None,
    new: timedelta | None,
    code: str,
) -> None:
    moment = datetime(2027, 2, 20, 12, 0, tzinfo=UTC)
    before, after = (None if one is None else moment + one for one in (known, new))
    drop = plan(shop, alice, now, kill_file_deadline=before)
    moved: dict[str, Any] = {"mail_date": SPRING, "lead_days": 21, "kill_file_deadline": after}
    if code:
        assert code_of(drops.move_drop, drop, by=alice, now=moment, **moved) == code
        assert stored(drop).kill_file_deadline == before
    else:
        drops.move_drop(drop, by=alice, now=moment, **moved)
        assert stored(drop).kill_file_deadline == after


def test_a_drop_is_not_moved_so_near_that_promises_already_made_would_break(
    spring: MailDrop, alice: User, now: datetime
) -> None:
    near = now.date() + timedelta(days=20)
    moved = {"mail_date": near, "lead_days": 21, "by": alice, "now": now}
    assert code_of(drops.move_drop, spring, **moved) == "lock_passed"
    assert stored(spring).mail_date == SPRING


def test_a_mailed_drop_is_neither_moved_nor_cancelled(spring: MailDrop, alice: User) -> None:
    at = datetime(2027, 3, 1, 15, 0, tzinfo=UTC)
    for verb in (drops.lock_drop, drops.merge_drop, drops.print_drop, drops.mail_drop):
        verb(spring, by=alice, now=at)
    moved = {"mail_date": SPRING + timedelta(days=9), "lead_days": 21, "by": alice, "now": at}
    assert code_of(drops.move_drop, spring, **moved) == "state"
    assert code_of(drops.cancel_drop, spring, by=alice, now=at) == "state"


def test_a_mailing_is_not_recorded_before_its_date(spring: MailDrop, alice: User) -> None:
    early = datetime(2027, 2, 28, 15, 0, tzinfo=UTC)
    for verb in (drops.lock_drop, drops.merge_drop, drops.print_drop):
        verb(spring, by=alice, now=early)
    assert code_of(drops.mail_drop, spring, by=alice, now=early) == "too_early"


@pytest.mark.parametrize(
    ("deadline", "code"),
    [
        (datetime(2027, 2, 8, 4, 59, tzinfo=UTC), "kill_before_lock"),
        (datetime(2027, 3, 2, 6, 0, tzinfo=UTC), "kill_after_mailing"),
    ],
)
def test_the_printers_deadline_lies_between_lock_and_mailing(
    shop: Client, alice: User, now: datetime, deadline: datetime, code: str
) -> None:
    assert code_of(plan, shop, alice, now, kill_file_deadline=deadline) == code


def test_until_the_printers_deadline_names_are_still_taken_out(
    shop: Client, alice: User, now: datetime
) -> None:
    deadline = datetime(2027, 2, 20, 12, 0, tzinfo=UTC)
    drop = plan(shop, alice, now, kill_file_deadline=deadline)
    assert stored(drop).last_call_at == deadline


def test_when_the_leaf_cannot_be_written_the_drop_stays_where_it_was(
    spring: MailDrop, alice: User, now: datetime
) -> None:
    with (
        patch("portal.ledger.leaves.Leaf.objects.create", side_effect=OSError),
        pytest.raises(OSError),
    ):
        drops.move_drop(
            spring, mail_date=SPRING + timedelta(days=1), lead_days=21, by=alice, now=now
        )
    assert stored(spring).mail_date == SPRING
