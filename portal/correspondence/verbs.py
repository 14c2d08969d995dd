"""What is done with a letter: drafted from a template, revised, sent or posted, discarded.

Invariants: the bytes that are delivered are those that were composed, sealed and stored on the case when a
person released the letter; only a draft can be changed; the outbox carries the letter's id alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal import outbox
from portal.cases import files, thread
from portal.cases.models import Case, CaseFile
from portal.cases.verbs import record_verb
from portal.correspondence import composing, templates
from portal.correspondence.models import Letter
from portal.correspondence.placeholders import fill
from portal.correspondence.purposes import LETTER, Party, purpose
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, DISPUTE_STAFF, SECURITY_OFFICER, SYSTEM, check_role

SEND_MESSAGE = "correspondence.send"
LONGEST_SUBJECT = 200
WRITERS = (SECURITY_OFFICER, ACCOUNT_MANAGER, DISPUTE_STAFF)


def draft(
    case: Case,
    purpose_code: str,
    *,
    to: Party,
    values: Mapping[str, str],
    by: User,
    now: datetime,
    way: str = "",
    subject_id: UUID | None = None,
    attachments: Sequence[CaseFile] = (),
    in_reply_to: str = "",
) -> Letter:
    """Draft a letter of `case` from the purpose's newest version, filled with `values`.

    `way` is "email" or "letter" (default: the purpose's). `attachments` are files of the same case.
    `in_reply_to` is the Message-ID that an e-mail answers. Raises Refused where an attachment is another
    case's, KeyError where a placeholder has no value.
    """
    check_can_write(case, by)
    found = templates.current(purpose_code)
    if any(one.case_id != case.pk for one in attachments):
        raise Refused("Only files of this case can be attached.", code="attachment")
    letter = Letter(
        client_id=case.client_id,
        case_kind=case._meta.label_lower,
        case_id=case.pk,
        case_reference=case.reference,
        subject_id=subject_id,
        purpose=purpose_code,
        version=found,
        way=way or purpose(purpose_code).channel,
        drafted_at=now,
        drafted_by=by,
        attachments=[one.pk for one in attachments],
    )
    with transaction.atomic():
        letter.seal_content(
            {
                "to": [to.name, to.email, list(to.address_lines)],
                "subject": _one_line(fill(found.subject, values)),
                "body": fill(found.body, values).strip(),
                "in_reply_to": in_reply_to,
            }
        )
        letter.save(force_insert=True)
        record_verb(case, "draft_letter", by=by, now=now, reason=_code(purpose_code))
    return letter


def check_can_write(case: Case, by: User) -> None:
    """Raise Refused unless `by` may write letters of `case`."""
    check_role(by, *WRITERS, SYSTEM)
    case.check_reach(by)


def revise(
    letter: Letter, case: Case, *, subject: str, body: str, to: Party, by: User, now: datetime
) -> None:
    """Change a draft. Raises Refused for a letter that was released, or without a text."""
    if not subject.strip() or not body.strip():
        raise Refused("A letter needs a subject and a text.", code="empty")
    with _changing(letter, case, by) as locked:
        content = locked.unseal_content()
        content |= {
            "to": [to.name, to.email, list(to.address_lines)],
            "subject": _one_line(subject),
            "body": body.strip(),
        }
        locked.seal_content(content)
        record_verb(case, "revise_letter", by=by, now=now)


def discard(letter: Letter, case: Case, *, by: User, now: datetime) -> None:
    """Throw a draft away; its text is emptied."""
    with _changing(letter, case, by) as locked:
        locked.state, locked.sealed = Letter.State.DISCARDED, None
        record_verb(case, "discard_letter", by=by, now=now)


def check_can_send(letter: Letter) -> None:
    """Raise Refused where a letter cannot go out as it is."""
    _check_draft(letter)
    to = party_of(letter)
    if letter.way == Letter.Way.EMAIL and not to.email:
        raise Refused("There is no e-mail address to send it to.", code="no_address")
    if letter.way == Letter.Way.LETTER and not to.address_lines:
        raise Refused("A letter by post needs an address.", code="no_address")


def send(letter: Letter, case: Case, *, by: User, now: datetime) -> None:
    """Release a draft: compose it, keep the exact bytes on the case, and hand it to the outbox or the post."""
    with _changing(letter, case, by) as locked:
        check_can_send(locked)
        content = locked.unseal_content()
        made = composing.compose(locked, content, now=now, is_automatic=by.is_system)
        copy = files.attach(
            case,
            made.content,
            kind=made.kind,
            name=made.name,
            content_type=made.content_type,
            by=by,
            now=now,
            subject_id=locked.subject_id,
        )
        thread.add(
            case,
            direction="out",
            channel=locked.way,
            text=f"{content['subject']}\n\n{content['body']}",
            by=by,
            now=now,
            subject_id=locked.subject_id,
        )
        locked.copy_id, locked.released_at, locked.released_by = copy.pk, now, by
        if locked.way == LETTER:
            locked.state = Letter.State.TO_POST
        else:
            locked.state = Letter.State.QUEUED
            outbox.put(SEND_MESSAGE, locked.pk, now=now)
        record_verb(case, "send_letter", by=by, now=now, reason=_code(locked.purpose))


def mark_posted(letter: Letter, case: Case, *, by: User, now: datetime) -> None:
    """Note that a printed letter was handed to the post."""
    check_can_write(case, by)
    with transaction.atomic():
        locked = _lock(letter)
        if letter.case_id != case.pk or locked.state != Letter.State.TO_POST:
            raise Refused("Only a letter that waits to be posted can be.", code="state")
        locked.state, locked.delivered_at = Letter.State.POSTED, now
        locked.save()
        record_verb(case, "post_letter", by=by, now=now)
    letter.refresh_from_db()


def party_of(letter: Letter) -> Party:
    """Whom the letter goes to; empty where it was erased."""
    name, email, lines = letter.unseal_content().get("to", ["", "", []])
    return Party(name, email, tuple(lines))


def letters_of(case: Case) -> list[Letter]:
    """The letters of `case`, the newest first."""
    return list(
        Letter.objects.filter(client_id=case.client_id, case_id=case.pk).select_related(
            "version", "drafted_by", "released_by"
        )
    )


@contextmanager
def _changing(letter: Letter, case: Case, by: User) -> Iterator[Letter]:
    """The locked draft; stored after the body, and the caller's copy refreshed."""
    if letter.case_id != case.pk:
        raise Refused("This letter is another case's.", code="other_case")
    check_can_write(case, by)
    with transaction.atomic():
        locked = _lock(letter)
        _check_draft(locked)
        yield locked
        locked.save()
    letter.refresh_from_db()


def _lock(letter: Letter) -> Letter:
    return Letter.objects.select_for_update(of=("self",)).get(pk=letter.pk)


def _check_draft(letter: Letter) -> None:
    if letter.state != Letter.State.DRAFT:
        raise Refused(
            f"This letter is {letter.get_state_display().lower()} and cannot be changed any more.",
            code="state",
        )


def _one_line(text: str) -> str:
    """A subject cannot start a header of its own."""
    return " ".join(text.split())[:LONGEST_SUBJECT]


def _code(purpose_code: str) -> str:
    return purpose_code.replace(".", "_")
