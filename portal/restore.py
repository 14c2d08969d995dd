"""After a restore of the main database: is it older than the erasures in the journal? (R41)

A mark is committed in the main database before a line is written to the journal. A restored database lacks
the marks of what was erased since; then the portal serves 503 and the workers do nothing until
`manage.py replay_erasures`.

Invariant: a number is used for one line only. A mark whose line was never written (a crash in between) gets
an empty line before the next one is written. Else a backup that holds such a mark would pass for one that
knows the erasure which came to stand under its number.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, Error, connection, transaction
from django.db.models import Max

from portal.models import JournalMark
from portal.vault import KeyRef, VaultError, journal

log = logging.getLogger(__name__)
NOBODY = UUID(int=0)
_CHECK_EVERY_SECONDS = 10.0
_LOCK = 0x4A524E4C  # one writer of marks and lines at a time
_state: dict[str, float | bool] = {"checked": 0.0, "pending": False}


def last_mark() -> int:
    """The number of the last journal line that this database knows."""
    return JournalMark.objects.aggregate(last=Max("number"))["last"] or 0


def journal_erasure(
    *,
    client_id: UUID,
    case_id: UUID,
    refs: Sequence[KeyRef],
    owner_ids: Sequence[UUID],
    now: datetime,
) -> int:
    """Commit the mark, then write the journal's line, synced; its number. Not to be called within a transaction."""
    if connection.in_atomic_block and not _in_test_transaction():
        raise RuntimeError("The mark must be committed before the journal's line is written.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            _fill_gap(now)
            number = journal.last_number() + 1
            JournalMark.objects.create(number=number, at=now)
            written = journal.append(
                client_id=client_id, case_id=case_id, refs=refs, owner_ids=owner_ids, now=now
            )
            if written != number:  # A broken connection had let go of the lock.
                mark_replayed([written], now=now)
            return written
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _fill_gap(now: datetime) -> None:
    """Write empty lines for the marks that have none."""
    known = last_mark()
    while journal.last_number() < known:
        number = journal.append(client_id=NOBODY, case_id=NOBODY, refs=(), owner_ids=(), now=now)
        log.warning("line %s of the erasure journal was never written; it is empty now", number)


def _in_test_transaction() -> bool:
    """Whether the only open transaction is the one that a test case wraps around everything."""
    return all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def replay_pending() -> bool:
    """Whether erasures in the journal are missing from this database; asked at most every ten seconds."""
    _connect()
    elapsed = time.monotonic()
    if elapsed - float(_state["checked"]) > _CHECK_EVERY_SECONDS or not _state["checked"]:
        _state["pending"] = _journal_is_ahead()
        _state["checked"] = elapsed
    return bool(_state["pending"])


def _connect() -> None:
    """Have a connection before the answer that is held counts: it may be a new one, to a restored database."""
    try:
        connection.close_if_health_check_failed()
        connection.ensure_connection()
    except Error:
        return  # the database's own trouble is told by the pages themselves


def forget(**_: object) -> None:
    """Ask anew at the next request.

    Called for every new connection to the main database too: it may be another one than before.
    """
    _state["checked"] = 0.0


def _journal_is_ahead() -> bool:
    """A journal that cannot be read closes the gate as well: nobody knows what is missing."""
    try:
        return journal.unreplayed() > 0
    except DatabaseError:
        return False  # the database's own trouble is told by the pages themselves
    except VaultError:
        return True


def mark_replayed(numbers: Sequence[int], *, now: datetime) -> None:
    """Record that the erasures of these lines were carried out again in this database."""
    with transaction.atomic():
        JournalMark.objects.bulk_create(
            [JournalMark(number=number, at=now) for number in numbers], ignore_conflicts=True
        )
    forget()
