"""Letters and e-mails: from a template to the bytes that were sent, kept sealed on the case."""

import smtplib
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.core import mail
from hypothesis import given
from hypothesis import strategies as st

from portal import outbox
from portal.cases import files, thread
from portal.cases.models import CaseFile
from portal.correspondence import Party, placeholders, register_purpose, sending, templates, verbs
from portal.correspondence.models import Letter, TemplateVersion
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import OutboxMessage, User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from requests.optouts.models import OptOut
from tests.factories import NOW, make_client, make_user, staff_in
from tests.optouts.helpers import make_opt_out

ALICE = Party("Alice Example", "alice@example.com", ("12 Main Street", "Boston MA 02210"))
PURPOSE = "tests.acknowledgement"
VALUES = {"reference": "OO-2026-000001", "name": "Alice Example"}
pytestmark = pytest.mark.django_db(databases=["default", "vault"])

register_purpose(
    PURPOSE,
    "Acknowledgement for tests",
    placeholders={"reference": "OO-2026-000000", "name": "Pat Sample"},
    default_subject="We have your request {reference}",
    default_body="Dear {name},\n\nwe have your request.",
    required=frozenset({"reference"}),
)


@pytest.fixture
def officer() -> User:
    return staff_in(SECURITY_OFFICER)


@pytest.fixture
def case() -> OptOut:
    return make_opt_out(make_client())


def drafted(case: OptOut, by: User, to: Party = ALICE, **more: Any) -> Letter:
    return verbs.draft(case, PURPOSE, to=to, values=VALUES, by=by, now=NOW, **more)


def copy_of(letter: Letter) -> CaseFile:
    assert letter.copy_id
    return CaseFile.objects.get(pk=letter.copy_id)


def deliver() -> None:
    OutboxMessage.objects.exclude(kind=verbs.SEND_MESSAGE).delete()
    outbox.send_due(NOW + timedelta(minutes=1))


def test_an_email_goes_out_as_it_was_kept_on_the_case(case: OptOut, officer: User) -> None:
    letter = drafted(case, officer)
    verbs.send(letter, case, by=officer, now=NOW)
    deliver()
    letter.refresh_from_db()
    assert letter.state == Letter.State.SENT
    (sent,) = [one for one in mail.outbox if isinstance(one, sending.StoredMessage)]
    assert sent.to == ["alice@example.com"]
    with files.open_content(copy_of(letter)) as kept:
        message = message_from_bytes(kept.read(), policy=policy.SMTP)
    assert message["Subject"] == "We have your request OO-2026-000001"
    assert f"{letter.pk}@" in message["Message-ID"]
    assert message.get_content_type() == "text/plain"
    assert "Dear Alice Example," in message.get_content()
    assert [entry.text for entry in thread.entries(case) if entry.note.direction == "out"]


def test_it_is_sent_once_though_the_message_comes_twice(case: OptOut, officer: User) -> None:
    letter = drafted(case, officer)
    verbs.send(letter, case, by=officer, now=NOW)
    deliver()
    before = len(mail.outbox)
    sending.send_letter(letter.pk, NOW)
    assert len(mail.outbox) == before


def test_an_address_that_is_refused_is_a_task_and_not_tried_for_ever(
    case: OptOut, officer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: sending.StoredMessage) -> int:
        raise smtplib.SMTPRecipientsRefused({})

    monkeypatch.setattr(sending.StoredMessage, "send", refuse)
    letter = drafted(case, officer)
    verbs.send(letter, case, by=officer, now=NOW)
    deliver()
    letter.refresh_from_db()
    assert letter.state == Letter.State.FAILED
    assert not OutboxMessage.objects.filter(work_due=True).exists()


def test_a_letter_is_a_pdf_that_waits_to_be_posted(case: OptOut, officer: User) -> None:
    letter = drafted(case, officer, way="letter")
    verbs.send(letter, case, by=officer, now=NOW)
    assert letter.state == Letter.State.TO_POST
    with files.open_content(copy_of(letter)) as kept:
        assert kept.read().startswith(b"%PDF")
    verbs.mark_posted(letter, case, by=officer, now=NOW + timedelta(hours=1))
    assert (letter.state, letter.delivered_at) == ("posted", NOW + timedelta(hours=1))
    with pytest.raises(Refused):
        verbs.mark_posted(letter, case, by=officer, now=NOW)


def test_a_released_letter_is_not_changed_any_more(case: OptOut, officer: User) -> None:
    letter = drafted(case, officer)
    verbs.revise(letter, case, subject="Hello", body="New text", to=ALICE, by=officer, now=NOW)
    verbs.send(letter, case, by=officer, now=NOW)
    with pytest.raises(Refused, match="on its way"):
        verbs.revise(letter, case, subject="x", body="y", to=ALICE, by=officer, now=NOW)
    with pytest.raises(Refused):
        verbs.send(letter, case, by=officer, now=NOW)
    assert Leaf.objects.filter(object_id=case.pk, verb="optout.send_letter").count() == 1


def test_a_discarded_draft_is_emptied(case: OptOut, officer: User) -> None:
    letter = drafted(case, officer)
    verbs.discard(letter, case, by=officer, now=NOW)
    letter.refresh_from_db()
    assert letter.unseal_content() == {}


def test_a_draft_without_an_address_cannot_be_sent(case: OptOut, officer: User) -> None:
    letter = drafted(case, officer, to=Party("Alice"))
    with pytest.raises(Refused, match="no e-mail address"):
        verbs.send(letter, case, by=officer, now=NOW)


@pytest.mark.parametrize("role", [AUDITOR, ACCOUNT_MANAGER])
def test_who_only_reads_and_who_has_another_client_writes_nothing(case: OptOut, role: str) -> None:
    with pytest.raises(Refused):
        drafted(case, make_user(role))


def test_a_header_cannot_be_smuggled_in(case: OptOut, officer: User) -> None:
    evil = Party("Eve\r\nBcc: all@example.com", "eve@example.com")
    letter = drafted(case, officer, to=evil)
    verbs.revise(
        letter, case, subject="a\nBcc: b@example.com", body="x", to=evil, by=officer, now=NOW
    )
    verbs.send(letter, case, by=officer, now=NOW)
    with files.open_content(copy_of(letter)) as kept:
        message = message_from_bytes(kept.read(), policy=policy.SMTP)
    assert message["Bcc"] is None


def test_nothing_of_a_letter_is_in_clear_in_the_database(case: OptOut, officer: User) -> None:
    letter = drafted(case, officer)
    row = Letter.objects.filter(pk=letter.pk).values().get()
    assert "Alice" not in repr(row)
    assert b"Alice" not in bytes(row["sealed"] or b"")


def test_a_new_version_is_used_by_later_drafts_only(case: OptOut, officer: User) -> None:
    first = drafted(case, officer)
    templates.write(PURPOSE, subject="{reference}", body="Shorter.", by=officer, now=NOW)
    second = drafted(case, officer)
    assert (first.version.number, second.version.number) == (1, 2)
    assert second.unseal_content()["body"] == "Shorter."


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{nobody} {reference}", "no {nobody} here. You can use: {name}, {reference}"),
        ("{reference} {name", "not complete"),
        ("{reference.__class__}", "not complete"),
        ("Hello", "must say {reference}"),
        ("  ", "needs a subject and a text"),
    ],
)
def test_a_template_is_checked_when_it_is_saved(officer: User, body: str, says: str) -> None:
    with pytest.raises(Refused) as refused:
        templates.write(PURPOSE, subject="Hello", body=body, by=officer, now=NOW)
    assert says in refused.value.sentence
    assert not TemplateVersion.objects.filter(purpose=PURPOSE, number__gt=1).exists()


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_is_filled_in_is_never_filled_in_again(name: str, other: str) -> None:
    filled = placeholders.fill("{name}|{other}", {"name": name, "other": other})
    assert filled == f"{name}|{other}"
