"""What the second person approves, and who that person may be (R36).

Invariants:
- An approval binds to what was read: the page posts the mark of the people and the instruction that it showed,
  and the verb compares it with what the case holds by now, under the case's lock.
- Whoever logged the case, or chose who is meant by one of its rows, is not its second person.
"""

from datetime import datetime
from hashlib import sha256
from itertools import chain

from clients.instructions import verbs as instructions
from clients.models import Instruction
from consumers.imports.staging import lock_client
from portal.errors import Refused
from portal.ledger.models import Leaf, Outcome
from portal.models import User
from requests.erasures import tokens
from requests.erasures.models import Erasure
from requests.erasures.subjects import has_newcomers

CHOOSING = ("start", "resolve", "leave_out")
"""The verbs by which somebody decides who is meant: what the columns mean, who a row is, which are left out."""


def mark_of(erasure: Erasure) -> str:
    """What stands for the people and the instruction of `erasure` as they are now: 64 hexadecimal digits.

    Rows of data that come in about the same people meanwhile do not change it: all of a person is erased.
    """
    rows = erasure.subjects.order_by("row_number").values_list("row_number", "match", "consumer_id")
    parts = chain([(erasure.pk, erasure.instruction_id)], rows.iterator(chunk_size=10_000))
    mark = sha256()
    for part in parts:
        mark.update(f"{part}\n".encode())
    return mark.hexdigest()


def check_read(erasure: Erasure, read: str) -> None:
    """Raise Refused unless `read` is the mark of what the case holds now."""
    if read != mark_of(erasure):
        raise Refused(
            "The people of this erasure have changed since you opened the page. Read the preview below "
            "again, then confirm it.",
            code="changed",
        )


def check_still_meant(erasure: Erasure) -> None:
    """Raise Refused where somebody is on file by now who could be meant too, and nobody has looked at that.

    Holds back the client's imports until the end of the transaction: whoever a batch was bringing in is seen
    here, and every later batch sees the tokens that the caller writes (R39).
    """
    lock_client(erasure.client_id)
    if has_newcomers(erasure):
        raise Refused(
            "Somebody has come on file since these people were matched who could be meant as well. "
            "Match again, and settle who is meant.",
            code="newcomers",
        )


def check_second_person(erasure: Erasure, by: User) -> None:
    """Raise Refused where `by` had a part in deciding whom the erasure is about."""
    if erasure.logged_by_id == by.pk:
        raise Refused(
            "You logged this erasure; another Security Officer must approve it.", code="four_eyes"
        )
    settled = Leaf.objects.filter(
        object_id=erasure.pk,
        verb__in=[f"{Erasure.VERB_PREFIX}.{verb}" for verb in CHOOSING],
        outcome=Outcome.DONE,
        actor=by,
    )
    if settled.exists():
        raise Refused(
            "You decided whom this erasure is about; another Security Officer must approve it.",
            code="four_eyes",
        )


def check_covered(erasure: Erasure, now: datetime) -> None:
    """Raise Refused unless the client's instruction still covers the case (R1)."""
    instructions.check_covers(
        erasure.instruction,
        kind=Instruction.Kind.ERASURE,
        client_id=erasure.client_id,
        now=now,
        case_id=erasure.pk,
    )


def take_back(erasure: Erasure) -> None:
    """Undo an approval that has destroyed nothing yet: its tokens go, and it must be given anew.

    The caller holds the lock, stores the case and says in which state it stands now.
    """
    tokens.lift(erasure)
    erasure.approved_at = erasure.approved_by = erasure.suppressed_at = None
    erasure.recall_until = None
