"""Inquiries as tests need them, made by the real verbs."""

from datetime import datetime, timedelta
from typing import Any

from clients.models import Client
from portal.correspondence import Party
from portal.models import User
from portal.roles import SECURITY_OFFICER
from requests.inquiries import branches, endings
from requests.inquiries.letters import Message
from requests.inquiries.models import Inquiry
from requests.inquiries.verbs import log_inquiry, route, triage
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


def message(text: str = "What we say.", to: Party = ALICE, way: str = "email") -> Message:
    return Message(way, to, "About your inquiry", text)


def triaged(case: Inquiry, *clients: Client, now: datetime = NOW, **fields: Any) -> Inquiry:
    """The inquiry after triage: an erasure under the CCPA unless `fields` say otherwise."""
    given: dict[str, Any] = {
        "kind": "erasure",
        "regime": "ccpa_request",
        "urgency": "normal",
        "assignee": None,
        "clients": list(clients),
    } | fields
    triage(case, by=officer(), now=now, **given)
    return case


def routed(case: Inquiry, *clients: Client, now: datetime = NOW, **fields: Any) -> Inquiry:
    """The inquiry after the hand-off to these clients."""
    triaged(case, *clients, now=now, **fields)
    route(case, message=message(), by=officer(), now=now)
    return case


def answered(case: Inquiry, *, outcome: str = "complied", now: datetime = NOW) -> Inquiry:
    """The inquiry after every client has answered."""
    for branch in branches.branches_of(case):
        branches.answer(branch, outcome=outcome, denial="", text="", by=officer(), now=now)
    case.refresh_from_db()
    return case


def responded(case: Inquiry, *, now: datetime = NOW) -> Inquiry:
    """The inquiry after the final response."""
    endings.respond(case, outcome="complied", denial="", message=message(), by=officer(), now=now)
    return case
