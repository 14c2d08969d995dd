"""The signing key, and the text that it signs.

The text is a checkpoint of the C2SP specification tlog-checkpoint, inside a C2SP signed note:

    <origin>            who keeps the ledger, e.g. portal.example.com/ledger
    <size>              number of leaves, decimal
    <root>              base64 of the root hash
    <time>              when it was signed, UTC with microseconds and "Z"
    (an empty line)
    — <origin> <base64 of the first 4 bytes of the key id and the Ed25519 signature over the four lines>

Invariants
- The signature covers the four lines, each with its line break, and nothing else.
- The key id is SHA-256(origin || 0x0A || 0x01 || public key) in hexadecimal, so it follows from the key.
- The private key stands in one file, PKCS #8 PEM, readable by its owner only; it is never replaced silently.
"""

import hashlib
import os
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from portal.ledger.canonical import moment
from portal.ledger.errors import LedgerBroken

ED25519 = b"\x01"  # The signature type of C2SP signed notes.


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs for one origin."""

    origin: str
    private: Ed25519PrivateKey

    @cached_property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def key_id(self) -> str:
        """Identifies key and origin; 64 hexadecimal digits."""
        return key_id(self.origin, self.public)


def key_id(origin: str, public: bytes) -> str:
    """The key id of C2SP signed notes, unshortened; 64 hexadecimal digits."""
    return hashlib.sha256(origin.encode() + b"\n" + ED25519 + public).hexdigest()


def checkpoint_text(origin: str, size: int, root: bytes, signed_at: datetime) -> str:
    """The four lines that are signed."""
    return f"{origin}\n{size}\n{_base64(root)}\n{moment(signed_at)}\n"


def note(text: str, *, origin: str, public: bytes, signature: bytes) -> str:
    """The signed note: the text, an empty line, the signature line."""
    short = bytes.fromhex(key_id(origin, public))[:4]
    return f"{text}\n— {origin} {_base64(short + signature)}\n"


def verifier_key(origin: str, public: bytes) -> str:
    """The public key as C2SP tools take it: <origin>+<short key id>+<base64>."""
    return f"{origin}+{key_id(origin, public)[:8]}+{_base64(ED25519 + public)}"


def public_pem(public: bytes) -> str:
    """The public key as openssl takes it."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def is_signed(text: str, *, public: bytes, signature: bytes) -> bool:
    """Whether the signature over `text` is this key's."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def load_key(path: Path, origin: str) -> SigningKey:
    """Read the signing key; LedgerBroken if others may read the file or it holds no Ed25519 key."""
    if path.stat().st_mode & 0o077:
        raise LedgerBroken("The ledger's key file must be readable by its owner only (chmod 600).")
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        raise LedgerBroken("The ledger's key file cannot be read as a PEM key.") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise LedgerBroken("The ledger's key file does not hold an Ed25519 key.")
    return SigningKey(origin, private)


def create_key(path: Path, origin: str) -> SigningKey:
    """Make the signing key durably unless there is one; of two first starts at once, one key wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    sync_folder(path.parent)
    return load_key(path, origin)


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
