"""What becomes of an e-mail to the privacy mailbox: a reply joins its inquiry, anything else opens one (R44).

Invariants: of a number that we never accept (R49, R50) not even the first copy is stored: the text is masked, the
e-mail itself is left out, and of its attachments only those that are no text are kept.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from consumers.sensitive import Kind, scan
from portal import ledger
from portal.cases import files
from portal.cases.models import Channel
from portal.correspondence.arrivals import Arrival, Taken, Thread, inbound_handler
from portal.correspondence.mailparts import Mail
from portal.errors import Refused
from portal.models import User
from requests.inquiries import verbs
from requests.inquiries.models import Inquiry

KIND: Final = Inquiry._meta.label_lower
NO_TEXT: Final = "[This e-mail holds no text. See the original.]"
ANSWERS: Final = "[This e-mail answers what we wrote on {reference}.]"
MASKED: Final = "[The portal has masked a number in this e-mail that we never accept ({kinds}). The original was not kept.]"
NAMES: Final = {Kind.CARD: "a payment card", Kind.SSN: "a social security number"}


def join_inquiry(arrival: Arrival, by: User, now: datetime) -> Taken | None:
    """Add a reply to the inquiry whose conversation it goes on with; None where it is no inquiry's."""
    inquiry = _inquiry_of(arrival)
    if inquiry is None:
        return None
    mail, found = _without_sensitive(arrival)
    try:
        verbs.add_reply(
            inquiry,
            channel=Channel.EMAIL,
            sender=arrival.sender,
            subject=mail.subject,
            text=mail.text,
            received_at=arrival.received_at,
            by=by,
            now=now,
            original=None if found else arrival.raw,
            message_id=mail.message_id,
        )
    except Refused:
        return None  # its words were destroyed; what comes now is an inquiry of its own
    _keep_rest(inquiry, arrival, found, by, now)
    return _taken(inquiry)


def open_inquiry(arrival: Arrival, by: User, now: datetime) -> Taken | None:
    """Log an inquiry of what nobody else took; of a reply to another kind of case it says which one."""
    mail, found = _without_sensitive(arrival)
    answers = (
        arrival.thread.reference if arrival.thread and arrival.thread.case_kind != KIND else ""
    )
    inquiry = verbs.log_inquiry(
        channel=Channel.EMAIL,
        sender=arrival.sender,
        subject=mail.subject,
        text=f"{ANSWERS.format(reference=answers)}\n\n{mail.text}" if answers else mail.text,
        received_at=arrival.received_at,
        by=by,
        now=now,
        original=None if found else arrival.raw,
        message_id=mail.message_id,
    )
    _keep_rest(inquiry, arrival, found, by, now)
    return _taken(inquiry)


def _inquiry_of(arrival: Arrival) -> Inquiry | None:
    if arrival.thread is not None and arrival.thread.case_kind == KIND:
        return Inquiry.objects.filter(pk=arrival.thread.case_id, sealed__isnull=False).first()
    for inquiry in Inquiry.objects.filter(reference__in=arrival.named[:5], sealed__isnull=False):
        known = verbs.sender_of(inquiry).email
        if known and known.lower() == arrival.sender.email.lower():
            return inquiry
    return None


def _taken(inquiry: Inquiry) -> Taken:
    return Taken(Thread(KIND, inquiry.pk), inquiry.reference)


def masked(text: str) -> tuple[str, list[Kind]]:
    """The text without what we never accept, and what it was. Every digit of a line with a finding is masked."""
    found: list[Kind] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if finding := scan(line):
            found.append(finding.kind)
            lines[number] = _stars(line)
    text = "\n".join(lines)
    if finding := scan(text):
        # It goes on over the end of a line.
        found.append(finding.kind)
        text = _stars(text)
    return text, found


def _stars(text: str) -> str:
    return "".join("*" if char.isdigit() else char for char in text)


def _without_sensitive(arrival: Arrival) -> tuple[Mail, list[Kind]]:
    mail = arrival.mail
    text, in_text = masked(mail.text or NO_TEXT)
    subject, in_subject = masked(mail.subject)
    found = [*in_text, *in_subject]
    if found:
        kinds = " and ".join(NAMES[kind] for kind in dict.fromkeys(found))
        text = f"{MASKED.format(kinds=kinds)}\n\n{text}"
    return replace(mail, text=text, subject=subject), found


def _keep_rest(
    inquiry: Inquiry, arrival: Arrival, found: list[Kind], by: User, now: datetime
) -> None:
    """Where the e-mail was left out: report it, and keep the attachments that are no text."""
    if not found:
        return
    ledger.record(
        verb="inquiry.sensitive",
        by=by,
        client_id=inquiry.client_id,
        object_kind=KIND,
        object_id=inquiry.pk,
        reason=str(found[0]),
        counts={str(kind): found.count(kind) for kind in set(found)},
        now=now,
    )
    for one in arrival.mail.attachments:
        if not one.content_type.startswith(("text/", "message/")):
            files.attach(
                inquiry,
                one.content,
                kind="attachment",
                name=one.name,
                content_type=one.content_type,
                by=by,
                now=now,
            )


inbound_handler(join_inquiry)
inbound_handler(open_inquiry, opens=True)
