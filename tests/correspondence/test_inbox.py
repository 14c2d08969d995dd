"""E-mails from a real IMAP server: each is stored once, put away, and ends as taken, ignored or put aside."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_django

from portal import house, retire
from portal.correspondence import arrivals, imap, inbox, rawmail
from portal.correspondence.arrivals import Arrival, Taken, Thread
from portal.correspondence.composing import message_id
from portal.correspondence.models import InboundMessage, Letter, Mailbox
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from tests.correspondence.dovecot import Dovecot, make_mail, running
from tests.correspondence.test_letters import deliver, drafted
from tests.factories import NOW, make_client, make_user, staff_in
from tests.optouts.helpers import make_opt_out

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(scope="module")
def _server() -> Iterator[Dovecot]:
    with running() as server:
        yield server


@pytest.fixture
def server(_server: Dovecot, settings: pytest_django.Settings) -> Dovecot:
    with _server.box() as box:
        for folder in ("INBOX", "Portal"):
            if box.folder.exists(folder):
                box.folder.set(folder)
                box.delete(box.uids())
    settings.PRIVACY_IMAP_URL = _server.url
    return _server


class Room:
    """A room that takes what comes, as the rooms of the portal do."""

    def __init__(self) -> None:
        self.seen: list[Arrival] = []
        self.fails_at = ""
        self.case = Thread("tests.case", uuid4())

    def __call__(self, arrival: Arrival, by: User, now: datetime) -> Taken | None:
        self.seen.append(arrival)
        if self.fails_at and self.fails_at in arrival.mail.subject:
            raise ZeroDivisionError
        if arrival.mail.subject == "refuse":
            raise Refused("No.", code="not_welcome")
        if arrival.mail.subject == "leave":
            return None
        return Taken(arrival.thread or self.case, "PI-2026-000001")

    @property
    def subjects(self) -> list[str]:
        return [one.mail.subject for one in self.seen]


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    room = Room()
    monkeypatch.setattr(arrivals, "_joining", [])
    monkeypatch.setattr(arrivals, "_opening", [room])
    return room


def fetch(now: datetime = LATER) -> dict[str, int]:
    return inbox.fetch_due(lambda: now)


def states() -> list[tuple[str, str]]:
    return sorted(InboundMessage.objects.values_list("state", "reason"))


def test_an_email_is_stored_put_away_and_taken(server: Dovecot, room: Room) -> None:
    server.put(make_mail(1), dt=datetime(2026, 11, 20, 9, tzinfo=UTC))
    assert fetch() == {"found": 1, "stored": 1, "taken": 1}
    (arrival,) = room.seen
    assert (arrival.sender.name, arrival.sender.email) == ("Alice Archer", "alice@example.com")
    assert (arrival.mail.subject, arrival.mail.text) == ("My data", "Please delete my data.")
    assert arrival.received_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert arrival.raw.replace(b"\r\n", b"\n") == make_mail(1)
    assert (server.names(), server.names("Portal")) == ([], ["<1@mail.example.com>"])
    row = InboundMessage.objects.get()
    assert (row.state, row.case_reference, row.sealed) == ("taken", "PI-2026-000001", None)
    assert fetch() == {}
    leaf = Leaf.objects.get(verb="mailbox.fetch")
    assert leaf.counts == {"found": 1, "stored": 1, "taken": 1}
    assert list(Leaf.objects.filter(object_id=row.pk).values_list("verb", flat=True)) == [
        "mail.new", "mail.taken",
    ]  # fmt: skip
    assert retire.shred_retired(LATER) == 1
    assert not rawmail.path_of(row).exists()


def test_what_comes_again_is_stored_once(server: Dovecot) -> None:
    server.put(make_mail(1), b"Received: from elsewhere\r\n" + make_mail(1), make_mail(2))
    assert fetch() == {"found": 3, "stored": 2, "known": 1, "taken": 2}
    server.put(make_mail(1, text="Other words under the same Message-ID."))
    assert fetch()["stored"] == 1


def test_the_mailbox_may_get_a_new_uidvalidity(server: Dovecot, tmp_path: Path) -> None:
    server.put(make_mail(1))
    fetch()
    with server.box() as box:
        box.folder.delete("Portal")
        box.append(make_mail(1), "Archive") if box.folder.exists("Archive") else None
    server.put(make_mail(1))
    assert fetch() == {"found": 1, "known": 1}
    assert server.names() == []


def test_one_that_fails_stops_no_other_and_is_put_aside_in_the_end(
    server: Dovecot, room: Room
) -> None:
    room.fails_at = "bad"
    server.put(make_mail(1, subject="bad"), make_mail(2), make_mail(3, subject="refuse"))
    server.put(make_mail(4, subject="leave"))
    assert fetch() == {"found": 4, "stored": 4, "failed": 1, "taken": 1, "quarantined": 2}
    fetch(), fetch()
    assert states() == [
        ("quarantined", "nobody_took_it"),
        ("quarantined", "not_welcome"),
        ("quarantined", "zerodivisionerror"),
        ("taken", ""),
    ]
    row = InboundMessage.objects.get(reason="not_welcome")
    assert row.unseal_content() == {} or row.unseal_content()["subject"] == "refuse"


def test_one_that_kills_its_workers_is_put_aside_unread(
    server: Dovecot, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(make_mail(1))
    monkeypatch.setattr(inbox, "look_at_new", lambda clock, counts: None)
    fetch()
    monkeypatch.undo()
    InboundMessage.objects.update(attempts=inbox.MOST_ATTEMPTS)
    inbox.look_at_new(lambda: LATER)
    assert (states(), room.seen) == ([("quarantined", "workers_died")], [])


def test_a_large_one_is_put_aside_with_its_headers(
    server: Dovecot, settings: pytest_django.Settings
) -> None:
    settings.PRIVACY_MAIL_MAX_BYTES = 2_000
    server.put(make_mail(1, text="x" * 60 + "\n" * 4_000), make_mail(2))
    assert fetch() == {"found": 2, "stored": 2, "taken": 1}
    row = InboundMessage.objects.get(state="quarantined")
    assert row.reason == "too_large"
    assert row.unseal_content()["subject"] == "My data"
    assert len(rawmail.read_raw(row)) < 2_000 < row.size


def test_what_machines_sent_is_never_taken(server: Dovecot, room: Room) -> None:
    server.put(
        make_mail(1, Auto_Submitted="auto-replied (vacation)"),
        make_mail(2, Auto_Submitted="auto-generated"),
        make_mail(3, List_Id="<news.example.com>"),
        make_mail(4, Precedence="bulk"),
        make_mail(5, From="Us <privacy@localhost>"),
        make_mail(6, Auto_Submitted="no"),
    )
    fetch()
    assert states() == [
        ("ignored", "auto_reply"),
        ("ignored", "own_mail"),
        ("quarantined", "automatic"),
        ("quarantined", "automatic"),
        ("quarantined", "mailing_list"),
        ("taken", ""),
    ]
    assert len(room.seen) == 1


def bounce_of(letter: Letter) -> bytes:
    head = (
        b"From: MAILER-DAEMON@mx.example.com\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\n\r\nNo such user.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx.example.com\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: "
    )
    return head + message_id(letter).encode() + b"\r\nSubject: We have it\r\n\r\nDear\r\n--b--\r\n"


def test_a_bounce_makes_the_letter_a_task(server: Dovecot, room: Room) -> None:
    case = make_opt_out(make_client())
    letter = drafted(case, staff_in(SECURITY_OFFICER))
    from portal.correspondence import verbs

    verbs.send(letter, case, by=staff_in(SECURITY_OFFICER), now=NOW)
    deliver()
    server.put(bounce_of(letter))
    fetch()
    letter.refresh_from_db()
    assert (letter.state, states(), room.seen) == ("failed", [("ignored", "bounce")], [])


def test_a_reply_finds_its_case(server: Dovecot, room: Room) -> None:
    from portal.correspondence import verbs

    officer = staff_in(SECURITY_OFFICER)
    case = make_opt_out(make_client())
    letter = drafted(case, officer)
    verbs.send(letter, case, by=officer, now=NOW)
    server.put(
        make_mail(1, In_Reply_To=message_id(letter)),
        make_mail(2, References=f"<x@y.example> {message_id(letter)} <z@y.example>"),
        make_mail(3, subject=f"Re: {case.reference}"),
        make_mail(4, subject=f"Re: {case.reference}", From="mallory@example.com"),
        make_mail(5, In_Reply_To=f"<{uuid4()}@localhost>"),
        make_mail(6, In_Reply_To="<4@mail.example.com>"),
    )
    fetch()
    found = [one.thread and one.thread.case_id for one in room.seen]
    assert found == [case.pk, case.pk, case.pk, None, None, room.case.case_id]


def test_an_outage_is_noted_and_passes(server: Dovecot, settings: pytest_django.Settings) -> None:
    server.put(make_mail(1))
    server.stop()
    assert fetch() == {}
    assert fetch(LATER + timedelta(hours=1)) == {}
    assert Mailbox.objects.get().unreachable_since == LATER
    server.start()
    settings.PRIVACY_IMAP_URL = server.url
    assert fetch(LATER + timedelta(hours=2))["taken"] == 1
    assert Mailbox.objects.get().unreachable_since is None


def test_an_outage_in_the_middle_loses_nothing_and_doubles_nothing(
    server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(*(make_mail(number) for number in range(5)))
    real, calls = imap.Connection.put_away, 0

    def put_away(self: imap.Connection, uid: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            server.stop()
        real(self, uid)

    monkeypatch.setattr(imap.Connection, "put_away", put_away)
    assert fetch() == {"found": 3, "stored": 3, "taken": 3}
    server.start()
    assert fetch() == {"found": 3, "known": 1, "stored": 2, "taken": 2}
    assert InboundMessage.objects.count() == 5
    assert (server.names(), len(server.names("Portal"))) == ([], 5)


def test_two_workers_never_fetch_at_once(server: Dovecot) -> None:
    server.put(make_mail(1))
    house.ensure_house()
    Mailbox.objects.create(work_due=True, lease_until=LATER + timedelta(minutes=1))
    assert fetch() == {}
    assert fetch(LATER + timedelta(minutes=2))["stored"] == 1


def test_a_wrong_password_and_a_wrong_url_are_faults_and_not_crashes(
    server: Dovecot, settings: pytest_django.Settings
) -> None:
    for url in ("imap://x@127.0.0.1:1/", "pop3://a:b@example.com/", "imap://a:b@127.0.0.1:9/"):
        settings.PRIVACY_IMAP_URL = url
        assert fetch() == {}
    settings.PRIVACY_IMAP_URL = ""
    assert fetch() == {}


def quarantined(server: Dovecot) -> InboundMessage:
    server.put(make_mail(1, List_Id="<news.example.com>"))
    fetch()
    return InboundMessage.objects.get()


def test_a_person_takes_in_what_was_put_aside(server: Dovecot, room: Room) -> None:
    row, officer = quarantined(server), staff_in(SECURITY_OFFICER)
    with pytest.raises(Refused):
        inbox.take_in(row, by=make_user(ACCOUNT_MANAGER), now=LATER)
    assert inbox.take_in(row, by=officer, now=LATER).state == "taken"
    with pytest.raises(Refused, match="already"):
        inbox.ignore(row, "spam", by=officer, now=LATER)
    assert room.subjects == ["My data"]


def test_what_was_ignored_is_emptied_after_a_month(server: Dovecot) -> None:
    row, officer = quarantined(server), staff_in(SECURITY_OFFICER)
    with pytest.raises(Refused, match="why"):
        inbox.ignore(row, "because", by=officer, now=LATER)
    inbox.ignore(row, "spam", by=officer, now=LATER)
    assert inbox.empty_ignored(LATER + timedelta(days=29)) == 0
    assert inbox.empty_ignored(LATER + timedelta(days=31)) == 1
    retire.shred_retired(LATER)
    assert not rawmail.path_of(row).exists()


def test_nothing_of_an_email_is_in_clear_in_the_database_or_on_the_disk(server: Dovecot) -> None:
    row = quarantined(server)
    stored = InboundMessage.objects.filter(pk=row.pk).values().get()
    assert "alice" not in repr(stored).lower()
    assert b"alice" not in bytes(stored["sealed"] or b"")
    assert b"alice" not in rawmail.path_of(row).read_bytes()
    assert row.unseal_content()["sender"] == ["Alice Archer", "alice@example.com"]
