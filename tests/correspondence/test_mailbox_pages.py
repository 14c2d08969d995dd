"""The pages of the privacy mailbox, as the Security Officer uses them; none of it needs a mail server."""

from datetime import datetime

import pytest
import pytest_django
from django.test import Client as Browser

from portal.correspondence import arrivals, inbox, rawmail
from portal.correspondence.mailparts import identity_of
from portal.correspondence.models import InboundMessage, Mailbox
from portal.house import ensure_house
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from portal.startpage import due_for
from requests.inquiries.models import Inquiry
from requests.inquiries.verbs import sender_of, words_of
from tests.correspondence.dovecot import make_mail
from tests.factories import make_user, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def officer() -> User:
    return staff_in(SECURITY_OFFICER)


@pytest.fixture
def browser(client: Browser, officer: User) -> Browser:
    client.force_login(officer)
    return client


def stored(now: datetime, raw: bytes) -> InboundMessage:
    """An e-mail as the mailbox's worker stores and looks at it."""
    ensure_house()
    row = InboundMessage(
        uidvalidity=1,
        uid=1,
        digest=raw[:16],
        thread_digest=arrivals.digest_of(identity_of(raw)[0]),
        received_at=now,
        fetched_at=now,
        size=len(raw),
    )
    row.seal_content({})
    rawmail.write_raw(row, raw)
    row.save(force_insert=True)
    inbox.look_at_new(lambda: now)
    row.refresh_from_db()
    return row


def from_agent(now: datetime) -> InboundMessage:
    return stored(now, make_mail(1, Auto_Submitted="auto-generated"))


def test_what_was_put_aside_is_read_and_taken_in(
    browser: Browser, officer: User, now: datetime
) -> None:
    row = from_agent(now)
    assert "E-mails put aside" in [line.label for line in due_for(officer, now)]
    listed = browser.get("/letters/mailbox/").content.decode()
    assert "A machine sent it" in listed
    assert "Alice" not in listed
    url = f"/letters/mailbox/{row.pk}/"
    assert "alice@example.com" in browser.get(url).content.decode()
    browser.get(url)
    assert Leaf.objects.filter(object_id=row.pk, verb="mail.read").count() == 1
    answer = browser.post(url, {"do": "take"}, follow=True)
    inquiry = Inquiry.objects.get()
    assert inquiry.reference in answer.content.decode()
    assert sender_of(inquiry).email == "alice@example.com"
    assert words_of(inquiry) == ("My data", "Please delete my data.")
    assert browser.get(url).status_code == 404


def test_it_is_ignored_with_a_reason(browser: Browser, now: datetime) -> None:
    row = from_agent(now)
    url = f"/letters/mailbox/{row.pk}/"
    assert b"Choose why" in browser.post(url, {"do": "ignore", "reason": ""}).content
    browser.post(url, {"do": "ignore", "reason": "spam"})
    row.refresh_from_db()
    assert (row.state, row.reason) == ("ignored", "spam")


def test_the_original_is_saved_and_never_shown(browser: Browser, now: datetime) -> None:
    row = from_agent(now)
    answer = browser.get(f"/letters/mailbox/{row.pk}/original/")
    assert answer.content == make_mail(1, Auto_Submitted="auto-generated")
    assert answer["Content-Disposition"].startswith("attachment")
    assert Leaf.objects.filter(object_id=row.pk, verb="mail.download").exists()


def test_a_script_in_an_email_is_only_text(browser: Browser, now: datetime) -> None:
    row = stored(now, make_mail(1, text="<script>alert(1)</script>", List_Id="<a.example.com>"))
    page = browser.get(f"/letters/mailbox/{row.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_says_how_the_mailbox_stands(
    browser: Browser, officer: User, now: datetime, settings: pytest_django.Settings
) -> None:
    assert b"No mailbox is set up" in browser.get("/letters/mailbox/").content
    settings.PRIVACY_IMAP_URL = "imap://a:b@127.0.0.1:9/"
    inbox.fetch_due(lambda: now)
    assert b"out of reach since 24 Nov 2026, 15:00" in browser.get("/letters/mailbox/").content
    labels = [line.label for line in due_for(officer, now)]
    assert "Privacy mailbox out of reach since 24 Nov 2026, 15:00 UTC" in labels
    Mailbox.objects.update(unreachable_since=None, reached_at=now)
    assert b"Last read 24 Nov 2026, 15:00" in browser.get("/letters/mailbox/").content


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER, AUDITOR])
def test_nobody_else_reads_the_mailbox(client: Browser, now: datetime, role: str) -> None:
    row = from_agent(now)
    client.force_login(make_user(role))
    for path in ("", f"{row.pk}/", f"{row.pk}/original/"):
        assert client.get(f"/letters/mailbox/{path}").status_code == 403
