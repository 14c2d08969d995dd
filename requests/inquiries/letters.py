"""What is written to the consumer and to the clients (documents 1 to 6), and how it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from clients.models import ClientContact
from portal.cases import thread
from portal.cases.models import Channel
from portal.correspondence import Party, register_purpose, templates
from portal.correspondence import verbs as correspondence
from portal.correspondence.models import Letter
from portal.correspondence.placeholders import fill
from portal.errors import Refused
from portal.models import User
from requests.inquiries import contacts
from requests.inquiries.models import Inquiry, InquiryBranch

TOLD: Final = "told"
WAYS: Final = [*Letter.Way.choices, (TOLD, "Said on the telephone; nothing is sent")]

ACKNOWLEDGEMENT: Final = "inquiries.acknowledgement"
REFERRAL: Final = "inquiries.referral"
HAND_OFF: Final = "inquiries.hand_off"
ASK_IDENTITY: Final = "inquiries.identity"
EXTENSION: Final = "inquiries.extension"
RESPONSE: Final = "inquiries.response"
REJECTION: Final = "inquiries.rejection"

GREETING = "Dear {name},\n\n"
CLOSING = (
    "\n\nIf you are not content with how we handle your inquiry, answer this letter first. You can also turn, "
    "free of charge, to:\n\n{dispute_body}\n\nOur contact: {contact}\nPlease name {reference} when you write.\n\n"
    "Yours sincerely,\n{company}"
)
EVERYWHERE: Mapping[str, str] = {
    "reference": "PI-2026-000123",
    "name": "Pat Sample",
    "received_on": "3 March 2026",
    "channel": "e-mail",
    "company": "Customer Portfolios LLC",
    "contact": "privacy@example.com, +1-617-555-0100",
    "dispute_body": "Association of National Advertisers (ANA)\n2020 K Street NW, Suite 660\nWashington, DC 20006",
}


def _register(
    code: str, label: str, subject: str, body: str, required: set[str], **more: str
) -> None:
    register_purpose(
        code,
        label,
        placeholders={**EVERYWHERE, **more},
        default_subject=subject,
        default_body=body,
        required=frozenset({"reference", *required}),
        case_kinds=frozenset({"requests.inquiry"}) if code == ACKNOWLEDGEMENT else frozenset(),
        values=_acknowledgement if code == ACKNOWLEDGEMENT else None,
    )


def _acknowledgement(case: Any, now: datetime) -> tuple[Party, Mapping[str, str]]:
    return sender(case), values_of(case, now, next_step=NEXT_STEP)


NEXT_STEP = (
    "We find out which of our clients your inquiry concerns and forward it to them within two business days. "
    "They decide, and we carry it out and tell you the outcome"
)


def register() -> None:
    """Register the purposes; called once, when Django starts."""
    _register(
        ACKNOWLEDGEMENT,
        "Inquiry: acknowledgement",
        "We have received your inquiry {reference}",
        GREETING
        + "we received your inquiry on {received_on} by {channel}. Its reference is {reference}.\n\n"
        "What happens next: {next_step}." + CLOSING,
        {"received_on", "channel", "next_step", "dispute_body"},
        next_step=NEXT_STEP,
    )
    _register(
        REFERRAL,
        "Inquiry: referral letter",
        "We have forwarded your inquiry {reference}",
        GREETING
        + "we process data for other companies, which decide what is done with it. We have forwarded your inquiry "
        "of {received_on} ({right}) to:\n\n{clients}\n\nThey owe you an answer by {due_on}. You need not "
        "write to them again." + CLOSING,
        {"clients", "due_on"},
        clients="Harbor Outfitters",
        right="erasure",
        due_on="17 April 2026",
    )
    _register(
        HAND_OFF,
        "Inquiry: hand-off to the client",
        "A consumer's inquiry for you: {reference}, {days} days left",
        "To {client}\n\na consumer wrote to us about data that we process for you.\n\nThey ask for: {right}\n"
        "Law: {regime}\nReceived by us: {received_on}, by {channel}\nYour deadline: {due_on}; {days} days are left, and our part "
        "does not extend it\nIdentity: {identity}\n\nWord for word:\n\n{words}\n\nPlease instruct us. We erase, "
        "share and package nothing without your instruction.\n\nReference: {reference}\n{contact}\n{company}",
        {"client", "right", "regime", "received_on", "due_on", "days", "words", "identity"},
        client="Harbor Outfitters",
        right="erasure",
        regime="CCPA",
        due_on="17 April 2026",
        days="43",
        identity="not checked",
        words="Please delete everything.",
    )
    _register(
        ASK_IDENTITY,
        "Inquiry: request for proof of identity",
        "We must be sure that it is you: {reference}",
        GREETING
        + "before anything is done with your inquiry of {received_on} we must be sure that it comes from you. "
        "Please tell us: {asked}. We compare it with what is held already, use it for nothing else, and destroy "
        "it afterwards.\n\n{pause} Please answer by {expires_on}." + CLOSING,
        {"asked", "pause", "expires_on"},
        asked="your postcode and telephone number",
        pause="The time to answer you waits until then.",
        expires_on="2 April 2026",
    )
    _register(
        EXTENSION,
        "Inquiry: extension notice",
        "Your inquiry {reference} takes longer",
        GREETING
        + "your inquiry of {received_on} would have been answered by {due_on}. It takes longer because {reason}. "
        "You will have the answer by {new_due_on}." + CLOSING,
        {"reason", "due_on", "new_due_on"},
        due_on="3 April 2026",
        new_due_on="3 June 2026",
        reason="the request is complex",
    )
    _register(
        RESPONSE,
        "Inquiry: final response",
        "The outcome of your inquiry {reference}",
        GREETING
        + "this is the outcome of your inquiry of {received_on}.\n\n{outcomes}\n\nIf it was a complaint that "
        "remains unresolved after the dispute body's procedure, binding arbitration may be open to you; it "
        "awards no money." + CLOSING,
        {"outcomes", "dispute_body"},
        outcomes="Harbor Outfitters: complied with in whole.",
    )
    _register(
        REJECTION,
        "Inquiry: rejection",
        "About your inquiry {reference}",
        GREETING
        + "we cannot comply with your inquiry of {received_on}. The ground: {ground}.\n\nYou can ask us to look at "
        "it again by answering this letter within 60 days." + CLOSING,
        {"ground", "dispute_body"},
        ground="identity not verified",
    )


@dataclass(frozen=True)
class Message:
    """What a member of staff sends: by which way, to whom, and the words as they have left them."""

    way: str
    to: Party
    subject: str
    body: str


def sender(inquiry: Inquiry) -> Party:
    """Whom the answer goes to."""
    name, email, lines = inquiry.unseal_content().get("sender", ["", "", []])
    return Party(name, email, tuple(lines))


def values_of(inquiry: Inquiry, now: datetime, **more: str) -> dict[str, str]:
    """A value for each placeholder that every letter of an inquiry offers."""
    return {
        "reference": inquiry.reference,
        "name": sender(inquiry).name or "Sir or Madam",
        "received_on": f"{inquiry.received_at:%-d %B %Y}",
        "channel": Channel(inquiry.channel).label.lower(),
        "company": settings.COMPANY_NAME,
        "contact": f"{settings.PRIVACY_MAILBOX}, {contacts.TELEPHONE}",
        "dispute_body": "\n".join(contacts.dispute_body(now.date())),
        **more,
    }


def proposed(inquiry: Inquiry, purpose: str, now: datetime, **more: str) -> Message:
    """The letter as the newest template has it, for staff to read and change before it is sent."""
    to = sender(inquiry)
    values = values_of(inquiry, now, **more)
    text = templates.current(purpose)
    if inquiry.channel == Channel.TELEPHONE and not to.email and not to.address_lines:
        way = TOLD
    else:
        way = Letter.Way.EMAIL if to.email else Letter.Way.LETTER
    return Message(way, to, fill(text.subject, values), fill(text.body, values))


def send(
    inquiry: Inquiry,
    purpose: str,
    message: Message,
    *,
    by: User,
    now: datetime,
    **more: str,
) -> UUID | None:
    """Send what staff have approved and keep it on the case; the letter's id, or None where it was only said.

    A placeholder of `more` that the words still hold ("{ground}") gets its value now. Raises Refused where the way
    needs an address that is not there, or where there is no text.
    """
    words = message.body.strip()
    for name, value in more.items():
        words = words.replace(f"{{{name}}}", value)
    if not words:
        raise Refused("Write what the consumer is told.", code="no_text")
    if message.way == TOLD:
        said = f"{message.subject}\n\n{words}"
        thread.add(inquiry, direction="out", channel=Channel.TELEPHONE, text=said, by=by, now=now)
        return None
    letter = correspondence.draft(
        inquiry,
        purpose,
        to=message.to,
        values=values_of(inquiry, now, **more),
        by=by,
        now=now,
        way=message.way,
        in_reply_to=str(inquiry.unseal_content().get("message_id", "")),
    )
    correspondence.revise(
        letter,
        inquiry,
        subject=message.subject,
        body=words,
        to=message.to,
        by=by,
        now=now,
    )
    correspondence.send(letter, inquiry, by=by, now=now)
    return letter.pk


def send_hand_off(
    branch: InquiryBranch, inquiry: Inquiry, values: Mapping[str, str], *, by: User, now: datetime
) -> int:
    """Write to each person of the client who may instruct us, or else to everybody there; how many (document 2)."""
    reachable = ClientContact.objects.filter(client_id=branch.client_id).exclude(email="")
    people = list(reachable.filter(may_instruct=True)) or list(reachable)
    for contact in people:
        letter = correspondence.draft(
            branch,
            HAND_OFF,
            to=Party(contact.name, contact.email),
            values={**values_of(inquiry, now), **values, "reference": branch.reference},
            by=by,
            now=now,
            subject_id=branch.consumer_id,
        )
        correspondence.send(letter, branch, by=by, now=now)
    return len(people)
