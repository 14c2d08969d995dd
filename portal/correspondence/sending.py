"""The outbox's side of a letter: hand the stored bytes to the mail server, and note what became of them.

Invariant: nothing is noted as sent before the server has taken it. A letter goes out twice only where the server
took it and its answer, or our note of it, was lost; both have the same Message-ID then.
"""

import smtplib
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final, cast
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage as DjangoMessage
from django.db import transaction

from portal import ledger, outbox
from portal.cases import files
from portal.cases.models import CaseFile
from portal.correspondence.models import Letter
from portal.correspondence.verbs import SEND_MESSAGE, party_of
from portal.models import User

PERMANENT: Final = 500


class ExactMessage(EmailMessage):
    """A parsed e-mail that is written out as the bytes from which it was read."""

    exact = b""

    def as_bytes(self, *args: Any, **kwargs: Any) -> bytes:
        return self.exact


class StoredMessage(DjangoMessage):
    """An e-mail that was composed before, sent byte for byte through whatever back end is set."""

    def __init__(self, content: bytes, to: str) -> None:
        super().__init__(from_email=settings.PRIVACY_MAILBOX, to=[to])
        self._content = content

    def message(self, *args: Any, **kwargs: Any) -> Any:
        readable = policy.SMTP.clone(message_factory=ExactMessage)
        stored = cast("ExactMessage", message_from_bytes(self._content, policy=readable))
        stored.exact = self._content
        return stored


@outbox.handler(SEND_MESSAGE, says="Send a letter", about="correspondence.letter")
def send_letter(letter_id: UUID, now: datetime) -> None:
    """Send a queued letter. One that was sent, erased with its person or refused for good is left alone."""
    letter = Letter.objects.get(pk=letter_id)
    if letter.state != Letter.State.QUEUED:
        return
    to, copy = party_of(letter).email, _copy_of(letter)
    if not to or copy is None:
        _settle(letter, Letter.State.FAILED, now)
        return
    with files.open_content(copy) as opened:
        content = opened.read()
    try:
        StoredMessage(content, to).send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as refusal:
        if not _is_for_good(refusal):
            raise
        # The server will refuse it again; a person must look at the address.
        _settle(letter, Letter.State.FAILED, now)
        return
    _settle(letter, Letter.State.SENT, now)


def note_bounce(letter: Letter, now: datetime) -> None:
    """Note that an e-mail came back after it was sent: a person must look at the address."""
    sent = Letter.objects.filter(pk=letter.pk, state=Letter.State.SENT, way=Letter.Way.EMAIL)
    if sent.update(state=Letter.State.FAILED, delivered_at=None):
        ledger.record(
            verb="letter.bounce",
            by=User.objects.system(),
            client_id=letter.client_id,
            object_kind=letter._meta.label_lower,
            object_id=letter.pk,
            now=now,
        )


def _is_for_good(refusal: smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) -> bool:
    """Whether the server said 5xx; 4xx asks to try again later (RFC 5321, 4.2.1)."""
    if isinstance(refusal, smtplib.SMTPDataError):
        return refusal.smtp_code >= PERMANENT
    return all(code >= PERMANENT for code, _ in refusal.recipients.values())


def _copy_of(letter: Letter) -> CaseFile | None:
    if letter.copy_id is None:
        return None
    rows = CaseFile.objects.filter(client_id=letter.client_id, sealed__isnull=False)
    return rows.filter(pk=letter.copy_id).first()


def _settle(letter: Letter, state: str, now: datetime) -> None:
    with transaction.atomic():
        locked = Letter.objects.select_for_update(of=("self",)).get(pk=letter.pk)
        if locked.state == Letter.State.QUEUED:
            locked.state = state
            locked.delivered_at = now if state == Letter.State.SENT else None
            locked.save(update_fields=["state", "delivered_at"])
