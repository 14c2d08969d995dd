"""What rooms do with an e-mail that came in: they register a handler, which takes it or leaves it to the next.

A handler that joins replies to their cases is asked before those that open a new case. It runs in the transaction
that settles the e-mail; to raise `Refused` puts the e-mail aside with that code.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings

from portal import vault
from portal.correspondence.mailparts import Mail
from portal.correspondence.models import InboundMessage, Letter
from portal.correspondence.purposes import Party
from portal.house import HOUSE_ID
from portal.models import User

_REFERENCE = re.compile(r"\b[A-Z]{2}-\d{4}-\d{6}\b")
MESSAGE_ID: Final = "message-id"


@dataclass(frozen=True)
class Thread:
    """The case that an e-mail belongs to: its model's label ("requests.inquiry") and its id."""

    case_kind: str
    case_id: UUID
    reference: str = ""


@dataclass(frozen=True)
class Arrival:
    """An e-mail as a room sees it. `thread` is the case whose conversation it goes on with, where that is sure.

    `named` are case references in its subject, which anybody can write there: whoever follows one must know the
    sender as a party of that case. `raw` is the e-mail as it came.
    """

    row: InboundMessage
    mail: Mail
    raw: bytes
    thread: Thread | None
    named: tuple[str, ...]

    @property
    def sender(self) -> Party:
        """Who says that they wrote it."""
        return Party(self.mail.sender_name, self.mail.sender)

    @property
    def received_at(self) -> datetime:
        """When the mail server received it, from which clocks run."""
        return self.row.received_at


@dataclass(frozen=True)
class Taken:
    """The case that took an e-mail."""

    thread: Thread
    reference: str


Handler = Callable[[Arrival, User, datetime], Taken | None]
_joining: list[Handler] = []
_opening: list[Handler] = []


def inbound_handler(function: Handler, *, opens: bool = False) -> Handler:
    """Register what takes e-mails. `opens` says that it opens a new case where no other handler took it."""
    (_opening if opens else _joining).append(function)
    return function


def offer(arrival: Arrival, by: User, now: datetime) -> Taken | None:
    """Let the rooms take it, in the order in which they registered; None where nobody did."""
    for handler in [*_joining, *_opening]:
        taken = handler(arrival, by, now)
        if taken is not None:
            return taken
    return None


def digest_of(message_id: str) -> bytes | None:
    """The keyed digest by which an e-mail's Message-ID is known again; None where it has none."""
    return vault.indexer(HOUSE_ID).digest(MESSAGE_ID, message_id) if message_id else None


def arrival_of(row: InboundMessage, mail: Mail, raw: bytes) -> Arrival:
    """What the rooms are shown of a stored e-mail."""
    named = tuple(dict.fromkeys(_REFERENCE.findall(mail.subject.upper())))
    return Arrival(row, mail, raw, _thread_of(mail, named), named)


def _thread_of(mail: Mail, named: tuple[str, ...]) -> Thread | None:
    """By our own Message-ID, by an earlier e-mail of theirs, or by a reference and an address we wrote to."""
    return _of_our_letter(mail) or _of_their_mail(mail) or _of_reference(mail, named)


def letters_named(message_ids: tuple[str, ...]) -> list[Letter]:
    """Our letters of these Message-IDs, in their order."""
    ids = [found for one in message_ids if (found := _letter_id(one))]
    rows = Letter.objects.in_bulk(ids)
    return [rows[one] for one in ids if one in rows]


def _of_our_letter(mail: Mail) -> Thread | None:
    found = letters_named(mail.references)
    return _thread(found[0]) if found else None


def _thread(letter: Letter) -> Thread:
    return Thread(letter.case_kind, letter.case_id, letter.case_reference)


def _of_their_mail(mail: Mail) -> Thread | None:
    for one in mail.references:
        before = InboundMessage.objects.filter(thread_digest=digest_of(one), state="taken").first()
        if before is not None and before.case_id is not None:
            return Thread(before.case_kind, before.case_id, before.case_reference)
    return None


def _of_reference(mail: Mail, named: tuple[str, ...]) -> Thread | None:
    rows = Letter.objects.filter(case_reference__in=named[:5], released_at__isnull=False)
    for letter in rows.order_by("-released_at")[:50]:
        to = letter.unseal_content().get("to", ["", ""])[1]
        if to and to.lower() == mail.sender.lower():
            return _thread(letter)
    return None


def _letter_id(message_id: str) -> UUID | None:
    name, _, domain = message_id.strip("<>").rpartition("@")
    if domain.lower() != settings.MAIL_DOMAIN.lower():
        return None
    try:
        return UUID(name)
    except ValueError:
        return None
