"""Carrying erasures out again in a main database that was restored from a backup (R41).

The journal names whom; the keys are gone already, so nothing of them can be opened any more. What the restored
rows still hold is nullified, and the tokens that stop a re-import come back from the file that each erasure
leaves beside the journal: they are keyed hashes, and could not be made again from a profile that nobody can open.

Rows are known by their person and, where that was found out after the backup (an opt-out that first matched nobody),
by their key. A case that the backup caught before its end goes on afterwards and ends with a certificate again.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from consumers import eraser
from consumers.models import SuppressionToken
from portal import ledger, vault
from portal.cases.files import remove_content
from portal.models import User
from portal.restore import last_mark, mark_replayed
from portal.vault import files, journal
from requests.erasures import tokens
from requests.erasures.models import Erasure

_RECORD = 17  # one byte of kind and sixteen of token


def keep_tokens(erasure: Erasure) -> None:
    """Write the tokens of `erasure` durably beside the journal, before anything of it is destroyed."""
    rows = tokens.of_case(erasure).order_by("pk").values_list("kind", "token")
    content = b"".join(bytes([kind]) + bytes(token) for kind, token in rows)
    path = _path(erasure.pk)
    files.own_folder(path.parent)
    files.write_durably(path, content)


def _path(case_id: UUID) -> Path:
    return Path(settings.JOURNAL_PATH).with_name("erased-tokens") / f"{case_id}.tokens"


def _kept_tokens(case_id: UUID) -> list[tuple[int, bytes]]:
    try:
        content = files.read_private(_path(case_id))
    except FileNotFoundError:
        return []
    pieces = range(0, len(content), _RECORD)
    return [(content[at], content[at + 1 : at + _RECORD]) for at in pieces]


def replay(*, by: User, now: datetime) -> Iterator[tuple[int, int]]:
    """Carry out what the journal has and this database lacks; yields (journal line, people erased again).

    Each line is one transaction and marked afterwards, so that a cut-off replay goes on where it stopped.
    """
    for record in journal.entries(after=last_mark()):
        vault.shred(record.client_id, record.refs)
        for row in eraser.files_of_keys(record.client_id, record.refs):
            remove_content(row)
        with transaction.atomic():
            done = eraser.erase(
                record.client_id, record.owner_ids, erasure_id=record.case_id, now=now
            )
            eraser.erase_keyed(record.client_id, record.refs)
            _restore_tokens(record.client_id, record.case_id, now)
            people = done.get("consumers_consumer", 0)
            ledger.record(
                verb="erasure.replay",
                by=by,
                client_id=record.client_id,
                object_kind="requests.erasure",
                object_id=record.case_id,
                counts={"people": people},
                now=now,
            )
        mark_replayed([record.number], now=now)
        yield record.number, people


def _restore_tokens(client_id: UUID, case_id: UUID, now: datetime) -> None:
    SuppressionToken.objects.bulk_create(
        (
            SuppressionToken(
                client_id=client_id,
                kind=kind,
                token=token,
                reason=SuppressionToken.Reason.ERASED,
                case_id=case_id,
                since=now,
            )
            for kind, token in _kept_tokens(case_id)
        ),
        ignore_conflicts=True,
        batch_size=5000,
    )
