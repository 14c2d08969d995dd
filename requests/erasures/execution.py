"""A worker carries an approved erasure out: journal, shred, nullify, notify, verify, seal, certify.

Invariants:
- The database is the truth. Each step is idempotent and writes to it under the fence only, so that a killed
  worker's successor goes on where it stopped and a worker that was passed by, by a successor or by a recall,
  writes nothing. Outside of the database it can only do again what its successor did: write a journal's line,
  shred, roll. None of these takes anything from somebody who is not in the case, which nobody can call back by then.
- The journal's line is on disk before a key is shredded; keys are shredded before rows are nullified.
- The values that the sweep looks for are sealed under the case's own key before the shred (docs/adr/0007);
  that key is shredded before the root rolls, so that the seal covers them too.
- A hit of the sweep stops the certificate.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from clients.instructions import verbs as instructions
from consumers import eraser
from consumers.models import Consumer
from consumers.vaulting import open_profiles
from portal import ledger, vault
from portal.cases.files import remove_content
from portal.cases.verbs import record_verb
from portal.errors import Refused
from portal.ledger.codes import code_of
from portal.models import User
from portal.restore import journal_erasure, replay_pending
from portal.work import (
    LeaseLost,
    StopRequested,
    check_attempts,
    claim,
    fence,
    follow,
    give_back,
    renew,
)
from requests.disputes import words as dispute_words
from requests.erasures import approval, holds, recipients, sweep, tokens, waiting
from requests.erasures.certificate import certify
from requests.erasures.intake.models import destroy
from requests.erasures.intake.reading import read
from requests.erasures.models import Erasure, ErasureSubject
from requests.erasures.replay import keep_tokens
from requests.erasures.subjects import case_key, matched_ids
from requests.inquiries import words as inquiry_words
from requests.optouts.adoption import adopt

BATCH = 5_000
WANTED = "requests.erasuresubject.wanted"
log = logging.getLogger(__name__)
Stage = ErasureSubject.Stage
Clock = Callable[[], datetime]


def run_due(clock: Clock) -> int:
    """Carry out what is due, one case after the other. Returns how many cases moved on."""
    moved = 0
    while not replay_pending():
        work = claim(Erasure, clock())
        if work is None:
            break
        moved += run(work, clock)
    return moved


def run(work: Erasure, clock: Clock) -> bool:
    """Carry one claimed case as far as it goes now. A fault gives it back with a growing pause."""
    try:
        check_attempts(work)
        _renew_key(work, clock())
        while (step := STEPS.get(work.state)) is not None and work.work_due:
            step(work, clock)
        give_back(work, clock())
    except LeaseLost:
        return False
    except StopRequested:
        give_back(work, clock())
        return False
    except Refused as refusal:
        _park(work, refusal, clock())
        return False
    except Exception as fault:
        log.warning("erasure %s failed: %s", work.pk, type(fault).__name__, exc_info=True)
        _fail(work, type(fault).__name__, clock())
        return False
    return True


def _fail(work: Erasure, fault: str, now: datetime) -> None:
    """Try again after a pause; after the last attempt, let the start page and the case say so."""
    if not give_back(work, now, fault=fault):
        reason = code_of(fault)
        record_verb(work, "execute", by=_system(), now=now, outcome="failed", reason=reason)


def _park(work: Erasure, refusal: Refused, now: datetime) -> None:
    """Something forbids going on: let the start page and the case say so.

    What ends without us is looked at again and again; else trying stops until a person has decided.
    """
    with suppress(LeaseLost), fence(work, now, although_stopped=True) as locked:
        is_new = locked.last_fault != refusal.code
        locked.work_due = refusal.code in waiting.WAITS and not locked.stop_requested
        locked.next_attempt_at, locked.lease_until, locked.attempts = (
            now + waiting.LOOK_AGAIN,
            None,
            0,
        )
        locked.last_fault = refusal.code
        if is_new:
            record_verb(
                locked, "execute", by=_system(), now=now, outcome="refused", reason=refusal.code
            )


def _renew_key(work: Erasure, now: datetime) -> None:
    """Give a case that a restored database brought back unsealed a new key, if it was sealed since (R41).

    Before its seal nothing of a case is shredded but its people, so only a restore explains this. What the
    dead key sealed opens for nobody any more, and is removed.
    """
    if work.state in SEALING or not _is_key_gone(work):
        return
    with fence(work, now) as locked:
        locked.subjects.update(given=None, wanted=None)
        locked.key_page = locked.key_slot = None
        locked.seal_content({})
    follow(work, locked)


def _is_key_gone(work: Erasure) -> bool:
    try:
        case_key(work)
    except vault.KeyShredded:
        return True
    return False


def _system() -> User:
    return User.objects.system()


@contextmanager
def _moving(work: Erasure, verb: str, now: datetime, *, reason: str = "") -> Iterator[Erasure]:
    """The fenced transaction that ends a step: the body, the new state, the leaf."""
    counts: dict[str, int] = {}
    with fence(work, now) as locked:
        permitted = locked.TABLE.check(verb, locked.state)
        yield locked
        if permitted.target:
            locked.enter(permitted.target, now)
        locked.attempts = 0
        if verb == "nullify":
            counts = {_code(table): rows for table, rows in locked.counts.items()}
        record_verb(locked, verb, by=_system(), now=now, counts=counts, reason=reason)
    follow(work, locked)


def _code(table: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in table.lower())[:60]


def _start(work: Erasure, clock: Clock) -> None:
    """Write the tokens of a large case; then, once the window is over, begin.

    What forbids to begin takes the approval back: the case stands where it must be approved anew.
    """
    try:
        if work.suppressed_at is None:
            _suppress(work, clock)
        now = clock()
        if work.recall_until and now < work.recall_until:
            Erasure.objects.filter(pk=work.pk, lease_token=work.lease_token).update(
                next_attempt_at=work.recall_until, lease_until=None, attempts=0
            )
            raise LeaseLost(str(work.pk))
        _claim(work, now)
    except Refused as refusal:
        _send_back(work, refusal, clock())


def _suppress(work: Erasure, clock: Clock) -> None:
    ids = matched_ids(work)
    for start in range(0, len(ids), BATCH):
        # Under the fence, so that a recall or a hold meets no token that comes after it.
        with fence(work, clock()) as locked:
            tokens.suppress(locked, ids[start : start + BATCH], now=clock())
    with fence(work, clock()) as locked:
        approval.check_still_meant(locked)
        locked.suppressed_at = clock()
    follow(work, locked)


def _claim(work: Erasure, now: datetime) -> None:
    """Begin. Holds and the instruction are asked under locks, so that neither changes until it has begun."""
    keep_tokens(work)
    with _moving(work, "claim", now) as locked:
        holds.one_at_a_time(locked.client_id)
        holds.check_none(locked)
        approval.check_covered(locked, now)
        locked.counts, locked.progress_done = {}, 0
        locked.progress_total = len(matched_ids(locked)) * 3


def _send_back(work: Erasure, refusal: Refused, now: datetime) -> None:
    with _moving(work, "send_back", now, reason=refusal.code) as locked:
        approval.take_back(locked)
        locked.work_due, locked.lease_until, locked.last_fault = False, None, refusal.code
    raise LeaseLost(str(work.pk))  # it is nobody's work any more, and the fault stays


def _batch(work: Erasure, stage: int) -> dict[UUID, UUID]:
    """The next subjects that stand at `stage`: subject id to consumer id."""
    rows = work.subjects.filter(
        stage=stage, match=ErasureSubject.Match.ONE, consumer_id__isnull=False
    ).order_by("id")
    pairs = rows.values_list("pk", "consumer_id")[:BATCH]
    return {subject_id: consumer_id for subject_id, consumer_id in pairs if consumer_id}


def _advance(locked: Erasure, subjects: dict[UUID, UUID], stage: int) -> None:
    """Store that these subjects have come to `stage`, with the progress that a person watches."""
    locked.subjects.filter(pk__in=list(subjects)).update(stage=stage)
    locked.progress_done += len(subjects)
    locked.attempts = 0


def _journal(work: Erasure, clock: Clock) -> None:
    while subjects := _batch(work, Stage.PENDING):
        ids = list(subjects.values())
        with fence(work, clock()) as locked:
            _keep_wanted(locked, subjects)
        refs = eraser.key_refs(work.client_id, ids)
        journal_erasure(
            client_id=work.client_id, case_id=work.pk, refs=refs, owner_ids=ids, now=clock()
        )
        with fence(work, clock(), although_stopped=True) as locked:
            _advance(locked, subjects, Stage.JOURNALLED)
    with _moving(work, "journal", clock()):
        pass


def _keep_wanted(work: Erasure, subjects: dict[UUID, UUID]) -> None:
    """Seal what the sweep will look for under the case's key, while it can still be opened.

    Who was erased before, by another case or before a restore, has nothing that opens, and nothing is kept.
    """
    key = case_key(work)
    rows = Consumer.objects.filter(client_id=work.client_id, pk__in=list(subjects.values()))
    profiles = open_profiles(rows)
    # Opt-outs that matched nobody or several people become the person's own, and go with them.
    adopt(work.client_id, profiles)
    pairs = [
        (
            subject_id,
            vault.seal(
                key,
                orjson.dumps(sweep.values_of(profiles[consumer_id])),
                purpose=WANTED,
                client_id=work.client_id,
                owner_id=subject_id,
            ),
        )
        for subject_id, consumer_id in subjects.items()
        if consumer_id in profiles
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE requests_erasuresubject AS s SET wanted = new.wanted"
            " FROM unnest(%s::uuid[], %s::bytea[]) AS new (id, wanted)"
            " WHERE s.id = new.id AND s.client_id = %s",
            [[p[0] for p in pairs], [p[1] for p in pairs], work.client_id],
        )


def _shred(work: Erasure, clock: Clock) -> None:
    while subjects := _batch(work, Stage.JOURNALLED):
        ids = list(subjects.values())
        renew(work, clock())
        vault.shred(work.client_id, eraser.key_refs(work.client_id, ids))
        for row in eraser.files_of(work.client_id, ids):
            remove_content(row)
        with fence(work, clock(), although_stopped=True) as locked:
            _advance(locked, subjects, Stage.SHREDDED)
    with _moving(work, "shred", clock()):
        pass


def _nullify(work: Erasure, clock: Clock) -> None:
    while subjects := _batch(work, Stage.SHREDDED):
        ids = list(subjects.values())
        # What came to belong to these people since the shred (an opt-out, say) has keys of its own.
        vault.shred(work.client_id, eraser.key_refs(work.client_id, ids))
        with fence(work, clock()) as locked:
            done = eraser.erase(
                work.client_id,
                ids,
                erasure_id=work.pk,
                now=clock(),
                reference=work.reference,
            )
            for table, rows in done.items():
                locked.counts[table] = locked.counts.get(table, 0) + rows
            _advance(locked, subjects, Stage.NULLIFIED)
        # Cases of the house that are about these people end with them; a sweep takes up what a kill left out.
        for words in (inquiry_words, dispute_words):
            words.after_erasure(work.client_id, ids, clock())
    with _moving(work, "nullify", clock()):
        pass


def _notify(work: Erasure, clock: Clock) -> None:
    """Reach whoever received these people's data; an open receipt keeps the case here (R40)."""
    recipients.check_all_answered(work)
    with _moving(work, "notify", clock()):
        pass


def _verify(work: Erasure, clock: Clock) -> None:
    waiting.check_no_file_waits(work)
    values = _wanted_values(work)
    hits = sweep.sweep(values, progress=lambda *_: renew(work, clock()))
    if hits:
        with _moving(work, "find_residue", clock()) as locked:
            locked.residue = [
                {"table": hit.table, "column": hit.column, "row": str(hit.row_id)} for hit in hits
            ]
            locked.work_due = False
        return
    with _moving(work, "verify", clock()) as locked:
        unknown = locked.subjects.filter(match=ErasureSubject.Match.ONE, wanted__isnull=True)
        unknown.update(stage=Stage.NOT_SWEPT)
        locked.subjects.update(given=None, wanted=None)
        locked.sealed = None


def _wanted_values(work: Erasure) -> set[str]:
    key = case_key(work)
    values: set[str] = set()
    rows = work.subjects.filter(wanted__isnull=False).values_list("pk", "wanted")
    for subject_id, wanted in rows.iterator(chunk_size=2000):
        opened = vault.unseal(
            key,
            bytes(wanted or b""),
            purpose=WANTED,
            client_id=work.client_id,
            owner_id=subject_id,
        )
        values.update(orjson.loads(opened))
    return values


def _seal(work: Erasure, clock: Clock) -> None:
    """Shred the case's own key and its file's, and roll the client's root: from here on nothing leads back."""
    destroy(work)
    if work.key_ref is not None:
        vault.shred(work.client_id, [work.key_ref])
    destroyed = vault.roll(work.client_id)
    with _moving(work, "seal", clock()) as locked:
        locked.key_page = locked.key_slot = None
        locked.root_generation = destroyed
        locked.backups_expire_at = clock() + timedelta(days=settings.BACKUP_RETENTION_DAYS)


def _certify(work: Erasure, clock: Clock) -> None:
    # The checkpoint that the certificate names covers the erasure's own leaves, also after a kill or while the
    # ledger cannot be sealed.
    ledger.seal(now=clock())
    now = clock()
    with _moving(work, "certify", now) as locked:
        certify(locked, now=now)
        locked.work_due, locked.last_fault = False, ""
        instructions.finish(locked.instruction, case=locked, by=_system(), now=now)
    ledger.seal(now=clock())


SEALING = ("verified", "sealed")
"""The states in which the case's own key may be gone."""
STEPS: dict[str, Callable[[Erasure, Clock], None]] = {
    "reading": read,
    "approved": _start,
    "claimed": _journal,
    "journalled": _shred,
    "shredded": _nullify,
    "nullified": _notify,
    "recipients_notified": _verify,
    "verified": _seal,
    "sealed": _certify,
}
