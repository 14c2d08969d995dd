"""Letters over a real SMTP server: taken, refused for now, refused for good, hung up on."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import pytest_django

from portal import outbox
from portal.cases import files
from portal.correspondence import verbs
from portal.correspondence.composing import message_id
from portal.correspondence.models import Letter
from portal.models import OutboxMessage, User
from portal.roles import SECURITY_OFFICER
from requests.optouts.models import OptOut
from tests.correspondence.mailserver import Handler, mail_server
from tests.correspondence.test_letters import ALICE, PURPOSE, VALUES, copy_of
from tests.factories import NOW, make_client, staff_in
from tests.optouts.helpers import make_opt_out

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def smtp(settings: pytest_django.Settings) -> Iterator[Handler]:
    with mail_server(settings) as handler:
        yield handler


@pytest.fixture
def case() -> OptOut:
    case = make_opt_out(make_client())
    OutboxMessage.objects.all().delete()
    return case


def sent(case: OptOut, by: User | None = None, **more: Any) -> Letter:
    by = by or staff_in(SECURITY_OFFICER)
    letter = verbs.draft(case, PURPOSE, to=ALICE, values=VALUES, by=by, now=NOW, **more)
    verbs.send(letter, case, by=by, now=NOW)
    return letter


def deliver(after: int) -> None:
    outbox.send_due(NOW + timedelta(minutes=after))


def state_of(letter: Letter) -> str:
    letter.refresh_from_db()
    return letter.state


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def test_the_server_gets_the_very_bytes_that_are_kept(smtp: Handler, case: OptOut) -> None:
    letter = sent(case, in_reply_to="<her-mail@example.com>")
    deliver(1)
    ((to, content),) = smtp.taken
    assert (state_of(letter), to) == ("sent", ["alice@example.com"])
    with files.open_content(copy_of(letter)) as kept:
        assert content == kept.read()
    message = parsed(content)
    assert message["In-Reply-To"] == "<her-mail@example.com>"
    assert message["Reply-To"] == message["From"].addresses[0].addr_spec
    assert message["Auto-Submitted"] is None


def test_the_chain_of_references_grows_and_machines_say_that_they_are(
    smtp: Handler, case: OptOut
) -> None:
    first = sent(case, in_reply_to="<one@example.com>")
    second = sent(case, User.objects.system(), in_reply_to="<two@example.com>")
    third = sent(case, User.objects.system())
    deliver(1)
    one, two, three = (parsed(content) for _, content in smtp.taken)
    assert one["References"] == "<one@example.com>"
    assert two["References"] == f"{message_id(first)} <two@example.com>"
    assert set(three["References"].split()) == {message_id(first), message_id(second)}
    assert [m["Auto-Submitted"] for m in (one, two, three)] == [
        None, "auto-replied", "auto-generated",
    ]  # fmt: skip
    assert three["Message-ID"] == message_id(third)


@pytest.mark.parametrize("where", ["to_recipient", "to_data"])
def test_not_now_is_tried_again_and_never_is_a_task(
    smtp: Handler, case: OptOut, where: str
) -> None:
    setattr(smtp, where, "450 4.2.1 Mailbox busy")
    letter = sent(case)
    deliver(1)
    assert state_of(letter) == "queued"
    assert OutboxMessage.objects.get().work_due
    setattr(smtp, where, "550 5.1.1 No such user")
    deliver(10)
    assert state_of(letter) == "failed"
    assert not OutboxMessage.objects.filter(work_due=True).exists()
    assert smtp.taken == []


@pytest.mark.parametrize(("when", "copies"), [("before", 1), ("after", 2)])
def test_a_connection_that_breaks_loses_nothing_and_doubles_only_what_it_must(
    smtp: Handler, case: OptOut, when: str, copies: int
) -> None:
    smtp.hang_up = when
    letter = sent(case)
    deliver(1)
    assert state_of(letter) == "queued"
    smtp.hang_up = ""
    deliver(10)
    deliver(20)
    assert state_of(letter) == "sent"
    assert [parsed(content)["Message-ID"] for _, content in smtp.taken] == (
        [message_id(letter)] * copies
    )


def test_a_server_that_is_away_is_waited_for(
    smtp: Handler, case: OptOut, settings: pytest_django.Settings
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    letter = sent(case)
    deliver(1)
    assert state_of(letter) == "queued"
    settings.EMAIL_PORT = port
    deliver(10)
    assert state_of(letter) == "sent"
