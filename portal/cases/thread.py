"""The thread of a case: what came in, what went out, what staff noted; sealed entry by entry."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from portal.cases.models import Case, CaseNote
from portal.models import User


@dataclass(frozen=True)
class Entry:
    """An entry as staff read it. `text` is None where its person was erased."""

    note: CaseNote
    text: str | None


def add(
    case: Case,
    *,
    direction: str,
    channel: str,
    text: str,
    by: User,
    now: datetime,
    subject_id: UUID | None = None,
) -> CaseNote:
    """Add an entry to the thread of `case`; its text is sealed under a key of its own."""
    note = CaseNote(
        client_id=case.client_id,
        case_id=case.pk,
        case_reference=case.reference,
        subject_id=subject_id,
        direction=direction,
        channel=channel,
        at=now,
        by=by,
    )
    note.seal_content({"text": text})
    note.save(force_insert=True)
    return note


def entries(case: Case) -> list[Entry]:
    """The thread of `case`, oldest first."""
    notes = CaseNote.objects.filter(client_id=case.client_id, case_id=case.pk).select_related("by")
    return [Entry(note, note.unseal_content().get("text")) for note in notes]


def written_by_people(case: Case) -> int:
    """How many entries can still be read that may name somebody; what the system sent names nobody."""
    notes = CaseNote.objects.filter(client_id=case.client_id, case_id=case.pk, sealed__isnull=False)
    return notes.exclude(by__is_system=True).count()
