"""What a received e-mail says, whatever was done to it on its way: sender, subject, text, attachments. Pure.

Invariants:
- No e-mail makes this raise: what cannot be read ends with a verdict, a short code that says why.
- Work and memory are bounded by the size of the e-mail; the limits on headers and parts are looked at before
  anything is parsed.
- HTML is only ever taken for text; nothing of it is fetched, run or shown.
- What machines sent is recognised (RFC 3464, RFC 3834), so that nobody answers it and no loop begins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr
from typing import Final

from portal.correspondence.htmltext import text_of_html

MOST_HEADERS: Final = 1_000
MOST_PARTS: Final = 500
LONGEST_TEXT: Final = 100_000
LONGEST_LINE: Final = 500
LONGEST_HEADER: Final = 20_000
MOST_REFERENCES: Final = 100
CUT: Final = "\n\n[Cut off here. The whole is in the original.]"

BROKEN, TOO_MANY_HEADERS, TOO_MANY_PARTS = "broken", "too_many_headers", "too_many_parts"
NO_SENDER, EMPTY = "no_sender", "empty"
BOUNCE, AUTO_REPLY, AUTOMATIC, MAILING_LIST = "bounce", "auto_reply", "automatic", "mailing_list"
MACHINES: Final = (BOUNCE, AUTO_REPLY, AUTOMATIC, MAILING_LIST)

_ID = re.compile(r"<[^<>\s]{1,400}@[^<>\s]{1,400}>")
_ADDRESS = re.compile(r"[^@\s<>\"(),;:]+@[^@\s<>\"(),;:]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_HEADER_LINE = re.compile(rb"^[!-9;-~]+[ \t]*:", re.MULTILINE)
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_WORD_END = re.compile(r"[\s;(]")
_FAILED = re.compile(r"^Action:\s*failed\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Attachment:
    """A part that is not the text. `name` is what the sender called it."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    """An e-mail as it was read. `verdict` is empty where a person wrote it and it could be read."""

    sender_name: str = ""
    sender: str = ""
    subject: str = ""
    text: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    verdict: str = ""
    returned_ids: tuple[str, ...] = ()

    @property
    def is_automatic(self) -> bool:
        """Whether a machine sent it, which must never get an automatic answer."""
        return self.verdict in MACHINES


def read(raw: bytes) -> Mail:
    """Read an e-mail (RFC 5322). Never raises."""
    verdict = _limits(raw)
    try:
        message = message_from_bytes(_headers(raw) if verdict else raw, policy=policy.compat32)
        found = _read(message)
    except Exception:  # noqa: BLE001  (the parser meets whatever the world sends; the verdict says so)
        return Mail(verdict=verdict or BROKEN)
    return replace(found, verdict=verdict) if verdict else found


def identity_of(raw: bytes) -> tuple[str, bytes]:
    """What makes an e-mail the same when it comes again: its Message-ID, and what its author gave it.

    Headers that the way added are left out. The second part keeps two e-mails apart that broken programs gave
    the same Message-ID.
    """
    try:
        message = message_from_bytes(_headers(raw), policy=policy.compat32)
        named = [str(message.get(name, "")) for name in ("Message-ID", "Date", "From", "Subject")]
    except Exception:  # noqa: BLE001  (as above)
        named = ["", "", "", ""]
    end = _END_OF_HEADERS.search(raw)
    body = raw[end.end() :] if end else raw
    return _first_id(named[0]), "\x1f".join(named).encode("utf-8", "replace") + b"\x1f" + body


def _limits(raw: bytes) -> str:
    if sum(1 for _ in _HEADER_LINE.finditer(_headers(raw))) > MOST_HEADERS:
        return TOO_MANY_HEADERS
    if raw.lower().count(b"\ncontent-type:") > MOST_PARTS or raw.count(b"\n--") > 20 * MOST_PARTS:
        return TOO_MANY_PARTS
    return ""


def _headers(raw: bytes) -> bytes:
    end = _END_OF_HEADERS.search(raw)
    return raw[: end.end()] if end else raw


def _read(message: "Message[str, str]") -> Mail:
    name, address = parseaddr(_header(message, "From"))
    plain, rich, attachments = _parts(message)
    mail = Mail(
        sender_name=_line(name),
        sender=address if _ADDRESS.fullmatch(address) else "",
        subject=_line(_header(message, "Subject")),
        text=_text("\n\n".join(plain) or "\n\n".join(map(text_of_html, rich))),
        message_id=_first_id(_header(message, "Message-ID")),
        references=_references(message),
        attachments=tuple(attachments),
    )
    return replace(mail, verdict=_verdict(message, mail), returned_ids=tuple(_returned(message)))


def _verdict(message: "Message[str, str]", mail: Mail) -> str:
    if message.get_content_type() == "multipart/report":
        return BOUNCE if _param(message, "report-type") == "delivery-status" else AUTOMATIC
    submitted = _WORD_END.split(_header(message, "Auto-Submitted").strip().lower())[0]
    if submitted == "auto-replied" or message.get("X-Autoreply") or message.get("X-Autorespond"):
        return AUTO_REPLY
    if submitted not in ("", "no"):
        return AUTOMATIC
    if not mail.sender:
        return NO_SENDER
    if message.get("List-Id") or message.get("List-Unsubscribe"):
        return MAILING_LIST
    if _header(message, "Precedence").strip().lower() in ("bulk", "list", "junk", "auto_reply"):
        return AUTOMATIC
    if not (mail.subject or mail.text or mail.attachments):
        return EMPTY
    return ""


def _parts(
    message: "Message[str, str]",
) -> tuple[list[str], list[str], list[Attachment]]:
    """The plain texts, the HTML texts and the rest, in their order. An e-mail within is an attachment."""
    plain: list[str] = []
    rich: list[str] = []
    attachments: list[Attachment] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and not _is_attached(part):
            (plain if kind == "text/plain" else rich).append(_decoded(part))
        else:
            attachments.append(_attachment(part, kind))
    return [one for one in plain if one.strip()], rich, attachments


def _leaves(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() != "message":
            waiting += [one for one in reversed(inner) if isinstance(one, Message)]
        else:
            yield part


def _is_attached(part: "Message[str, str]") -> bool:
    return str(part.get("Content-Disposition", "")).strip().lower().startswith("attachment")


def _attachment(part: "Message[str, str]", kind: str) -> Attachment:
    if part.get_content_maintype() == "message":
        inner = part.get_payload()
        content = b"\n".join(one.as_bytes() for one in inner if isinstance(one, Message))
    else:
        content = _bytes(part)
    name = _line(_plainly(part.get_filename() or "")) or "attachment"
    return Attachment(name, kind[:100], content)


def _bytes(part: "Message[str, str]") -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _decoded(part: "Message[str, str]") -> str:
    """The text of a part: in its charset, or else in the likeliest one. Undecodable bytes show as such."""
    content = _bytes(part)
    for charset in (_param(part, "charset"), "utf-8", "cp1252"):
        try:
            return content.decode(charset)
        except (LookupError, ValueError):
            continue
    return content.decode("utf-8", "replace")


def _param(part: "Message[str, str]", name: str) -> str:
    value = part.get_param(name)
    if isinstance(value, tuple):
        value = value[2]
    return _plainly(str(value or "")).strip().lower()


def _returned(message: "Message[str, str]") -> Iterator[str]:
    """The Message-IDs of what a bounce returns, where it says that the delivery failed for good."""
    if message.get_content_type() != "multipart/report":
        return
    parts = list(message.walk())
    if not any(_FAILED.search(str(part)) for part in parts if _is_status(part)):
        return
    for part in parts:
        if part is not message and part.get("Message-ID"):
            yield _first_id(str(part["Message-ID"]))
        elif part.get_content_type() == "text/rfc822-headers":
            yield from _ID.findall(_decoded(part))[:MOST_REFERENCES]


def _is_status(part: "Message[str, str]") -> bool:
    return part.get_content_type() == "message/delivery-status"


def _header(message: "Message[str, str]", name: str) -> str:
    """A header in plain text, whatever its encoding is."""
    return _plainly(str(message.get(name, ""))[:LONGEST_HEADER])


def _plainly(value: str) -> str:
    try:
        pieces = decode_header(value)
    except Exception:  # noqa: BLE001  (a broken encoded word is shown as it is)
        return value
    return "".join(_piece(text, charset) for text, charset in pieces)


def _piece(text: str | bytes, charset: str | None) -> str:
    if isinstance(text, str):
        return text
    for tried in (charset or "ascii", "utf-8", "cp1252"):
        try:
            return text.decode(tried)
        except (LookupError, ValueError):
            continue
    return text.decode("utf-8", "replace")


def _references(message: "Message[str, str]") -> tuple[str, ...]:
    """What it answers: In-Reply-To first, then the references from the newest to the oldest."""
    answered = _ID.findall(_header(message, "In-Reply-To"))
    chain = _ID.findall(_header(message, "References"))[::-1]
    return tuple(dict.fromkeys([*answered, *chain]))[:MOST_REFERENCES]


def _first_id(value: str) -> str:
    found = _ID.search(value)
    return found[0] if found else ""


def _clean(text: str) -> str:
    """Without what a person cannot see, and without halves of characters."""
    return _CONTROL.sub("", text).encode("utf-8", "replace").decode()


def _line(text: str) -> str:
    return " ".join(_clean(text).split())[:LONGEST_LINE]


def _text(text: str) -> str:
    tidy = _clean(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return tidy if len(tidy) <= LONGEST_TEXT else tidy[:LONGEST_TEXT] + CUT
