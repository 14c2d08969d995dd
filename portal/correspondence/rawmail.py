"""The e-mails as they came, sealed in the media folder, each under its row's key."""

import os
from pathlib import Path

from django.conf import settings

from portal import vault
from portal.correspondence.models import InboundMessage
from portal.vault import streams
from portal.vault.files import sync_folder

FOLDER = "mail"


def path_of(row: InboundMessage) -> Path:
    """Where the sealed bytes lie. The path holds ids only."""
    return Path(settings.MEDIA_ROOT) / FOLDER / str(row.client_id) / f"{row.pk}.sealed"


def write_raw(row: InboundMessage, content: bytes) -> None:
    """Seal the e-mail beside its row, which has its key already. It is on the disk when this returns."""
    target = path_of(row)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as raw:
        with streams.SealedWriter(raw, _key(row), _binding(row)) as writer:
            writer.write(content)
        raw.flush()
        os.fsync(raw.fileno())
    sync_folder(target.parent)


def read_raw(row: InboundMessage) -> bytes:
    """The e-mail as it came. Raises FileNotFoundError or vault.VaultError."""
    with path_of(row).open("rb") as raw:
        return streams.SealedReader(raw, _key(row), _binding(row)).readall()


def remove_raw(row: InboundMessage) -> None:
    """Remove the sealed bytes; idempotent."""
    path_of(row).unlink(missing_ok=True)


def _key(row: InboundMessage) -> bytes:
    if row.key_ref is None:
        raise vault.KeyShredded("The key of this e-mail was shredded.")
    return vault.key(row.client_id, row.key_ref)


def _binding(row: InboundMessage) -> bytes:
    return streams.binding("correspondence.mail", row.client_id, row.pk)
