"""What time and moved drops do to catalog suppressions; set-based, because there may be many.

Invariants:
- A tail closes when its last drop was mailed or cancelled, or when the six months are over; a suppression
  completes when the six months are over, on the day after their last one in the client's time zone.
- Work goes by batches that are locked and skipped by others, so that two runs never do the same row twice.
- What was written for a drop is only ever replaced by `reclassify`'s answer; tail is never added.
- A drop that is new concerns what is open by the clock, whether or not `advance` has run since. One whose list holds the person already concerns what is complete
  too: it may be moved when its time is over, and would be mailed after the six months.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.dispatch import receiver

from clients.drops import drop_changed
from clients.models import MailDrop
from portal.cases.verbs import record_verb
from portal.clocks import local_day
from portal.models import User
from requests.suppressions.models import CatalogSuppression
from requests.suppressions.verbs import STILL_TO_MAIL

BATCH: Final = 1_000

# The first line about dates is for the partial index of what is open: the day of a client is at most one ahead
# of that of UTC, and the second line then asks the client's own clock.
_OVER = """
    s.tail_ends_on < (%(now)s AT TIME ZONE 'UTC')::date + 1
    AND s.tail_ends_on < (%(now)s AT TIME ZONE c.time_zone)::date"""
_OVER_SQL: Final = f"""
SELECT s.id FROM requests_catalogsuppression s JOIN clients_client c ON c.id = s.client_id
WHERE s.closed_at IS NULL AND s.state = ANY(%(states)s) AND {_OVER}
ORDER BY s.tail_ends_on LIMIT %(batch)s FOR UPDATE OF s SKIP LOCKED"""  # noqa: S608  (constants)
_TAIL_DONE_SQL: Final = """
SELECT s.id FROM requests_catalogsuppression s
WHERE s.closed_at IS NULL AND s.state = ANY(%(states)s) AND NOT EXISTS (
    SELECT 1 FROM requests_suppresseddrop t JOIN clients_maildrop d ON d.id = t.drop_id
    WHERE t.suppression_id = s.id AND t.classification = 'tail' AND d.state = ANY(%(to_mail)s))
LIMIT %(batch)s FOR UPDATE OF s SKIP LOCKED"""


def advance(now: datetime) -> dict[str, int]:
    """Close tails and complete suppressions. Returns how many of each; every one leaves its leaf."""
    closed = _all("close_tail", _TAIL_DONE_SQL, now) + _all("close_tail", _OVER_SQL, now)
    return {"tails_closed": closed, "completed": _all("complete", _OVER_SQL, now)}


def _all(verb: str, sql: str, now: datetime) -> int:
    done = 0
    while moved := _batch(verb, sql, now):
        done += moved
    return done


def _batch(verb: str, sql: str, now: datetime) -> int:
    """Take one batch through `verb`, whose sources and target are those of the state table."""
    transition = CatalogSuppression.TABLE.transitions[verb]
    system = User.objects.system()
    with transaction.atomic():
        ids = _ids(sql, {"now": now, "states": sorted(transition.sources), "batch": BATCH})
        rows = list(CatalogSuppression.objects.filter(pk__in=ids))
        for row in rows:
            row.enter(transition.target or row.state, now)
            record_verb(row, verb, by=system, now=now)
        CatalogSuppression.objects.filter(pk__in=ids).update(
            state=transition.target,
            state_at=now,
            closed_at=rows[0].closed_at if rows else None,
        )
    return len(rows)


def _ids(sql: str, values: dict[str, Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**values, "to_mail": [str(state) for state in STILL_TO_MAIL]})
        return [row[0] for row in cursor.fetchall()]


# ------------------------------------------------------------------------------------ moved drops

_CLASS = """
CASE WHEN s.effective_at <= %(last_call_at)s THEN 'suppressed'
     WHEN {before_was_tail} AND %(mail_date)s <= s.tail_ends_on THEN 'tail'
     ELSE 'violation' END"""
_CONCERNED = """
s.client_id = %(client_id)s AND s.closed_at IS NULL AND s.tail_ends_on >= %(today)s
AND (s.brand_id IS NULL OR %(brand_id)s::uuid IS NULL OR s.brand_id = %(brand_id)s::uuid)"""
_CHANGE_SQL: Final = f"""
UPDATE requests_suppresseddrop t
SET classification = {_CLASS.format(before_was_tail="t.classification = 'tail'")},
    lock_at = %(last_call_at)s, mail_date = %(mail_date)s, classified_at = %(now)s
FROM requests_catalogsuppression s
WHERE t.drop_id = %(drop_id)s AND s.id = t.suppression_id AND s.state <> 'lifted'
AND (t.lock_at, t.mail_date) IS DISTINCT FROM (%(last_call_at)s, %(mail_date)s)"""  # noqa: S608
_ADD_SQL: Final = f"""
INSERT INTO requests_suppresseddrop
    (client_id, suppression_id, drop_id, classification, lock_at, mail_date, classified_at)
SELECT s.client_id, s.id, %(drop_id)s, {_CLASS.format(before_was_tail="FALSE")},
    %(last_call_at)s, %(mail_date)s, %(now)s
FROM requests_catalogsuppression s
WHERE {_CONCERNED}
AND NOT EXISTS (
    SELECT 1 FROM requests_suppresseddrop t WHERE t.suppression_id = s.id AND t.drop_id = %(drop_id)s)
ON CONFLICT (suppression_id, drop_id) DO NOTHING"""  # noqa: S608
_VIOLATED_SQL: Final = """
UPDATE requests_catalogsuppression s SET has_violation = TRUE
FROM requests_suppresseddrop t
WHERE t.drop_id = %(drop_id)s AND t.classification = 'violation' AND t.classified_at = %(now)s
AND s.id = t.suppression_id AND s.state <> 'lifted'
RETURNING s.id"""


@receiver(drop_changed, dispatch_uid="suppressions.drop_changed")
def on_drop_changed(drop: MailDrop, by: User, now: datetime, **_: Any) -> None:
    """Classify a drop anew for every open suppression that it concerns, in the drop's own transaction."""
    if drop.state in STILL_TO_MAIL:
        classify_drop(drop, by=by, now=now)


def classify_drop(drop: MailDrop, *, by: User, now: datetime) -> int:
    """Add the drop to the open suppressions that lack it, and refresh it in all that have it but lifted ones.

    Added as suppressed or violation, never as tail; each new violation is noted on its case (R35). Returns
    the number of violations.
    """
    values = {
        "drop_id": drop.pk,
        "client_id": drop.client_id,
        "brand_id": drop.brand_id,
        "last_call_at": drop.last_call_at,
        "mail_date": drop.mail_date,
        "now": now,
        "today": local_day(now, ZoneInfo(drop.client.time_zone)),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CHANGE_SQL, values)
        cursor.execute(_ADD_SQL, values)
        cursor.execute(_VIOLATED_SQL, values)
        violated = [row[0] for row in cursor.fetchall()]
        _note(violated, by=by, now=now)
    return len(violated)


def _note(ids: Sequence[UUID], *, by: User, now: datetime) -> None:
    for row in CatalogSuppression.objects.filter(pk__in=ids):
        record_verb(row, "note_violation", by=by, now=now, reason="drop_moved")
