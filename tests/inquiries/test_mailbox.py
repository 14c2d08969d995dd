"""E-mails that become inquiries, and replies that join them."""

from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest

from portal.cases import files, thread
from portal.correspondence import inbox
from portal.correspondence import verbs as letters
from portal.correspondence.composing import message_id
from portal.correspondence.models import InboundMessage
from portal.ledger.models import Leaf
from portal.roles import SECURITY_OFFICER
from requests.inquiries.mailbox import masked
from requests.inquiries.models import Inquiry
from requests.inquiries.verbs import message_id_of, sender_of, words_of
from tests.correspondence.dovecot import make_mail
from tests.correspondence.test_letters import drafted
from tests.correspondence.test_mailbox_pages import stored
from tests.factories import make_client, staff_in
from tests.optouts.helpers import make_opt_out

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
CARD = "4111 1111 1111 1111"


def test_one_thread_is_one_inquiry(now: datetime) -> None:
    inbox_row = received(now, 1)
    (inquiry,) = Inquiry.objects.all()
    assert (inbox_row.state, inbox_row.case_reference) == ("taken", inquiry.reference)
    assert (inquiry.channel, inquiry.received_at) == ("email", now)
    assert sender_of(inquiry).name == "Alice Archer"
    assert words_of(inquiry) == ("My data", "Please delete my data.")
    assert message_id_of(inquiry) == "<1@mail.example.com>"
    received(now, 2, text="And my brother's.", In_Reply_To="<1@mail.example.com>")
    received(now, 3, text="Hello?", subject=f"RE: {inquiry.reference.lower()}")
    assert Inquiry.objects.count() == 1
    (first, second) = [entry.text or "" for entry in thread.entries(inquiry)]
    assert "And my brother's." in first
    assert "Hello?" in second
    assert len(files.of_case(inquiry)) == 3
    received(now, 4, subject=f"RE: {inquiry.reference}", From="Mallory <mallory@example.com>")
    assert Inquiry.objects.count() == 2


def received(now: datetime, number: int, **more: str) -> InboundMessage:
    return stored(now, f"X-Nr: {number:>9}\n".encode() + make_mail(number, **more))


def test_a_card_number_is_masked_before_anything_is_stored(now: datetime) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "alice@example.com", f"Card {CARD}"
    message["Message-ID"] = "<9@mail.example.com>"
    message.set_content(f"Dear all,\nmy card is {CARD}\nand I live in Boston 02210.")
    message.add_attachment(f"{CARD}".encode(), maintype="text", subtype="csv", filename="a.csv")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="id.png")
    stored(now, bytes(message))
    inquiry = Inquiry.objects.get()
    subject, text = words_of(inquiry)
    assert "1111" not in subject + text
    assert "a payment card" in text
    assert "Boston 02210" in text
    assert [one.kind for one in files.of_case(inquiry)] == ["attachment"]
    leaf = Leaf.objects.get(verb="inquiry.sensitive")
    assert (leaf.reason, leaf.counts) == ("card", {"card": 2})


def test_a_reply_to_another_kind_of_case_is_an_inquiry_that_says_so(now: datetime) -> None:
    officer = staff_in(SECURITY_OFFICER)
    case = make_opt_out(make_client())
    letter = drafted(case, officer)
    letters.send(letter, case, by=officer, now=now)
    received(now, 1, In_Reply_To=message_id(letter))
    _, text = words_of(Inquiry.objects.get())
    assert text.startswith(f"[This e-mail answers what we wrote on {case.reference}.]")


def test_a_number_that_is_broken_over_two_lines_is_masked_too() -> None:
    text, found = masked("My SSN:\n123-45-6789\n\nssn\n123456789")
    assert not any(char.isdigit() for char in text)
    assert set(found) == {"ssn"}


def test_a_reply_to_words_that_were_destroyed_opens_an_inquiry(now: datetime) -> None:
    received(now, 1)
    Inquiry.objects.update(sealed=None)
    received(now + timedelta(days=1), 2, In_Reply_To="<1@mail.example.com>")
    assert Inquiry.objects.count() == 2


def test_a_refusal_puts_the_email_aside(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("requests.inquiries.verbs.EARLIEST_YEAR", 2100)
    row = received(now, 1)
    assert (row.state, row.reason) == ("quarantined", "received_long_ago")
    assert not Inquiry.objects.exists()
    assert inbox.quarantined() == [row]
