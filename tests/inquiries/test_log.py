"""Logging an inquiry: word for word, sealed, its clocks from the receipt."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from portal.cases import files, thread, timekeeping
from portal.correspondence import Party
from portal.errors import Refused
from portal.house import HOUSE_ID
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF
from requests.inquiries.models import Inquiry
from requests.inquiries.verbs import add_reply, mark_read, message_id_of, sender_of, words_of
from tests.factories import NOW, staff_in
from tests.inquiries.helpers import ALICE, WORDS, make_inquiry, officer

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def test_what_was_written_is_kept_word_for_word_and_sealed() -> None:
    case = make_inquiry(original=b"From: alice\r\n\r\nraw", message_id="<1@example.com>")
    assert (case.state, case.client_id, case.reference[:3]) == ("received", HOUSE_ID, "PI-")
    assert sender_of(case) == ALICE
    assert words_of(case) == ("My data", WORDS)
    assert message_id_of(case) == "<1@example.com>"
    (kept,) = files.of_case(case)
    assert kept.content_type == "message/rfc822"
    with files.open_content(kept) as opened:
        assert opened.read() == b"From: alice\r\n\r\nraw"
    with connection.cursor() as cursor:
        cursor.execute("SELECT i::text FROM requests_inquiry i")
        (row,) = cursor.fetchone()
    assert "alice" not in row.lower()


def test_the_clocks_start_at_the_receipt_and_not_at_the_logging() -> None:
    received = datetime(
        2026, 11, 20, 15, 0, tzinfo=UTC
    )  # A Friday; Thursday the 26th is a holiday.
    case = make_inquiry(received_at=received, now=received + timedelta(days=1))
    due = {view.kind: view.due_on for view in timekeeping.views(case)}
    assert due == {
        "acknowledge": date(2026, 11, 24),
        "forward": date(2026, 11, 24),
        "response": date(2026, 12, 20),
    }
    assert case.due_rule in ("acknowledge", "forward")
    assert (case.received_at, case.logged_at) == (received, received + timedelta(days=1))


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER, DISPUTE_STAFF])
def test_whoever_takes_the_call_can_log_it(role: str) -> None:
    assert make_inquiry(by=staff_in(role), channel="telephone").pk


def test_the_schedule_logs_what_the_mailbox_and_the_form_bring() -> None:
    assert make_inquiry(by=User.objects.system(), channel="form").pk


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"text": " \n"}, "no_text"),
        ({"received_at": NOW + timedelta(minutes=1)}, "received_in_future"),
        ({"received_at": datetime(1970, 1, 1, tzinfo=UTC)}, "received_long_ago"),
        ({"channel": "pigeon"}, "channel"),
        ({"by": AUDITOR}, "role"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_a_leaf(given: dict[str, Any], code: str) -> None:
    if given.get("by"):
        given = {"by": staff_in(given["by"])}
    with pytest.raises(Refused) as refused:
        make_inquiry(**given)
    assert refused.value.code == code
    assert not Inquiry.objects.exists()
    leaf = Leaf.objects.get(verb="inquiry.log")
    assert (leaf.outcome, leaf.reason) == ("refused", code)


def test_a_reply_joins_the_thread_and_waits_to_be_read() -> None:
    case = make_inquiry()
    at = NOW + timedelta(days=1)
    add_reply(
        case,
        channel="email",
        sender=Party(email="alice@example.com"),
        subject="Re: My data",
        text="I meant Alpine.",
        received_at=at,
        by=User.objects.system(),
        now=at,
        original=b"raw",
    )
    (entry,) = thread.entries(case)
    assert entry.text == "alice@example.com\nRe: My data\n\nI meant Alpine."
    assert case.reply_at == at
    mark_read(case, by=officer(), now=at)
    assert not Inquiry.objects.get(pk=case.pk).reply_at
    assert [leaf.verb for leaf in Leaf.objects.filter(object_id=case.pk)][-2:] == [
        "inquiry.reply",
        "inquiry.mark_read",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "00000000-0000-4000-8000-000000000009"},
        {"state": "triaged"},
        {"state": "duplicate"},
        {"state": "rejected"},
        {"state": "emptied"},
    ],
)
def test_the_database_keeps_the_facts_right(wrong: dict[str, Any]) -> None:
    case = make_inquiry()
    with pytest.raises(IntegrityError), transaction.atomic():
        Inquiry.objects.filter(pk=case.pk).update(**wrong)
