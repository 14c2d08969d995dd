"""The binder: everything about a case as one PDF with a table of contents, and as a ZIP with a manifest.

Invariants:
- It is made in memory and kept nowhere; neither it nor a part of it touches the disk.
- A file that cannot be shown in the PDF is listed there with the reason, and is whole in the ZIP; nothing of
  it ever stops the binder.
- The manifest names every file of the ZIP with its size and SHA-256.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any, Final

import orjson
from django.conf import settings
from pypdf import PageObject, PdfReader, PdfWriter

from portal import vault
from portal.cases import files, thread
from portal.cases.models import CaseFile
from portal.correspondence.purposes import purpose
from portal.correspondence.verbs import letters_of
from portal.letters import LetterFailed, render_pdf
from requests.disputes.models import Dispute, day_of
from requests.disputes.panel import conditions
from requests.disputes.timeline import timeline

LONGEST_TEXT: Final = 60_000
"""So many characters of a text are shown in the PDF; the ZIP has all of them."""
MOST_PAGES: Final = 400
"""So many pages of one attached PDF are shown; the ZIP has it whole."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass
class Attachment:
    """A file of the case, opened: `content` is None where it cannot be, `pages` and `text` what the PDF shows."""

    number: int
    row: CaseFile
    name: str
    content: bytes | None
    pages: list[PageObject] = field(default_factory=list)
    text: str = ""
    trouble: str = ""

    @property
    def kept_as(self) -> str:
        """Its name in the ZIP: numbered, without anything that a file system could take for a path."""
        plain = _UNSAFE.sub("-", self.name).strip("-.") or "file"
        return f"files/{self.number:03d}-{plain[-80:]}"


def attachments(case: Dispute) -> list[Attachment]:
    """The files of the case, opened in memory, oldest first."""
    return [_opened(number, row) for number, row in enumerate(files.of_case(case), start=1)]


def _opened(number: int, row: CaseFile) -> Attachment:
    found = Attachment(number, row, row.unseal_content().get("name", ""), None)
    if row.sealed is None:
        found.trouble = "Erased with its person"
        return found
    try:
        with files.open_content(row) as opened:
            found.content = opened.read()
    except (OSError, vault.VaultError):
        found.trouble = "The stored file could not be opened"
        return found
    _show(found, found.content)
    return found


def _show(found: Attachment, content: bytes) -> None:
    """Find out how the PDF can show a file: its pages, its text, or why not. Never raises."""
    kind = found.row.content_type
    try:
        if content.startswith(b"%PDF"):
            _show_pages(found, content)
        elif kind == "message/rfc822":
            found.text = _text_of_email(content)
        elif kind.startswith("text/"):
            found.text = content.decode("utf-8")
        else:
            found.trouble = "Cannot be shown as pages; it is in the ZIP"
    except Exception:  # noqa: BLE001  (whatever a stranger's file does to its reader, the binder is made)
        found.pages, found.text = [], ""
        found.trouble = "Could not be read; it is in the ZIP as it came"
    found.text = found.text.replace("\r\n", "\n")
    if len(found.text) > LONGEST_TEXT:
        found.text = found.text[:LONGEST_TEXT]
        found.trouble = "Only its beginning is shown; it is whole in the ZIP"


def _show_pages(found: Attachment, content: bytes) -> None:
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        found.trouble = "Protected by a password; it is in the ZIP"
        return
    found.pages = list(reader.pages[:MOST_PAGES])
    # A page is read to its last object now, so that a broken one is found before the binder is put together.
    probe = PdfWriter()
    for page in found.pages:
        probe.add_page(page)
    probe.write(io.BytesIO())
    if len(reader.pages) > MOST_PAGES:
        found.trouble = f"Only its first {MOST_PAGES} pages are shown; it is whole in the ZIP"


def _text_of_email(content: bytes) -> str:
    message = message_from_bytes(content, policy=policy.default)
    heads = [
        f"{name}: {message[name]}" for name in ("From", "To", "Date", "Subject") if message[name]
    ]
    part = message.get_body(("plain", "html"))
    return "\n".join([*heads, "", str(part.get_content()) if part else ""])


def binder_pdf(case: Dispute, *, now: datetime) -> bytes:
    """The whole case as one PDF: contents, facts, story, conditions, remedies, thread, letters, files."""
    found = attachments(case)
    data = _front(case, now)
    # Set twice: the contents name the page on which each file begins, and the first setting tells their number.
    front = _set(data, found, 0, now)
    front = _set(data, found, len(PdfReader(io.BytesIO(front)).pages), now)
    writer = PdfWriter()
    writer.append(io.BytesIO(front), import_outline=True)
    for one in found:
        if one.pages:
            begin = len(writer.pages)
            for page in one.pages:
                writer.add_page(page)
            writer.add_outline_item(title=f"File {one.number}", page_number=begin)
    writer.add_metadata({"/Title": str(data["title"]), "/Author": settings.COMPANY_NAME})
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def _set(data: dict[str, Any], found: list[Attachment], pages: int, now: datetime) -> bytes:
    listed, begin = [], pages + 1
    for one in found:
        listed.append(
            {
                "number": one.number,
                "name": one.name or "(erased)",
                "kind": one.row.kind,
                "at": f"{day_of(one.row.at):%-d %B %Y}",
                "pages": f"{begin} to {begin + len(one.pages) - 1}" if one.pages else "",
                "text": one.text,
                "trouble": one.trouble,
            }
        )
        begin += len(one.pages)
    return render_pdf("binder.typ", {**data, "files": listed}, made_at=now)


def _front(case: Dispute, now: datetime) -> dict[str, Any]:
    """What the binder says before the files."""
    content = case.unseal_content()
    name, email, lines = content.get("complainant", ["", "", []])
    return {
        "title": f"Binder of {case.reference}",
        "company": settings.COMPANY_NAME,
        "reference": case.reference,
        "written_on": f"{day_of(now):%-d %B %Y}",
        "facts": _facts(case),
        "complainant": [part for part in (name, *lines, email) if part],
        "complaint": content.get("complaint", "(erased with its person)"),
        "merits": content.get("merits", ""),
        "resolution": content.get("resolution", ""),
        "timeline": [one.sentence for one in timeline(case, now)],
        "conditions": [
            [one.name, "Yes" if one.met else "No", one.evidence, one.source]
            for one in conditions(case, day_of(case.notice_at or now))
        ],
        "remedies": [
            [one.get_kind_display(), f"{one.due_on:%-d %B %Y}", one.standing]
            for one in case.remedies.all()
        ],
        "thread": [
            {
                "head": f"{entry.note.get_direction_display()}, {entry.note.get_channel_display()}, "
                f"{day_of(entry.note.at):%-d %B %Y}",
                "text": entry.text or "(erased)",
            }
            for entry in thread.entries(case)
        ],
        "letters": [
            [
                purpose(letter.purpose).label.removeprefix("Dispute: "),
                str(letter.get_way_display()),
                letter.get_state_display(),
                f"{day_of(letter.drafted_at):%-d %B %Y}",
            ]
            for letter in reversed(letters_of(case))
        ],
    }


def _facts(case: Dispute) -> list[list[str]]:
    return [
        ["Reference", case.reference],
        ["State", case.state_name],
        ["About", case.get_category_display()],
        ["Framework", case.framework.name if case.framework else "None covers it"],
        ["Received", f"{day_of(case.received_at):%-d %B %Y}, {case.get_channel_display().lower()}"],
        ["How it reached us", case.get_arrival_display()],
        ["Dispute body's reference", case.body_reference or "None"],
        ["Client", str(case.controller) if case.controller else "Not known"],
    ]


def binder_zip(case: Dispute, *, now: datetime) -> bytes:
    """The binder, the chronology, the thread and every file as it came, with a manifest of names, sizes, digests."""
    made = io.BytesIO()
    listed = []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members(case, now):
            archive.writestr(_entry(name, now), content)
            digest = hashlib.sha256(content).hexdigest()
            listed.append({"name": name, "size": len(content), "sha256": digest})
        manifest = {"case": case.reference, "made_at": now.isoformat(), "files": listed}
        archive.writestr(
            _entry("manifest.json", now), orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
        )
    return made.getvalue()


def _members(case: Dispute, now: datetime) -> Iterator[tuple[str, bytes]]:
    try:
        yield "binder.pdf", binder_pdf(case, now=now)
    except LetterFailed:
        yield "binder-not-made.txt", b"The binder could not be set as a PDF; the files are below.\n"
    yield "chronology.txt", "\n".join(one.sentence for one in timeline(case, now)).encode()
    for one in attachments(case):
        if one.content is not None:
            yield one.kept_as, one.content


def _entry(name: str, now: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, now.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
