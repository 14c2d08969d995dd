"""The privacy mailbox: e-mails are fetched, stored, put away on the server, and then looked at one by one.

Invariants:
- An e-mail is sealed and committed here before anything is changed on the server; whoever is killed in between
  finds it again by its digest, and stores it once. The UID is only noted: another server may give it again.
- One worker fetches at a time: it writes under the fence of the mailbox's lease.
- Nothing is parsed before it is stored. An e-mail that fails, or kills its worker, is put aside after a few attempts,
  and the others go on.
- Every e-mail ends as taken, ignored or put aside with a reason. What a machine sent is never answered.
- Once a case has taken it, its words are that case's: they are emptied here, and their key is shredded.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from portal import ledger, retire, vault
from portal.correspondence import arrivals, mailparts, rawmail, sending
from portal.correspondence.imap import FAULTS, BadUrl, Connection, Listed, connect
from portal.correspondence.models import InboundMessage, Mailbox
from portal.errors import Refused
from portal.house import HOUSE_ID, ensure_house
from portal.ledger.codes import code_of
from portal.models import User
from portal.roles import SECURITY_OFFICER, check_role
from portal.work import LeaseLost, claim, fence

MOST_A_RUN: Final = 100
MOST_ATTEMPTS: Final = 3
KEPT: Final = timedelta(days=30)
"""How long what was ignored, and what was put away on the server, is kept."""
HEADERS_OF_LARGE: Final = 64 * 1024
IDENTITY: Final = "mail-identity"
TOO_LARGE, NOBODY, OWN, FAULT = "too_large", "nobody_took_it", "own_mail", "fault"
State = InboundMessage.State
log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def is_configured() -> bool:
    """Whether there is a mailbox to fetch from."""
    return bool(settings.PRIVACY_IMAP_URL)


def fetch_due(clock: Clock) -> dict[str, int]:
    """Fetch what has come, unless another worker does, and look at what waits. Returns the counts."""
    counts: Counter[str] = Counter()
    if is_configured():
        ensure_house()
        Mailbox.objects.get_or_create(pk=Mailbox.THE_ONE, defaults={"work_due": True})
        box = claim(Mailbox, clock())
        if box is not None:
            _fetch(box, clock, counts)
    look_at_new(clock, counts)
    if counts:
        ledger.record(
            verb="mailbox.fetch",
            by=User.objects.system(),
            object_kind=Mailbox._meta.label_lower,
            counts=dict(counts),
            now=clock(),
        )
    return dict(counts)


def _fetch(box: Mailbox, clock: Clock, counts: Counter[str]) -> None:
    try:
        with connect() as connection:
            for number, listed in enumerate(connection.list()):
                if number == MOST_A_RUN:
                    break
                _take_over(connection, box, listed, clock, counts)
            connection.forget_before((clock() - KEPT).date())
    except LeaseLost:
        return
    except (*FAULTS, BadUrl) as fault:
        # Its text may repeat what the server said, and so is not told.
        log.warning("the privacy mailbox cannot be read: %s", type(fault).__name__)
        _let_go(box, clock(), fault=type(fault).__name__)
    else:
        _let_go(box, clock())


def _let_go(box: Mailbox, now: datetime, *, fault: str = "") -> None:
    """Give the lease back, and note since when the mailbox is out of reach. It is tried for ever."""
    ours = Mailbox.objects.filter(pk=box.pk, lease_token=box.lease_token)
    ours.update(lease_until=None, attempts=0, last_fault=fault[:80])
    if fault:
        ours.update(unreachable_since=Coalesce(F("unreachable_since"), now))
    else:
        ours.update(unreachable_since=None, reached_at=now)


def _take_over(
    connection: Connection, box: Mailbox, listed: Listed, clock: Clock, counts: Counter[str]
) -> None:
    """Store one e-mail, and then put it away on the server."""
    is_large = listed.size > settings.PRIVACY_MAIL_MAX_BYTES
    raw = connection.fetch(listed.uid, only_headers=HEADERS_OF_LARGE if is_large else 0)
    counts["found"] += 1
    if raw is None:
        counts["gone"] += 1
        return
    counts[_store(connection, box, listed, raw, is_large=is_large, now=clock())] += 1
    connection.put_away(listed.uid)


def _store(
    connection: Connection,
    box: Mailbox,
    listed: Listed,
    raw: bytes,
    *,
    is_large: bool,
    now: datetime,
) -> str:
    """Seal and commit one e-mail: "stored", or "known" where it came before."""
    message_id, identity = mailparts.identity_of(raw)
    digest = vault.indexer(HOUSE_ID).digest(IDENTITY, sha256(identity).hexdigest())
    with fence(box, now) as locked:
        locked.attempts = 0
        if InboundMessage.objects.filter(digest=digest).exists():
            return "known"
        row = InboundMessage(
            uidvalidity=connection.uidvalidity,
            uid=listed.uid,
            digest=digest,
            thread_digest=arrivals.digest_of(message_id),
            received_at=min(listed.received_at, now),
            fetched_at=now,
            size=listed.size,
        )
        row.seal_content({})
        if is_large:
            row.state, row.reason = State.QUARANTINED, TOO_LARGE
            row.seal_content(_content(mailparts.read(raw)))
        rawmail.write_raw(row, raw)
        row.save(force_insert=True)
        _record(row, User.objects.system(), now)
    return "stored"


# ------------------------------------------------------------------------------- what becomes of it


def look_at_new(clock: Clock, counts: Counter[str] | None = None) -> None:
    """Let the rooms take what was stored; each e-mail by itself, so that one that fails stops no other."""
    counts = Counter() if counts is None else counts
    tried: set[UUID] = set()
    while row := _next_new(tried):
        tried.add(row.pk)
        try:
            counts[_look_at(row, clock())] += 1
        except Exception as fault:  # noqa: BLE001  (whatever one e-mail does, the others are looked at)
            log.warning("e-mail %s failed: %s", row.pk, type(fault).__name__)
            counts["failed"] += 1
            if row.attempts >= MOST_ATTEMPTS:
                _put_aside(row, code_of(type(fault).__name__)[:40] or FAULT, clock())


def _next_new(tried: set[UUID]) -> InboundMessage | None:
    """The next e-mail to look at. The attempt is committed first, so that one that kills its worker is counted."""
    with transaction.atomic():
        rows = InboundMessage.objects.select_for_update(skip_locked=True, of=("self",))
        row = rows.filter(state=State.NEW).exclude(pk__in=tried).first()
        if row is not None:
            row.attempts += 1
            row.save(update_fields=["attempts"])
    return row


def _look_at(row: InboundMessage, now: datetime) -> str:
    """Settle one e-mail. Returns the state that it came to."""
    if row.attempts > MOST_ATTEMPTS:
        return _put_aside(row, "workers_died", now)
    raw = rawmail.read_raw(row)
    mail = mailparts.read(raw)
    system = User.objects.system()
    try:
        with transaction.atomic():
            locked = InboundMessage.objects.select_for_update(of=("self",)).get(pk=row.pk)
            if locked.state != State.NEW:
                return str(locked.state)
            _decide(locked, mail, raw, system, now)
            _settle(locked, system, now)
    except Refused as refusal:
        return _put_aside(row, refusal.code, now)
    return str(locked.state)


def _decide(row: InboundMessage, mail: mailparts.Mail, raw: bytes, by: User, now: datetime) -> None:
    row.seal_content(_content(mail))
    if mail.verdict == mailparts.BOUNCE:
        for letter in arrivals.letters_named(mail.returned_ids):
            sending.note_bounce(letter, now)
        row.state, row.reason = State.IGNORED, mail.verdict
    elif mail.verdict == mailparts.AUTO_REPLY:
        row.state, row.reason = State.IGNORED, mail.verdict
    elif mail.sender.lower() == settings.PRIVACY_MAILBOX.lower():
        row.state, row.reason = State.IGNORED, OWN
    elif mail.verdict:
        row.state, row.reason = State.QUARANTINED, mail.verdict
    else:
        _offer(row, mail, raw, by, now)


def _offer(row: InboundMessage, mail: mailparts.Mail, raw: bytes, by: User, now: datetime) -> None:
    taken = arrivals.offer(arrivals.arrival_of(row, mail, raw), by, now)
    if taken is None:
        row.state, row.reason = State.QUARANTINED, NOBODY
        return
    row.state, row.reason, row.sealed = State.TAKEN, "", None
    row.case_kind, row.case_id = taken.thread.case_kind, taken.thread.case_id
    row.case_reference = taken.reference
    transaction.on_commit(retire.hint)


def _put_aside(row: InboundMessage, reason: str, now: datetime) -> str:
    """Leave an e-mail to a person, in a transaction of its own."""
    with transaction.atomic():
        locked = InboundMessage.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if locked.state == State.NEW:
            locked.state, locked.reason = State.QUARANTINED, reason[:40]
            _settle(locked, User.objects.system(), now)
    return str(locked.state)


def _settle(row: InboundMessage, by: User, now: datetime) -> None:
    if row.state in (State.TAKEN, State.IGNORED):
        row.settled_at, row.settled_by = now, by
    row.save()
    _record(row, by, now)


def _record(row: InboundMessage, by: User, now: datetime) -> None:
    ledger.record(
        verb=f"mail.{row.state}",
        by=by,
        client_id=row.client_id,
        object_kind=row._meta.label_lower,
        object_id=row.pk,
        reason=row.reason,
        now=now,
    )


def _content(mail: mailparts.Mail) -> dict[str, object]:
    return {
        "sender": [mail.sender_name, mail.sender],
        "subject": mail.subject,
        "text": mail.text,
        "attachments": [[one.name, len(one.content)] for one in mail.attachments],
    }


# --------------------------------------------------------------------------------- what staff decide


IGNORE_REASONS: Final = {
    "spam": "Advertising or fraud",
    "not_for_us": "Not about personal data",
    "answered_elsewhere": "Handled in another way already",
    "sent_by_a_machine": "Sent by a machine",
}


def quarantined() -> "list[InboundMessage]":
    """What waits for a person, oldest first."""
    return list(InboundMessage.objects.filter(state=State.QUARANTINED)[:200])


def take_in(row: InboundMessage, *, by: User, now: datetime) -> InboundMessage:
    """Let the rooms take an e-mail that was put aside, as a person wants it. Raises Refused."""
    check_role(by, SECURITY_OFFICER)
    raw = rawmail.read_raw(row)
    mail = mailparts.read(raw)
    with transaction.atomic():
        locked = _lock_quarantined(row)
        _offer(locked, mail, raw, by, now)
        if locked.state != State.TAKEN:
            raise Refused("There is no kind of case that takes e-mails.", code=NOBODY)
        _settle(locked, by, now)
    return locked


def ignore(row: InboundMessage, reason: str, *, by: User, now: datetime) -> None:
    """Decide that an e-mail that was put aside needs nothing. Its words go after `KEPT`."""
    check_role(by, SECURITY_OFFICER)
    if reason not in IGNORE_REASONS:
        raise Refused("Choose why it needs nothing.", code="reason")
    with transaction.atomic():
        locked = _lock_quarantined(row)
        locked.state, locked.reason = State.IGNORED, reason
        _settle(locked, by, now)


def _lock_quarantined(row: InboundMessage) -> InboundMessage:
    locked = InboundMessage.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if locked.state != State.QUARANTINED:
        raise Refused("Somebody has decided about this e-mail already.", code="state")
    return locked


def empty_ignored(now: datetime) -> int:
    """Empty what was ignored long enough ago; the sweep of retired keys does the rest."""
    old = InboundMessage.objects.filter(
        Q(state=State.IGNORED, sealed__isnull=False, settled_at__lt=now - KEPT)
    )
    emptied = old.update(sealed=None)
    if emptied:
        retire.hint()
    return emptied
