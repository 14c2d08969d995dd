"""Inquiries as tests need them, made by the real verbs."""

from datetime import datetime, timedelta
from typing import Any

from portal.correspondence import Party
from portal.models import User
from portal.roles import SECURITY_OFFICER
from requests.inquiries.models import Inquiry
from requests.inquiries.verbs import log_inquiry
from tests.factories import NOW, staff_in

ALICE = Party("Alice Archer", "alice@example.com", ("12 Main Street", "Boston MA 02210"))
WORDS = "Please delete everything that Harbor has about me."


def officer() -> User:
    return staff_in(SECURITY_OFFICER)


def make_inquiry(*, now: datetime = NOW, **fields: Any) -> Inquiry:
    """An inquiry that came by e-mail an hour ago."""
    given: dict[str, Any] = {
        "channel": "email",
        "sender": ALICE,
        "subject": "My data",
        "text": WORDS,
        "received_at": now - timedelta(hours=1),
        "by": officer(),
    } | fields
    return log_inquiry(now=now, **given)
