"""A released letter as bytes: an e-mail (RFC 5322, text part, attachments) or a PDF for the post."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any

from django.conf import settings

from portal.cases import files
from portal.cases.models import CaseFile
from portal.correspondence.models import Letter
from portal.letters import render_pdf


@dataclass(frozen=True)
class Composed:
    """What is delivered, byte for byte, and how it is kept on the case."""

    content: bytes
    kind: str
    name: str
    content_type: str


def compose(letter: Letter, content: dict[str, Any], *, now: datetime) -> Composed:
    """The letter as it goes out. `content` is its unsealed content."""
    if letter.way == Letter.Way.LETTER:
        return _pdf(letter, content, now)
    return _email(letter, content, now)


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


def _email(letter: Letter, content: dict[str, Any], now: datetime) -> Composed:
    name, address, _ = content["to"]
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = formataddr((settings.COMPANY_NAME, settings.PRIVACY_MAILBOX))
    message["To"] = formataddr((_header(name), address))
    message["Subject"] = content["subject"]
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(letter)
    if content.get("in_reply_to"):
        message["In-Reply-To"] = message["References"] = _header(content["in_reply_to"])
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


def _header(text: str) -> str:
    """A value that cannot start a header of its own."""
    return " ".join(text.split())


def _attached(letter: Letter) -> list[CaseFile]:
    return list(
        CaseFile.objects.filter(
            client_id=letter.client_id, case_id=letter.case_id, pk__in=letter.attachments
        )
    )
