"""The six months: frozen at the opt-out, told of moved drops, closed and completed by the schedule."""

from datetime import UTC, date, datetime, timedelta

import pytest

from clients.drops import cancel_drop, lock_due, move_drop
from clients.models import Client
from portal.clocks import add_months
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.roles import SECURITY_OFFICER
from requests.optouts.lookup import is_suppressed
from requests.suppressions.models import CatalogSuppression, SuppressedDrop
from requests.suppressions.schedule import advance
from requests.suppressions.verbs import note_violation
from tests.factories import make_client, staff_in
from tests.optouts.helpers import ALICE, POSTAL, make_consumer
from tests.suppressions.helpers import classes, mail, make_brand, make_drop, make_suppression

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
TODAY = date(2026, 11, 24)


@pytest.fixture
def client_() -> Client:
    return make_client()


def days(number: int) -> date:
    return TODAY + timedelta(days=number)


def verbs_of(suppression: CatalogSuppression) -> list[str]:
    rows = Leaf.objects.filter(object_id=suppression.pk, outcome="done").order_by("id")
    return list(rows.values_list("verb", flat=True))


# ---------------------------------------------------------------------------------------- the freeze


def test_each_drop_is_suppressed_or_tail_as_the_lists_stand_now(client_: Client) -> None:
    make_drop(client_, "open list", days(60))
    make_drop(client_, "closed list", days(10))
    suppression = make_suppression(client_)
    assert classes(suppression) == {"open list": "suppressed", "closed list": "tail"}
    assert suppression.state == "tail_open"
    assert suppression.tail_ends_on == date(2027, 5, 24)
    assert not suppression.has_violation


def test_without_a_closed_list_there_is_no_tail(client_: Client) -> None:
    make_drop(client_, "open list", days(60))
    assert make_suppression(client_).state == "effective"


def test_an_opt_out_in_the_moment_of_the_lock_is_in_time_and_a_moment_later_is_not(
    client_: Client, now: datetime
) -> None:
    drop = make_drop(client_, "catalog", days(60))
    at_lock = make_suppression(client_, now=drop.lock_at)
    after = make_suppression(
        client_,
        now=drop.lock_at + timedelta(microseconds=1),
        address=ALICE._replace(street="1 X Street"),
    )
    assert classes(at_lock) == {"catalog": "suppressed"}
    assert classes(after) == {"catalog": "tail"}


@pytest.mark.parametrize(
    ("late", "meaning"), [(timedelta(0), "suppressed"), (timedelta(microseconds=1), "tail")]
)
def test_a_move_before_the_schedule_has_locked_the_list_makes_nobody_earlier_or_later(
    client_: Client, late: timedelta, meaning: str
) -> None:
    drop = make_drop(client_, "catalog", days(60))
    moment = drop.lock_at + late
    suppression = make_suppression(client_, now=moment)
    assert classes(suppression) == {"catalog": meaning}
    officer = staff_in(SECURITY_OFFICER)
    move_drop(drop, mail_date=days(90), lead_days=21, by=officer, now=moment)
    assert classes(suppression) == {"catalog": meaning}
    after = make_suppression(client_, now=moment, address=ALICE._replace(street="1 X Street"))
    assert classes(after) == {"catalog": meaning}


def test_a_drop_that_is_planned_once_the_six_months_are_over_waits_for_no_schedule(
    client_: Client,
) -> None:
    suppression = make_suppression(client_)
    last = datetime(2027, 5, 25, 3, 59, tzinfo=UTC)
    assert not suppression.is_over(last), "it is still 24 May in Boston"
    make_drop(client_, "on the last day", date(2027, 8, 1), now=last)
    over = last + timedelta(minutes=1)
    assert suppression.is_over(over)
    make_drop(client_, "a minute later", date(2027, 8, 1), now=over)
    assert classes(suppression) == {"on the last day": "suppressed"}


def test_a_kill_file_that_is_still_open_suppresses_after_the_lock(
    client_: Client, now: datetime
) -> None:
    make_drop(client_, "catalog", days(10), kill_file_deadline=now)
    make_drop(client_, "too late", days(10), kill_file_deadline=now - timedelta(seconds=1))
    assert classes(make_suppression(client_)) == {"catalog": "suppressed", "too late": "tail"}


def test_a_mailing_on_the_six_month_date_is_tail_and_one_on_the_next_day_a_violation(
    client_: Client, now: datetime
) -> None:
    ends = add_months(TODAY, 6)
    lead = 181 - client_.processing_days
    early = now - timedelta(days=30)
    for name, mailed in (("last day", ends), ("next day", ends + timedelta(days=1))):
        # Their lists are locked before the opt-out, as those of a client with 171 days of lead are.
        drop = make_drop(client_, name, mailed, lead, now=early)
        type(drop).objects.filter(pk=drop.pk).update(lock_at=now - timedelta(days=1))
    suppression = make_suppression(client_)
    assert classes(suppression) == {"last day": "tail", "next day": "violation"}
    assert suppression.has_violation
    assert verbs_of(suppression) == ["suppression.take_effect", "suppression.note_violation"]


def test_a_brand_is_stopped_with_what_goes_out_for_all_brands(client_: Client) -> None:
    brand, other = make_brand(client_), make_brand(client_, "Home")
    make_drop(client_, "its own", days(60), brand=brand)
    make_drop(client_, "of all", days(61))
    make_drop(client_, "other", days(62), brand=other)
    assert set(classes(make_suppression(client_, brand=brand))) == {"its own", "of all"}


def test_drops_that_are_mailed_or_cancelled_or_another_clients_are_no_part_of_it(
    client_: Client, now: datetime
) -> None:
    cancelled = make_drop(client_, "cancelled", days(60))
    cancel_drop(cancelled, by=staff_in(SECURITY_OFFICER), now=now)
    mailed = make_drop(client_, "mailed", days(0), now=now)
    mail(mailed, now=now)
    make_drop(make_client(), "other", days(60))
    assert classes(make_suppression(client_)) == {}


def test_the_six_months_end_on_a_day_of_the_client(now: datetime) -> None:
    night = datetime(2026, 8, 31, 23, 30, tzinfo=UTC)
    boston = make_suppression(make_client(time_zone="America/New_York"), now=night)
    berlin = make_suppression(make_client(time_zone="Europe/Berlin"), now=night)
    assert boston.tail_ends_on == date(2027, 2, 28)
    assert berlin.tail_ends_on == date(2027, 3, 1)
    assert boston.due_reason == "6 months from the opt-out's effect on 31 August 2026 (policy)"


# -------------------------------------------------------------------- drops planned or moved later


def test_a_drop_planned_later_is_suppressed(client_: Client, now: datetime) -> None:
    suppression = make_suppression(client_)
    make_drop(client_, "later", days(90), now=now + timedelta(days=1))
    assert classes(suppression) == {"later": "suppressed"}


def test_a_drop_planned_later_with_a_closed_list_is_a_violation_and_never_tail(
    client_: Client, now: datetime
) -> None:
    suppression = make_suppression(client_)
    make_drop(client_, "under way", days(10), now=now + timedelta(hours=1))
    suppression.refresh_from_db()
    assert classes(suppression) == {"under way": "violation"}
    assert suppression.has_violation
    assert suppression.state == "effective"
    assert verbs_of(suppression)[-1] == "suppression.note_violation"


def test_a_tail_drop_that_is_moved_past_the_six_months_becomes_a_violation(
    client_: Client, now: datetime
) -> None:
    drop, by = make_drop(client_, "tail", days(10)), staff_in(SECURITY_OFFICER)
    other = make_drop(client_, "other tail", days(11))
    lock_due(now)
    drop.refresh_from_db()
    suppression = make_suppression(client_)
    move_drop(drop, mail_date=suppression.tail_ends_on, lead_days=21, by=by, now=now)
    assert classes(suppression)["tail"] == "tail"
    late = suppression.tail_ends_on + timedelta(days=1)
    move_drop(drop, mail_date=late, lead_days=21, by=by, now=now + timedelta(seconds=1))
    assert classes(suppression) == {"tail": "violation", "other tail": "tail"}
    suppression.refresh_from_db()
    assert suppression.has_violation
    # Moved back, it stays noted: what is not tail never becomes tail.
    move_drop(drop, mail_date=days(20), lead_days=21, by=by, now=now + timedelta(seconds=2))
    assert classes(suppression)["tail"] == "violation"
    assert other.name in classes(suppression)
    assert verbs_of(suppression).count("suppression.note_violation") == 2


def test_a_new_kill_file_takes_people_out_of_the_tail(client_: Client, now: datetime) -> None:
    drop = make_drop(client_, "tail", days(10))
    suppression = make_suppression(client_)
    move_drop(
        drop,
        mail_date=days(10),
        lead_days=21,
        kill_file_deadline=now + timedelta(days=2),
        by=staff_in(SECURITY_OFFICER),
        now=now + timedelta(days=1),
    )
    assert classes(suppression) == {"tail": "suppressed"}


def test_a_drop_of_another_brand_or_client_is_not_added(client_: Client, now: datetime) -> None:
    brand, other = make_brand(client_), make_brand(client_, "Home")
    suppression = make_suppression(client_, brand=brand)
    make_drop(client_, "other brand", days(90), brand=other)
    make_drop(make_client(), "other client", days(90))
    make_drop(client_, "its own", days(91), brand=brand)
    make_drop(client_, "of all", days(92))
    assert set(classes(suppression)) == {"its own", "of all"}


def test_what_is_closed_hears_of_no_more_drops(client_: Client, now: datetime) -> None:
    suppression = make_suppression(client_)
    later = now + timedelta(days=200)
    advance(later)
    make_drop(client_, "later", (later + timedelta(days=60)).date(), now=later)
    assert classes(suppression) == {}


@pytest.mark.parametrize("before", [None, "suppressed", "tail", "violation"])
def test_the_database_classifies_as_the_pure_function_does(
    client_: Client, now: datetime, before: str | None
) -> None:
    from requests.suppressions.classification import reclassify
    from requests.suppressions.schedule import classify_drop

    suppression = make_suppression(client_)
    drop = make_drop(client_, "drop", days(60))
    ends = suppression.tail_ends_on
    row = SuppressedDrop.objects.get(suppression=suppression)
    moment = timedelta(microseconds=1)
    for last_call in (now - moment, now, now + moment):
        for mailed in (ends - timedelta(days=1), ends, ends + timedelta(days=1)):
            SuppressedDrop.objects.all().delete()
            if before is not None:
                row.classification, row.pk = before, None
                row.save(force_insert=True)
            drop.lock_at, drop.mail_date = last_call, mailed
            classify_drop(drop, by=staff_in(SECURITY_OFFICER), now=now)
            expected = reclassify(before, now, last_call, mailed, ends)
            assert classes(suppression) == {"drop": expected}, (before, last_call, mailed)


# ------------------------------------------------------------------------------------- the schedule


def test_the_tail_closes_when_its_last_drop_was_mailed(client_: Client, now: datetime) -> None:
    first, last = make_drop(client_, "first", days(1)), make_drop(client_, "last", days(10))
    suppression = make_suppression(client_)
    mail(first, now=now + timedelta(days=1))
    assert advance(now + timedelta(days=1)) == {"tails_closed": 0, "completed": 0}
    mail(last, now=now + timedelta(days=10))
    at = now + timedelta(days=10, hours=1)
    assert advance(at) == {"tails_closed": 1, "completed": 0}
    suppression.refresh_from_db()
    assert (suppression.state, suppression.state_at) == ("tail_closed", at)
    assert suppression.closed_at is None
    assert verbs_of(suppression)[-1] == "suppression.close_tail"


def test_a_cancelled_drop_holds_no_tail_open(client_: Client, now: datetime) -> None:
    drop = make_drop(client_, "tail", days(10))
    make_suppression(client_)
    cancel_drop(drop, by=staff_in(SECURITY_OFFICER), now=now)
    assert advance(now)["tails_closed"] == 1


def test_it_completes_on_the_day_after_the_last_of_the_six_months(client_: Client) -> None:
    suppression = make_suppression(client_)
    ends = suppression.tail_ends_on
    # 24 May in Boston ends at 4 o'clock in the morning of 25 May, UTC.
    midnight = datetime(ends.year, ends.month, ends.day, 4, tzinfo=UTC) + timedelta(days=1)
    assert advance(midnight - timedelta(microseconds=1))["completed"] == 0
    assert advance(midnight) == {"tails_closed": 0, "completed": 1}
    suppression.refresh_from_db()
    assert (suppression.state, suppression.closed_at) == ("complete", midnight)
    assert advance(midnight) == {"tails_closed": 0, "completed": 0}


def test_the_day_is_the_clients_east_of_greenwich_too(now: datetime) -> None:
    suppression = make_suppression(make_client(time_zone="Pacific/Kiritimati"))
    ends = suppression.tail_ends_on  # 25 May there, which begins at 10 o'clock on 24 May, UTC
    midnight = datetime(ends.year, ends.month, ends.day, 10, tzinfo=UTC)
    assert advance(midnight - timedelta(microseconds=1))["completed"] == 0
    assert advance(midnight)["completed"] == 1


def test_an_open_tail_closes_and_completes_when_the_six_months_are_over(client_: Client) -> None:
    make_drop(client_, "never mailed", days(10))
    suppression = make_suppression(client_)
    over = datetime(2027, 5, 26, tzinfo=UTC)
    assert advance(over) == {"tails_closed": 1, "completed": 1}
    assert verbs_of(suppression) == [
        "suppression.take_effect",
        "suppression.close_tail",
        "suppression.complete",
    ]


def test_the_suppression_itself_does_not_expire(client_: Client) -> None:
    make_suppression(client_)
    advance(datetime(2036, 1, 1, tzinfo=UTC))
    assert CatalogSuppression.objects.get().state == "complete"
    assert is_suppressed(client_.pk, "mail", None, POSTAL)


def test_a_suppressed_person_who_moves_stays_suppressed(client_: Client) -> None:
    """NCOA: the new address is no token, but the person's own preference goes with them."""
    from tests.optouts.helpers import preferences

    alice = make_consumer(client_)
    make_suppression(client_)
    assert preferences(alice) == {"mail": False}


def test_many_are_advanced_batch_by_batch(client_: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("requests.suppressions.schedule.BATCH", 2)
    for number in range(5):
        make_suppression(client_, address=POSTAL._replace(street=f"{number + 1} Main Street"))
    assert advance(datetime(2027, 6, 1, tzinfo=UTC))["completed"] == 5


# ------------------------------------------------------------------------------------ noting by hand


def test_a_catalog_that_should_not_have_come_is_noted(client_: Client, now: datetime) -> None:
    suppression, by = make_suppression(client_), staff_in(SECURITY_OFFICER)
    with pytest.raises(Refused, match="which catalog"):
        note_violation(suppression, text=" ", by=by, now=now)
    note_violation(suppression, text="The winter catalog came in June.", by=by, now=now)
    assert suppression.has_violation
    assert suppression.state == "effective"
