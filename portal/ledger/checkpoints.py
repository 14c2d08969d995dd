"""What a stored checkpoint says, and whether it may be believed."""

from portal.ledger import signing
from portal.ledger.merkle import Frontier
from portal.ledger.models import Checkpoint


def text_of(checkpoint: Checkpoint) -> str:
    """The four signed lines."""
    return signing.checkpoint_text(
        checkpoint.origin, checkpoint.size, bytes(checkpoint.root), checkpoint.signed_at
    )


def note_of(checkpoint: Checkpoint) -> str:
    """The signed note, as receipts, callbacks and the witness carry it."""
    return signing.note(
        text_of(checkpoint),
        origin=checkpoint.origin,
        public=bytes(checkpoint.public_key),
        signature=bytes(checkpoint.signature),
    )


def is_genuine(checkpoint: Checkpoint) -> bool:
    """Whether key id and signature are right for what the row says."""
    public = bytes(checkpoint.public_key)
    return checkpoint.key_id == signing.key_id(checkpoint.origin, public) and signing.is_signed(
        text_of(checkpoint), public=public, signature=bytes(checkpoint.signature)
    )


def frontier_of(checkpoint: Checkpoint) -> Frontier | None:
    """The frontier from which the tree goes on, or None if it does not lead to the checkpoint's root."""
    try:
        frontier = Frontier.unpack(checkpoint.size, bytes(checkpoint.frontier))
    except ValueError:
        return None
    return frontier if frontier.root() == bytes(checkpoint.root) else None
