"""The privacy mailbox on its server: connect, list, fetch one, put away. The only module that speaks IMAP.

`PRIVACY_IMAP_URL` is `imaps://user:password@host[:port]/folder`. `imap://` begins in clear and goes on under TLS
(STARTTLS); only on this machine itself may it stay in clear.
"""

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from django.conf import settings
from imap_tools import (
    AND,
    BaseMailBox,
    MailBox,
    MailBoxStartTls,
    MailBoxUnencrypted,
)
from imap_tools.errors import ImapToolsError

TIMEOUT: Final = 30.0
FAULTS: Final = (OSError, imaplib.IMAP4.error, ImapToolsError)
"""What says that the mailbox cannot be reached or does not do what we ask."""
HERE: Final = ("localhost", "127.0.0.1", "::1")
_CHUNK: Final = 100
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')


class BadUrl(ValueError):
    """PRIVACY_IMAP_URL is none of an IMAP server. The text never repeats it."""


@dataclass(frozen=True)
class Listed:
    """An e-mail as the server lists it. `received_at` is its INTERNALDATE; `size` is in bytes."""

    uid: int
    received_at: datetime
    size: int


@dataclass(frozen=True)
class Address:
    """The parts of PRIVACY_IMAP_URL."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    folder: str


def address() -> Address:
    """The mailbox that is configured. Raises BadUrl."""
    try:
        url = urlsplit(settings.PRIVACY_IMAP_URL)
        port = url.port or {"imaps": 993, "imap": 143}[url.scheme]
    except (KeyError, ValueError):
        raise BadUrl("PRIVACY_IMAP_URL must begin with imaps:// or imap://.") from None
    if not (url.hostname and url.username and url.password):
        raise BadUrl("PRIVACY_IMAP_URL must name a user, a password and a host.")
    folder = unquote(url.path.strip("/")) or "INBOX"
    return Address(
        url.scheme, url.hostname, port, unquote(url.username), unquote(url.password), folder
    )


class Connection:
    """An open mailbox whose folder is selected."""

    def __init__(self, box: BaseMailBox, folder: str) -> None:
        self._box = box
        box.folder.set(folder)
        self.uidvalidity = int(box.folder.status(folder, ["UIDVALIDITY"])["UIDVALIDITY"])

    def list(self) -> Iterator[Listed]:
        """What lies in the folder, oldest first."""
        uids = sorted(self._box.uids("ALL"), key=int)
        for at in range(0, len(uids), _CHUNK):
            chunk = ",".join(uids[at : at + _CHUNK])
            _, answer = self._box.client.uid("FETCH", chunk, "(UID INTERNALDATE RFC822.SIZE)")
            for line in answer:
                if isinstance(line, bytes) and (listed := _listed(line)):
                    yield listed

    def fetch(self, uid: int, *, only_headers: int = 0) -> bytes | None:
        """The bytes of an e-mail, which stays unread; None where it is gone. Of a large one the first bytes only."""
        part = f"BODY.PEEK[HEADER]<0.{only_headers}>" if only_headers else "BODY.PEEK[]"
        status, answer = self._box.client.uid("FETCH", str(uid), f"({part})")
        if status != "OK":
            raise imaplib.IMAP4.error("The server did not give an e-mail.")
        for item in answer:
            if isinstance(item, tuple) and isinstance(item[1], bytes):
                return item[1]
        return None

    def put_away(self, uid: int) -> None:
        """Move an e-mail that was stored to the folder of those that were."""
        done = settings.PRIVACY_IMAP_DONE_FOLDER
        if not self._box.folder.exists(done):
            self._box.folder.create(done)
        self._box.move([str(uid)], done)

    def forget_before(self, day: date) -> int:
        """Delete what was put away and came before `day`. Returns how many."""
        done = settings.PRIVACY_IMAP_DONE_FOLDER
        if not self._box.folder.exists(done):
            return 0
        self._box.folder.set(done)
        old = self._box.uids(AND(date_lt=day))
        self._box.delete(old)
        return len(old)


def _listed(line: bytes) -> Listed | None:
    uid, size, at = _UID.search(line), _SIZE.search(line), _DATE.search(line)
    if not (uid and size and at):
        return None
    moment = datetime.strptime(at[1].decode().strip(), "%d-%b-%Y %H:%M:%S %z")
    return Listed(int(uid[1]), moment, int(size[1]))


@contextmanager
def connect() -> Iterator[Connection]:
    """Log in and select the folder. Raises one of FAULTS, or BadUrl."""
    where = address()
    box = _open(where)
    try:
        box.login(where.user, where.password, initial_folder=None)
        yield Connection(box, where.folder)
    finally:
        with suppress(*FAULTS):
            box.logout()
        with suppress(*FAULTS):
            box.client.shutdown()


def _open(where: Address) -> BaseMailBox:
    context = ssl.create_default_context()
    if where.scheme == "imaps":
        return MailBox(where.host, where.port, timeout=TIMEOUT, ssl_context=context)
    if where.host in HERE:
        return MailBoxUnencrypted(where.host, where.port, timeout=TIMEOUT)
    return MailBoxStartTls(where.host, where.port, timeout=TIMEOUT, ssl_context=context)
