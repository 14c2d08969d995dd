"""The certificate: what was erased, on whose instruction, by whom, how; signed, without personal data.

It is canonical JSON (sorted keys, no blanks) and an Ed25519 signature over its bytes by the ledger's key, so
that a client verifies it without us (docs/erasure.md).
"""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings
from django.utils.formats import date_format

from portal.ledger.checkpoints import note_of
from portal.ledger.models import Checkpoint, Leaf, Outcome
from portal.ledger.signing import is_signed, load_key
from portal.models import User
from portal.roles import role_name
from portal.templatetags.wording import words
from requests.erasures import recipients
from requests.erasures.models import Erasure, ErasureSubject
from requests.erasures.subjects import Match, tally

METHOD = (
    "Each consumer's key was shredded and its page re-keyed; sealed and indexed columns were nullified or "
    "deleted; then the client's root key was replaced and the old one destroyed."
)
REMAINS = (
    "One keyed suppression token for each identifier, which stops a re-import. It is pseudonymised, not "
    "anonymised."
)


def certify(erasure: Erasure, *, now: datetime) -> None:
    """Write the certificate and its signature into `erasure`. The caller saves it."""
    erasure.certified_at = now
    text = orjson.dumps(document(erasure, now), option=orjson.OPT_SORT_KEYS).decode()
    key = load_key(settings.LEDGER_KEY_PATH, settings.LEDGER_ORIGIN)
    erasure.certificate = text
    erasure.certificate_signature = b64encode(key.private.sign(text.encode())).decode()


def document(erasure: Erasure, now: datetime) -> dict[str, Any]:
    """The certificate's content (domain.md, document 10)."""
    checkpoint = Checkpoint.objects.order_by("-size").first()
    rows = tally(erasure)
    return {
        "kind": "erasure certificate",
        "version": 1,
        "reference": erasure.reference,
        "client": erasure.client.name,
        "processor": settings.COMPANY_NAME,
        "instruction": erasure.instruction.reference,
        "received_at": _time(erasure.received_at),
        "approved_at": _time(erasure.approved_at),
        "certified_at": _time(now),
        "scope": {
            "rows_given": sum(rows.values()),
            "people_erased": rows[Match.ONE],
            "people_not_on_file": rows[Match.NONE],
            "rows_repeated": rows[Match.REPEATED],
            "rows_left_out": rows[Match.LEFT_OUT],
            "rows_refused": rows[Match.REFUSED],
        },
        "rows_by_table": dict(erasure.counts),
        "method": METHOD,
        "root_generation_destroyed": erasure.root_generation,
        "remains": REMAINS,
        "residue_sweep": _swept(erasure),
        "recipients": [
            {"name": one.name, "confirmed": one.answered} for one in recipients.of_erasure(erasure)
        ]
        or "No onward transfer of these people's data is on record.",
        "backups": {
            "state": "backups_pending",
            "expire_at": _time(erasure.backups_expire_at),
            "note": "Until then backups hold ciphertext whose keys are gone, and blind indexes.",
        },
        "signatories": [
            _signatory(erasure, "log", erasure.logged_by),
            _signatory(erasure, "approve", erasure.approved_by),
        ],
        "checkpoint": note_of(checkpoint) if checkpoint else None,
    }


def _swept(erasure: Erasure) -> str:
    """What the sweep can vouch for, and for whom it cannot."""
    found = "No value of these people was found in any column or stored file."
    unknown = erasure.subjects.filter(stage=ErasureSubject.Stage.NOT_SWEPT).count()
    if not unknown:
        return found
    return (
        f"{found} For {unknown} of them there was nothing left to look for: their keys had been destroyed before, "
        "by an earlier erasure or before the main database was restored from a backup."
    )


def _signatory(erasure: Erasure, verb: str, user: User | None) -> dict[str, str] | None:
    """Who did what, in the role in which it was done: by now they may have another, or none."""
    if user is None:
        return None
    done = Leaf.objects.filter(
        object_id=erasure.pk, verb=f"{erasure.VERB_PREFIX}.{verb}", outcome=Outcome.DONE, actor=user
    )
    role = done.order_by("-id").values_list("role", flat=True).first()
    return {"name": str(user), "role": role or role_name(user)}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def is_genuine(erasure: Erasure) -> bool:
    """Whether the stored certificate bears the signature of this installation's key."""
    from base64 import b64decode

    key = load_key(settings.LEDGER_KEY_PATH, settings.LEDGER_ORIGIN)
    return is_signed(
        erasure.certificate,
        public=key.public,
        signature=b64decode(erasure.certificate_signature),
    )


def _written(moment: str) -> str:
    """A time of the JSON form as people write it."""
    return f"{date_format(datetime.fromisoformat(moment).astimezone(UTC), 'j F Y, H:i')} UTC"


def letter(erasure: Erasure) -> dict[str, Any]:
    """What the PDF shows: the certificate's own content and its signature."""
    told: dict[str, Any] = orjson.loads(erasure.certificate)
    recipients_told = told["recipients"]
    if not isinstance(recipients_told, str):
        recipients_told = ", ".join(one["name"] for one in recipients_told)
    written = {
        name: _written(told[name]) for name in ("received_at", "approved_at", "certified_at")
    }
    backups = told["backups"] | {"expire_at": _written(told["backups"]["expire_at"])}
    return told | {
        **written,
        "backups": backups,
        "recipients": recipients_told,
        "rows": [
            [words(table), str(rows)] for table, rows in sorted(told["rows_by_table"].items())
        ],
        "signature": erasure.certificate_signature,
    }
