"""The cast and what they need, made by the real verbs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Group

from clients.instructions import verbs as instructions
from clients.instructions.verbs import Evidence
from clients.models import (
    DATA_CATEGORIES,
    Client,
    ClientContact,
    Instruction,
    LawfulBasis,
    Purpose,
    Region,
)
from clients.verbs import assign_manager, create_client, save_contact
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, SECURITY_OFFICER

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
EVIDENCE = Evidence(b"Please do as agreed. Charlie, privacy office", "letter.txt", "text/plain")
_numbers = count(1)


def make_user(*roles: str, username: str = "", password: str | None = None, **fields: Any) -> User:
    """A member of staff who has `roles`.

    Tests log in by force; for a real log-in give `password=PASSWORD` (hashing one takes half a second).
    """
    name = username or f"staff{next(_numbers)}"
    user = User.objects.create_user(name, f"{name}@example.com", password, is_staff=True, **fields)
    for role in roles:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def staff_in(role: str) -> User:
    """Somebody who has the role: the one made earlier, or a new one."""
    name = f"default-{role.lower().replace(' ', '-')}"
    return User.objects.filter(username=name).first() or make_user(role, username=name)


def make_client(
    name: str = "",
    *,
    managers: Iterable[User] = (),
    now: datetime = NOW,
    by: User | None = None,
    **settings: Any,
) -> Client:
    """A client with everything permitted, its vault root and one contact who may instruct (Charlie)."""
    number = next(_numbers)
    admin = by or staff_in(ADMINISTRATOR)
    given: dict[str, Any] = {
        "code": f"client-{number}",
        "regions": Region.values,
        "lawful_bases": LawfulBasis.values,
        "purposes": Purpose.values,
        "data_categories": [code for code, _ in DATA_CATEGORIES],
    } | settings
    client = create_client(name=name or f"Client {number}", by=admin, now=now, **given)
    for manager in managers:
        assign_manager(client, manager, by=admin, now=now)
    make_contact(client, now=now, by=admin)
    return client


def make_contact(
    client: Client,
    name: str = "Charlie",
    *,
    may_instruct: bool = True,
    now: datetime = NOW,
    by: User | None = None,
    **fields: Any,
) -> ClientContact:
    """A person at the client."""
    given = {"email": f"{name.lower()}@example.com", "telephone": "555-0103"} | fields
    contact = ClientContact(client=client, name=name, may_instruct=may_instruct, **given)
    return save_contact(contact, by=by or staff_in(ADMINISTRATOR), now=now)


def log_instruction(
    client: Client,
    kind: str = Instruction.Kind.PROCESSING,
    *,
    by: User | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> Instruction:
    """A written instruction as it is after logging, in the state "received"."""
    given: dict[str, Any] = {
        "channel": "letter",
        "received_at": now - timedelta(days=1),
        "is_standing": kind == Instruction.Kind.PROCESSING,
        "instructed_by": client.contacts.filter(may_instruct=True).first(),
        "evidence": EVIDENCE,
    } | fields
    return instructions.log_instruction(
        client=client, kind=kind, by=by or _manager_of(client, now), now=now, **given
    )


def make_instruction(
    client: Client,
    kind: str = Instruction.Kind.PROCESSING,
    *,
    by: User | None = None,
    approved_by: User | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> Instruction:
    """An approved instruction of `kind`, in effect since the day before `now`, reached by the real verbs.

    Standing for PROCESSING, else for one case; say `is_standing=` for another. Logged by the client's account
    manager, approved by a Security Officer.
    """
    officer = approved_by or staff_in(SECURITY_OFFICER)
    instruction = log_instruction(client, kind, by=by, now=now, **fields)
    instructions.check_authority(instruction, by=officer, now=now)
    instructions.review_legality(
        instruction, lawful=True, finding="Within the contract.", by=officer, now=now
    )
    instructions.approve(instruction, by=officer, now=now)
    return instruction


def _manager_of(client: Client, now: datetime) -> User:
    assignment = client.assignments.select_related("user").first()
    if assignment is not None:
        user: User = assignment.user
        return user
    manager = staff_in(ACCOUNT_MANAGER)
    assign_manager(client, manager, by=staff_in(ADMINISTRATOR), now=now)
    return manager
