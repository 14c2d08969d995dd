"""Messages that failed for good: shown, and tried again by whoever answers for them."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.apps import apps
from django.test import Client as Browser
from django.urls import reverse

from portal import outbox
from portal.errors import Refused
from portal.ids import new_id
from portal.ledger.models import Leaf
from portal.models import OutboxMessage, User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, ALL_ROLES, AUDITOR, SECURITY_OFFICER
from portal.startpage import due_for
from portal.work import MAX_ATTEMPTS
from tests.factories import make_user

pytestmark = pytest.mark.django_db
LIST = reverse("admin:portal_outboxmessage_changelist")


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia")


@pytest.fixture
def failed(now: datetime, monkeypatch: pytest.MonkeyPatch) -> OutboxMessage:
    """A message whose handler failed as often as it may; it would succeed by now."""

    def fails(object_id: UUID, at: datetime) -> None:
        raise OSError("the mail server is away")

    message = outbox.put("test.notice", new_id(), now=now)
    with monkeypatch.context() as patched:
        patched.setitem(outbox._handlers, "test.notice", fails)
        for attempt in range(MAX_ATTEMPTS):
            assert outbox.send_due(now + attempt * timedelta(hours=3)) == 0
    monkeypatch.setitem(outbox._handlers, "test.notice", lambda object_id, at: None)
    message.refresh_from_db()
    assert message.work_due is False
    return message


def leaves() -> list[tuple[str, str, str]]:
    rows = Leaf.objects.filter(verb__startswith="outbox.").order_by("id")
    return list(rows.values_list("verb", "outcome", "reason"))


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def pick(message: OutboxMessage) -> dict[str, str]:
    return {"action": "try_again", "_selected_action": str(message.pk)}


def test_a_message_that_failed_for_good_stays_until_somebody_tries_it_again(
    failed: OutboxMessage, officer: User, now: datetime
) -> None:
    later = now + timedelta(days=30)
    assert outbox.send_due(later) == 0
    outbox.try_again(failed, by=officer, now=later)
    assert outbox.send_due(later) == 1
    failed.refresh_from_db()
    assert (failed.sent_at, failed.last_fault) == (later, "")
    assert leaves() == [("outbox.send", "failed", "oserror"), ("outbox.try_again", "done", "")]


def test_a_message_that_fails_again_has_all_of_its_attempts(
    failed: OutboxMessage, officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(object_id: UUID, at: datetime) -> None:
        raise OSError

    monkeypatch.setitem(outbox._handlers, "test.notice", fails)
    outbox.try_again(failed, by=officer, now=now)
    outbox.send_due(now)
    failed.refresh_from_db()
    assert (failed.work_due, failed.attempts) == (True, 1)


@pytest.mark.parametrize("role", [one for one in ALL_ROLES if one != SECURITY_OFFICER])
def test_only_a_security_officer_tries_again(
    role: str, failed: OutboxMessage, now: datetime
) -> None:
    user = make_user(role)
    with pytest.raises(Refused, match="Only the Security Officer"):
        outbox.try_again(failed, by=user, now=now)
    assert leaves()[-1] == ("outbox.try_again", "refused", "role")
    browser_of(user).post(LIST, pick(failed))
    failed.refresh_from_db()
    assert failed.work_due is False


def test_what_was_sent_or_waits_is_not_tried_again(officer: User, now: datetime) -> None:
    message = outbox.put("test.notice", new_id(), now=now)
    with pytest.raises(Refused, match="tried by itself"):
        outbox.try_again(message, by=officer, now=now)
    OutboxMessage.objects.filter(pk=message.pk).update(sent_at=now, work_due=False)
    with pytest.raises(Refused, match="was sent"):
        outbox.try_again(message, by=officer, now=now)


def test_the_start_page_leads_the_officer_to_the_messages_and_the_button(
    failed: OutboxMessage, officer: User, now: datetime
) -> None:
    sent = outbox.put("test.other", new_id(), now=now)
    OutboxMessage.objects.filter(pk=sent.pk).update(sent_at=now, work_due=False)
    (line,) = [one for one in due_for(officer, now) if one.label == "Messages could not be sent"]
    assert (line.urgency, line.count) == ("fault", 1)
    browser = browser_of(officer)
    page = browser.get(line.url).content.decode()
    assert "test.notice" in page
    assert "test.other" not in page
    assert "OSError" in page
    assert "Try again" in page
    done = browser.post(line.url, pick(failed), follow=True)
    assert "1 message is tried again." in done.content.decode()
    failed.refresh_from_db()
    assert failed.work_due is True
    assert [one for one in due_for(officer, now) if one.label == line.label] == []


@pytest.mark.parametrize("role", [ADMINISTRATOR, AUDITOR])
def test_who_only_reads_the_outbox_has_no_button(
    role: str, failed: OutboxMessage, now: datetime
) -> None:
    user = make_user(role)
    page = browser_of(user).get(LIST).content.decode()
    assert "Could not be sent" in page
    assert "Try again" not in page
    assert [one for one in due_for(user, now) if "Messages" in one.label] == []


def test_an_account_manager_sees_no_outbox(failed: OutboxMessage) -> None:
    assert browser_of(make_user(ACCOUNT_MANAGER)).get(LIST).status_code == 403


def test_every_kind_of_message_says_what_it_is_and_what_it_is_about() -> None:
    assert len(outbox._kinds) >= 10
    for code, kind in outbox._kinds.items():
        assert kind.says[:1].isupper(), code
        assert apps.get_model(kind.about), code
