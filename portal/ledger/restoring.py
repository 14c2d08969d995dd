"""Going on after the database was restored from a backup.

The witness is kept beside the keys and is never rolled back, so a restored database ends before the witness does, and
the sealer refuses to sign a fork. A person accepts the loss here. It stays visible for ever: the witness keeps
the lines of the lost part, a leaf says who accepted it, and verification repeats it as a warning.
"""

from datetime import datetime

from django.conf import settings

from portal.errors import Refused
from portal.ledger import witness
from portal.ledger.checkpoints import note_of
from portal.ledger.leaves import record
from portal.ledger.models import Checkpoint
from portal.ledger.sealing import only_sealer, seal
from portal.models import User


def accept_restore(*, by: User, now: datetime) -> Checkpoint | None:
    """Accept that the database ends before the witness, and seal on from there.

    Raises Refused unless the database's last checkpoint is one that the witness saw: what is not a beginning of the
    witnessed history is no restored backup but a forgery, and is not accepted.
    """
    path = settings.LEDGER_WITNESS_PATH
    with only_sealer(wait=True):
        last = Checkpoint.objects.order_by("-size").first()
        size, note = (last.size, note_of(last)) if last else (0, "")
        seen = witness.last(path)
        if seen is None or seen.size <= size:
            raise Refused("The database does not end before the witness.", code="no_restore")
        if last and all(line is None or line.note != note for line in witness.lines(path)):
            raise Refused("The witness never saw the last checkpoint.", code="not_witnessed")
        public = bytes(last.public_key) if last else b""
        # The leaf comes first, so that no line of the witness is without the one who answers for it.
        lost = {"kept": size, "lost": seen.size - size}
        record(verb="ledger.accept_restore", by=by, object_kind="ledger", counts=lost, now=now)
        witness.append(path, size=size, note=note, public=public, restored_from=seen.size)
    return seal(now=now)
