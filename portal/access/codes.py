"""One-time codes and recovery codes, pure: no database, and the time is an argument.

Invariants: a code is six digits of RFC 6238 (SHA-1, 30 seconds), taken one step early or late and never a second
time; a recovery code has 80 random bits, so that its plain digest cannot be guessed back.
"""

import base64
import hashlib
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

from django_otp.oath import TOTP

STEP_SECONDS: Final = 30
TOLERANCE: Final = 1
RECOVERY_CODES: Final = 10


def new_secret() -> bytes:
    """A fresh secret of 160 bits, as RFC 4226 advises."""
    return secrets.token_bytes(20)


def code_at(secret: bytes, step: int) -> str:
    """The six digits of a time step."""
    generator = TOTP(secret, step=STEP_SECONDS)
    generator.time = step * STEP_SECONDS
    return f"{generator.token():06d}"


def step_at(now: datetime) -> int:
    """The time step that `now` lies in."""
    return int(now.timestamp()) // STEP_SECONDS


def matching_step(secret: bytes, typed: str, *, after: int, now: datetime) -> int | None:
    """The step after `after`, at most one away from `now`, whose code was typed; None where there is none."""
    if len(typed) != 6 or not (typed.isascii() and typed.isdigit()):
        return None
    here = step_at(now)
    for step in (here, here - 1, here + 1):
        if step > after and secrets.compare_digest(code_at(secret, step), typed):
            return step
    return None


def as_text(secret: bytes) -> str:
    """The secret as it is typed into an authenticator app: base 32, in groups of four."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[n : n + 4] for n in range(0, len(text), 4))


def address(secret: bytes, *, issuer: str, account: str) -> str:
    """The otpauth address that the QR code holds."""
    label = quote(f"{issuer}:{account}")
    asked = {"secret": as_text(secret).replace(" ", ""), "issuer": issuer}
    return f"otpauth://totp/{label}?{urlencode(asked, quote_via=quote)}"


def new_recovery_codes() -> list[str]:
    """Ten codes like "k3qv-7dya-x2mp-4hzt"."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[n : n + 4] for n in range(0, 16, 4))


def recovery_digest(owner: UUID, typed: str) -> bytes:
    """What is stored of a recovery code, bound to its authenticator; spaces, dashes and case do not matter."""
    plain_text = "".join(typed.lower().split()).replace("-", "")
    return hashlib.sha256(owner.bytes + plain_text.encode()).digest()
