"""What is done with an inquiry as a whole, from its receipt to its end (R2 to R7, R43 to R47).

What is done for one client is in `requests.inquiries.branches`, letters are in `requests.inquiries.letters`.
"""

from datetime import datetime
from typing import Any

from clients.recording import recorded
from portal.cases import files, thread
from portal.cases.models import Channel
from portal.cases.verbs import record_verb
from portal.clocks import local_day
from portal.correspondence import Party
from portal.errors import Refused
from portal.history import save_signed
from portal.house import ensure_house
from portal.models import User
from portal.roles import SYSTEM, check_role
from requests.inquiries import deadlines
from requests.inquiries.models import Inquiry
from requests.inquiries.states import INTAKE

LONGEST_TEXT = 200_000
EARLIEST_YEAR = 2000
ORIGINAL = "original"


def log_inquiry(
    *,
    channel: str,
    sender: Party,
    subject: str,
    text: str,
    received_at: datetime,
    by: User,
    now: datetime,
    original: bytes | None = None,
    original_name: str = "",
    original_type: str = "",
    message_id: str = "",
) -> Inquiry:
    """Log what a consumer wrote or said to the company, word for word, and start its clocks at the receipt (R44).

    `received_at` is when anybody at the company received it; `original` the scan, or the e-mail as it came
    (RFC 5322), kept sealed beside the text. Nobody is looked up: whether the person is known plays no part
    here. Raises Refused; nothing is stored then.
    """
    row = Inquiry(channel=channel, received_at=received_at)
    with recorded(
        "inquiry.log",
        by=by,
        now=now,
        client_id=row.client_id,
        object_kind=row._meta.label_lower,
        object_id=row.pk,
    ):
        check_role(by, *INTAKE, SYSTEM)
        check_can_log(row, text, now=now)
        ensure_house()
        row.open_case(by=by, now=now)
        row.seal_content(_content(sender, subject, text, message_id))
        row.save(force_insert=True)
        deadlines.start_all(row, by=by, now=now)
        if original:
            _keep(row, original, original_name, original_type, by=by, now=now)
    return row


def check_can_log(row: Inquiry, text: str, *, now: datetime) -> None:
    """Raise Refused where an inquiry as given cannot be: its door, its times, or without a word."""
    if row.channel not in Channel.values:
        raise Refused("Choose the way by which it came in.", code="channel")
    if row.received_at > now:
        raise Refused("It cannot have been received in the future.", code="received_in_future")
    if local_day(row.received_at, deadlines.house_zone()).year < EARLIEST_YEAR:
        raise Refused("Check the year in which it was received.", code="received_long_ago")
    if not text.strip():
        raise Refused("Write down what the consumer wrote or said.", code="no_text")
    if len(text) > LONGEST_TEXT:
        raise Refused("The text is too long. Attach it as a file.", code="too_long")


def add_reply(
    inquiry: Inquiry,
    *,
    channel: str,
    sender: Party,
    subject: str,
    text: str,
    received_at: datetime,
    by: User,
    now: datetime,
    original: bytes | None = None,
    original_name: str = "",
    original_type: str = "",
    message_id: str = "",
) -> None:
    """Add what the consumer wrote later to the thread; it ends a wait for them (R44), whatever the state is.

    A reply to a closed inquiry is kept too, and shown as unread until somebody has looked at it. Raises Refused
    where the inquiry's words were destroyed: what comes now is an inquiry of its own.
    """
    with recorded(
        "inquiry.reply",
        by=by,
        now=now,
        client_id=inquiry.client_id,
        object_kind=inquiry._meta.label_lower,
        object_id=inquiry.pk,
    ):
        check_role(by, *INTAKE, SYSTEM)
        locked = Inquiry.objects.select_for_update(of=("self",)).get(pk=inquiry.pk)
        if locked.sealed is None:
            raise Refused("The words of this inquiry were destroyed; log a new one.", code="empty")
        heading = "\n".join(line for line in (sender.name or sender.email, subject) if line)
        thread.add(
            locked,
            direction="in",
            channel=channel,
            text=f"{heading}\n\n{text.strip()}".strip()[:LONGEST_TEXT],
            by=by,
            now=received_at,
        )
        if original:
            _keep(locked, original, original_name, original_type, by=by, now=now)
        deadlines.go_on(locked, by=by, now=now)
        locked.reply_at = now
        save_signed(locked, by=by, now=now)
    inquiry.refresh_from_db()


def mark_read(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Note that a reply was read."""
    inquiry.check_reach(by)
    if Inquiry.objects.filter(pk=inquiry.pk, reply_at__isnull=False).update(reply_at=None):
        record_verb(inquiry, "mark_read", by=by, now=now)
        inquiry.refresh_from_db()


def sender_of(inquiry: Inquiry) -> Party:
    """Who wrote it; empty where the words were destroyed."""
    name, email, lines = inquiry.unseal_content().get("sender", ["", "", []])
    return Party(name, email, tuple(lines))


def words_of(inquiry: Inquiry) -> tuple[str, str]:
    """Subject and text as they were received; empty where they were destroyed."""
    content = inquiry.unseal_content()
    return content.get("subject", ""), content.get("text", "")


def message_id_of(inquiry: Inquiry) -> str:
    """The Message-ID that our e-mails answer, or ""."""
    return str(inquiry.unseal_content().get("message_id", ""))


def _content(sender: Party, subject: str, text: str, message_id: str) -> dict[str, Any]:
    return {
        "sender": [sender.name.strip(), sender.email.strip(), list(sender.address_lines)],
        "subject": " ".join(subject.split())[:500],
        "text": text.strip(),
        "message_id": message_id.strip(),
    }


def _keep(
    row: Inquiry, original: bytes, name: str, content_type: str, *, by: User, now: datetime
) -> None:
    """Keep the scan or the e-mail as it came, sealed."""
    is_mail = row.channel == Channel.EMAIL and not content_type
    files.attach(
        row,
        original,
        kind=ORIGINAL,
        name=name or ("message.eml" if is_mail else "original"),
        content_type=content_type or ("message/rfc822" if is_mail else "application/octet-stream"),
        by=by,
        now=now,
    )
