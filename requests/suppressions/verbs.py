"""What is done with a catalog suppression: begun with its opt-out, noted, lifted (R31 to R35).

The six months and the tail are here; that the person is kept out for good is the opt-out's tokens (R31).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q

from clients.models import MailDrop
from portal.cases import thread
from portal.cases.verbs import record_verb, transition
from portal.clocks import deadline, six_months_after
from portal.errors import Refused
from portal.models import User
from portal.regimes import CATALOG_TAIL
from requests.optouts.models import OptOut
from requests.suppressions.classification import TAIL, VIOLATION, classify
from requests.suppressions.models import CatalogSuppression, SuppressedDrop

STILL_TO_MAIL = (
    MailDrop.State.PLANNED,
    MailDrop.State.LOCKED,
    MailDrop.State.MERGED,
    MailDrop.State.AT_PRINTER,
)
"""The states of a drop that can still reach somebody's letter box because of what is done from now on."""


def begin_for(opt_out: OptOut, *, by: User, now: datetime) -> CatalogSuppression:
    """Begin the six months of an opt-out of mail, with the tail frozen as the drops stand now (R35).

    Called within the opt-out's transaction, which holds the client so that no drop is planned meanwhile.
    """
    tz = ZoneInfo(opt_out.client.time_zone)
    effective_at = opt_out.effective_at or now
    ends = deadline(CATALOG_TAIL, effective_at, tz)
    row = CatalogSuppression(
        client=opt_out.client,
        brand_id=opt_out.brand_id,
        opt_out=opt_out,
        channel=opt_out.channel,
        received_at=opt_out.received_at,
        effective_at=effective_at,
        tail_ends_on=six_months_after(effective_at, tz),
        due_at=ends.due_at,
        due_rule=ends.rule.code,
        due_reason=ends.reason.replace("from receipt on", "from the opt-out's effect on"),
    )
    row.open_case(by=by, now=now)
    row.save(force_insert=True)
    counts: dict[str, int] = {}
    frozen = _freeze(row, now)
    state = "tail_open" if TAIL in frozen else "effective"
    with transition(row, "take_effect", by=by, now=now, to=state, counts=counts) as locked:
        counts.update({name: frozen.count(name) for name in dict.fromkeys(frozen)})
        locked.has_violation = VIOLATION in frozen
    if row.has_violation:
        record_verb(row, "note_violation", by=by, now=now, reason="mailed_too_late")
    return row


def drops_for(suppression: CatalogSuppression) -> Q:
    """The condition for the drops that concern a suppression: its brand's and those of all brands."""
    brands = Q()
    if suppression.brand_id is not None:
        brands = Q(brand_id=suppression.brand_id) | Q(brand_id__isnull=True)
    return Q(client_id=suppression.client_id) & brands


def _freeze(suppression: CatalogSuppression, now: datetime) -> list[str]:
    """Store what each drop that is still to be mailed means. Returns the classes.

    The drops are shared until the end of the transaction, so that one that is being moved is seen as it will
    be, or moves after us; other opt-outs need not wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM clients_maildrop WHERE client_id = %s AND state = ANY(%s) FOR SHARE",
            [suppression.client_id, [str(state) for state in STILL_TO_MAIL]],
        )
    drops = MailDrop.objects.filter(drops_for(suppression), state__in=STILL_TO_MAIL)
    rows = [
        SuppressedDrop(
            client_id=suppression.client_id,
            suppression=suppression,
            drop=drop,
            classification=classify(
                suppression.effective_at,
                drop.last_call_at,
                drop.mail_date,
                suppression.tail_ends_on,
            ),
            lock_at=drop.last_call_at,
            mail_date=drop.mail_date,
            classified_at=now,
        )
        for drop in drops.order_by("pk")
    ]
    SuppressedDrop.objects.bulk_create(rows)
    return [row.classification for row in rows]


def note_violation(suppression: CatalogSuppression, *, text: str, by: User, now: datetime) -> None:
    """Note that a catalog came, or will come, that should not; the start page shows it as a task."""
    with transition(suppression, "note_violation", by=by, now=now, reason="noted") as locked:
        if not text.strip():
            raise Refused("Write which catalog came, and when.", code="no_text")
        thread.add(locked, direction="note", channel="portal", text=text.strip(), by=by, now=now)
        locked.has_violation = True


def end_with(opt_out: OptOut, others: Sequence[UUID], *, by: User, now: datetime) -> None:
    """Lift the catalog suppression of an opt-out that is being lifted, if it has one.

    Where `others`, oldest first, go on to stop mail to the address, it goes on under the first of them.
    """
    row = (
        CatalogSuppression.objects.select_for_update(of=("self",))
        .filter(client_id=opt_out.client_id, opt_out_id=opt_out.pk)
        .first()
    )
    if row is None:
        return
    taken = CatalogSuppression.objects.filter(client_id=opt_out.client_id, opt_out_id__in=others)
    if others and not taken.exists():
        CatalogSuppression.objects.filter(pk=row.pk).update(opt_out_id=others[0])
        record_verb(row, "hand_over", by=by, now=now)
    elif row.TABLE.permits("lift", row.state):
        with transition(row, "lift", by=by, now=now):
            pass
