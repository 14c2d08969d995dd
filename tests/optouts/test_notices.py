"""What goes out about opt-outs: to the client at once, to staff before the date, and never a name."""

from datetime import datetime, timedelta

import pytest
from django.core import mail

from clients.models import Client
from clients.verbs import assign_manager, unassign_manager
from portal import outbox
from portal.models import OutboxMessage, User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, SECURITY_OFFICER
from requests.optouts import deadlines, notices
from requests.optouts.tasks import watch_deadlines
from requests.optouts.verbs import LOGGED_MESSAGE, close, confirm
from tests.factories import make_client, make_user, staff_in
from tests.optouts.helpers import ALICE, make_consumer, make_opt_out

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
WARNING = deadlines.DUE_MESSAGE


@pytest.fixture
def client_() -> Client:
    return make_client("Harbor Outfitters")


def warnings() -> int:
    return OutboxMessage.objects.filter(kind=WARNING).count()


def sent_to() -> list[list[str]]:
    return [list(message.to) for message in mail.outbox]


def nothing_personal(text: str) -> bool:
    values = (ALICE.email, ALICE.given_name, ALICE.surname, ALICE.street, ALICE.telephone)
    return not any(value and value.lower() in text.lower() for value in values)


def test_the_client_is_told_once_and_by_reference_only(client_: Client, now: datetime) -> None:
    make_consumer(client_)
    opt_out = make_opt_out(client_, text="Alice Example wants no more.")
    outbox.send_due(now)
    (message,) = mail.outbox
    assert message.to == ["charlie@example.com"]
    assert opt_out.reference in str(message.subject)
    assert opt_out.due_reason in message.body
    assert nothing_personal(f"{message.subject} {message.body}")
    notices.tell_client(opt_out.pk, now)
    assert len(mail.outbox) == 1, "a message that arrives twice is sent once"


def test_a_client_whom_nobody_can_be_told_at_is_a_fault_that_stays(now: datetime) -> None:
    client = make_client()
    client.contacts.update(email="")
    opt_out = make_opt_out(client)
    outbox.send_due(now)
    message = OutboxMessage.objects.get(kind=LOGGED_MESSAGE, object_id=opt_out.pk)
    assert (message.sent_at, message.last_fault) == (None, "NobodyToInform")
    assert mail.outbox == []


def test_a_warning_is_put_once_and_no_sooner_than_three_days_before(client_: Client) -> None:
    opt_out = make_opt_out(client_)
    assert opt_out.due_at is not None
    begins = opt_out.due_at - deadlines.AHEAD
    assert deadlines.watch(begins - timedelta(microseconds=1)) == 0
    assert deadlines.watch(begins) == 1
    assert deadlines.watch(begins + timedelta(days=9)) == 0
    assert warnings() == 1


def test_what_was_overlooked_until_it_is_late_is_warned_of_still(client_: Client) -> None:
    opt_out = make_opt_out(client_)
    assert opt_out.due_at is not None
    assert deadlines.watch(opt_out.due_at + timedelta(days=1)) == 1


def test_what_is_confirmed_or_closed_is_not_warned_of(client_: Client, now: datetime) -> None:
    officer = staff_in(SECURITY_OFFICER)
    for verb in ("confirm", "close"):
        opt_out = make_opt_out(client_)
        if verb == "confirm":
            confirm(opt_out, channel="letter", text="You are out.", by=officer, now=now)
        else:
            close(opt_out, by=officer, now=now)
    assert deadlines.watch(now + timedelta(days=30)) == 0


def test_a_case_that_was_closed_before_its_warning_left_is_let_be(
    client_: Client, now: datetime
) -> None:
    opt_out = make_opt_out(client_)
    outbox.send_due(now)
    mail.outbox.clear()
    deadlines.watch(now + timedelta(days=9))
    close(opt_out, by=staff_in(SECURITY_OFFICER), now=now)
    outbox.send_due(now + timedelta(days=9))
    assert mail.outbox == []
    assert OutboxMessage.objects.get(kind=WARNING).sent_at is not None


def test_the_warning_goes_to_the_assignee_and_the_officers_each_alone(
    client_: Client, now: datetime
) -> None:
    manager = make_user(ACCOUNT_MANAGER, username="adam")
    assign_manager(client_, manager, by=staff_in(ADMINISTRATOR), now=now)
    officer = make_user(SECURITY_OFFICER, username="olivia")
    make_user(SECURITY_OFFICER, username="gone", is_active=False)
    opt_out = make_opt_out(client_, by=manager)
    later = now + timedelta(days=9)
    outbox.send_due(now)
    mail.outbox.clear()
    deadlines.watch(later)
    outbox.send_due(later)
    assert sent_to() == [[manager.email], [officer.email]]
    for message in mail.outbox:
        assert opt_out.due_reason in str(message.body)
        assert nothing_personal(f"{message.subject} {message.body}")


def test_an_assignee_from_whom_the_client_was_taken_is_told_nothing_of_it_any_more(
    client_: Client, now: datetime
) -> None:
    manager = make_user(ACCOUNT_MANAGER, username="adam")
    staff_in(SECURITY_OFFICER)
    assign_manager(client_, manager, by=staff_in(ADMINISTRATOR), now=now)
    case = make_opt_out(client_, by=manager)
    unassign_manager(client_, manager, by=staff_in(ADMINISTRATOR), now=now)
    notices.warn_staff(case.pk, now)
    assert [manager.email] not in sent_to()
    assert sent_to()


def test_many_are_warned_of_batch_by_batch(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "BATCH", 2)
    for _ in range(5):
        make_opt_out(client_)
    assert deadlines.watch(now + timedelta(days=9)) == 5
    assert warnings() == 5


def test_the_scheduled_task_asks_the_database(
    client_: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    opt_out = make_opt_out(client_)
    assert opt_out.due_at is not None
    monkeypatch.setattr("requests.optouts.tasks.timezone.now", lambda: opt_out.due_at)
    watch_deadlines()
    assert warnings() == 1


def test_every_scheduled_task_is_one_that_workers_know() -> None:
    from portal.celery import app

    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    ours = {name for name in scheduled if name.startswith("requests.")}
    assert len(ours) == 5
    assert ours <= set(app.tasks)


def test_the_system_user_wrote_what_the_thread_keeps_of_a_notice(
    client_: Client, now: datetime
) -> None:
    from portal.cases import thread

    opt_out = make_opt_out(client_)
    outbox.send_due(now)
    (entry,) = thread.entries(opt_out)
    assert (entry.note.by, entry.note.direction) == (User.objects.system(), "out")
