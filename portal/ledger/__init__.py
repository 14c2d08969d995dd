"""The ledger: what was done, refused or failed, by whom, to what; without personal data, and provable.

    from portal import ledger
    ledger.record(verb="erasure.approve", by=user, client_id=..., object_kind="erasure", object_id=..., now=now)
    ledger.seal(now=now)            # the sealer; erasures call it at once
    ledger.inclusion(leaf)          # a receipt that a client checks without us
    ledger.verify()                 # recomputes everything

The names are imported when they are first used, because Django imports this package before its models may be.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portal.ledger.leaves import record as record
    from portal.ledger.proofs import consistency as consistency
    from portal.ledger.proofs import inclusion as inclusion
    from portal.ledger.restoring import accept_restore as accept_restore
    from portal.ledger.sealing import seal as seal
    from portal.ledger.verification import verify as verify

_HOMES = {
    "accept_restore": "restoring",
    "record": "leaves",
    "seal": "sealing",
    "inclusion": "proofs",
    "consistency": "proofs",
    "verify": "verification",
}
__all__ = ["accept_restore", "consistency", "inclusion", "record", "seal", "verify"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
