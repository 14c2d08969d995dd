"""A released letter as bytes: an e-mail (RFC 5322, text part, attachments) or a PDF for the post."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any, Final

from django.conf import settings

from portal.cases import files
from portal.cases.models import CaseFile
from portal.correspondence.models import Letter
from portal.letters import render_pdf

LONGEST_CHAIN: Final = 20
"""So many of our earlier e-mails are named as references at most."""


@dataclass(frozen=True)
class Composed:
    """What is delivered, byte for byte, and how it is kept on the case."""

    content: bytes
    kind: str
    name: str
    content_type: str


def compose(
    letter: Letter, content: dict[str, Any], *, now: datetime, is_automatic: bool = False
) -> Composed:
    """The letter as it goes out. `content` is its unsealed content.

    `is_automatic` says that no person released it, which an e-mail tells other machines (RFC 3834).
    """
    if letter.way == Letter.Way.LETTER:
        return _pdf(letter, content, now)
    return _email(letter, content, now, is_automatic)


def message_id(letter: Letter) -> str:
    """The Message-ID of a letter: its id, so that a reply finds its thread."""
    return f"<{letter.pk}@{settings.MAIL_DOMAIN}>"


def _pdf(letter: Letter, content: dict[str, Any], now: datetime) -> Composed:
    name, _, lines = content["to"]
    data = {
        "title": content["subject"],
        "company": settings.COMPANY_NAME,
        "reference": letter.case_reference,
        "address": [line for line in (name, *lines) if line],
        "written_on": f"{now:%-d %B %Y}",
        "paragraphs": [part.strip() for part in content["body"].split("\n\n") if part.strip()],
    }
    pdf = render_pdf("letter.typ", data, made_at=now)
    return Composed(pdf, "letter", f"{letter.case_reference} letter.pdf", "application/pdf")


def _email(letter: Letter, content: dict[str, Any], now: datetime, is_automatic: bool) -> Composed:
    name, address, _ = content["to"]
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = formataddr((settings.COMPANY_NAME, settings.PRIVACY_MAILBOX))
    message["Reply-To"] = settings.PRIVACY_MAILBOX
    message["To"] = formataddr((_header(name), address))
    message["Subject"] = content["subject"]
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(letter)
    for header, value in _thread_headers(letter, content):
        message[header] = value
    if is_automatic:
        message["Auto-Submitted"] = (
            "auto-replied" if content.get("in_reply_to") else "auto-generated"
        )
    message.set_content(content["body"] + "\n")
    for row in _attached(letter):
        main, _, sub = row.content_type.partition("/")
        with files.open_content(row) as opened:
            message.add_attachment(
                opened.read(),
                maintype=main or "application",
                subtype=sub or "octet-stream",
                filename=row.unseal_content().get("name", "file"),
            )
    return Composed(
        message.as_bytes(), "sent", f"{letter.case_reference} e-mail.eml", "message/rfc822"
    )


def _thread_headers(letter: Letter, content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What puts the e-mail into its conversation: what it answers, and what we wrote to the same address before."""
    chain = [
        message_id(one)
        for one in Letter.objects.filter(
            client_id=letter.client_id,
            case_id=letter.case_id,
            way=Letter.Way.EMAIL,
            released_at__isnull=False,
        ).order_by("-released_at")[:LONGEST_CHAIN]
        if one.unseal_content().get("to", ["", ""])[1] == content["to"][1]
    ][::-1]
    answered = _header(content.get("in_reply_to", ""))
    if answered:
        yield "In-Reply-To", answered
        chain = [*(one for one in chain if one != answered), answered]
    if chain:
        yield "References", " ".join(chain)


def _header(text: str) -> str:
    """A value that cannot start a header of its own."""
    return " ".join(text.split())


def _attached(letter: Letter) -> list[CaseFile]:
    return list(
        CaseFile.objects.filter(
            client_id=letter.client_id, case_id=letter.case_id, pk__in=letter.attachments
        )
    )
