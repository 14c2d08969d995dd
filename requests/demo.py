"""The demo: three fictional clients and a cast of staff, made by the real verbs.

Everything is idempotent, so that a load that was cut short is taken up again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Group

from clients.drops import plan_drop
from clients.instructions import verbs as instructions
from clients.instructions.verbs import Evidence
from clients.models import (
    DATA_CATEGORIES,
    Brand,
    Client,
    ClientContact,
    Instruction,
    LawfulBasis,
    MailDrop,
    Purpose,
)
from clients.verbs import assign_manager, create_client, save_brand, save_contact
from portal.access.demo import load_authenticator
from portal.models import User
from portal.roles import (
    ACCOUNT_MANAGER,
    ADMINISTRATOR,
    AUDITOR,
    DISPUTE_STAFF,
    SECURITY_OFFICER,
)
from requests import demo_people
from requests.disputes.demo import load_disputes

PASSWORD = "demo-only-passphrase"  # noqa: S105  (printed at every start of the demo, which serves this machine alone)


@dataclass(frozen=True)
class Member:
    """One of the cast."""

    username: str
    given_name: str
    surname: str
    role: str


CAST = (
    Member("olivia", "Olivia", "Okafor", SECURITY_OFFICER),
    Member("oscar", "Oscar", "Oduya", SECURITY_OFFICER),
    Member("adam", "Adam", "Alvarez", ACCOUNT_MANAGER),
    Member("amira", "Amira", "Aziz", ACCOUNT_MANAGER),
    Member("dana", "Dana", "Diaz", DISPUTE_STAFF),
    Member("aude", "Aude", "Auber", AUDITOR),
    Member("ada", "Ada", "Adler", ADMINISTRATOR),
)


@dataclass(frozen=True)
class Controller:
    """A fictional client, whose account manager is one of the cast."""

    name: str
    code: str
    manager: str
    country: str
    time_zone: str
    regions: tuple[str, ...]
    brands: tuple[str, ...]


CONTROLLERS = (
    Controller("Harbor Outfitters", "harbor", "adam", "US", "America/New_York", ("us",),
               ("Harbor", "Harbor Home")),
    Controller("Alpine & Sons", "alpine", "amira", "US", "Europe/Berlin", ("us", "eea", "ch"),
               ("Alpine",)),
    Controller("Southern Cross Records", "southern", "adam", "AU", "America/Los_Angeles",
               ("us", "uk"), ("Southern Cross",)),
)  # fmt: skip


def load(clock: Callable[[], datetime]) -> Iterator[str]:
    """Make what is missing of the demo; yields a sentence about each part."""
    now = clock()
    users = {member.username: _member(member, now) for member in CAST}
    yield f"{len(users)} members of staff"
    for controller in CONTROLLERS:
        client = _client(controller, users, now)
        for kind in (Instruction.Kind.PROCESSING, Instruction.Kind.ERASURE):
            _standing(client, kind, users, now)
        _drops(client, users, now)
        _open_instruction(client, users, now)
        yield f"{client}: contact, brands, standing instructions, mail drops"
        yield from _people_of(client, controller, users, clock)
    yield from load_disputes(users["dana"], users["olivia"], clock())


def logins() -> Iterator[tuple[str, str, str]]:
    """(role, user name, password) of the cast."""
    for member in CAST:
        yield member.role, member.username, PASSWORD


def _member(member: Member, now: datetime) -> User:
    user, new = User.objects.get_or_create(
        username=member.username,
        defaults={
            "first_name": member.given_name,
            "last_name": member.surname,
            "email": f"{member.username}@example.com",
            "is_staff": True,
        },
    )
    if new:
        user.set_password(PASSWORD)
        user.save()
    user.groups.add(Group.objects.get(name=member.role))
    load_authenticator(user, now=now)
    return user


def _client(controller: Controller, users: dict[str, User], now: datetime) -> Client:
    found = Client.objects.filter(code=controller.code).first()
    ada = users["ada"]
    client = found or create_client(
        name=controller.name,
        code=controller.code,
        regions=controller.regions,
        lawful_bases=[LawfulBasis.CONSENT, LawfulBasis.NOTICE_AND_OPT_OUT],
        purposes=Purpose.values,
        data_categories=[code for code, _ in DATA_CATEGORIES],
        default_country=controller.country,
        time_zone=controller.time_zone,
        # The last client's erasures are carried out at once, so that there is something to look at.
        recall_hours=0 if controller is CONTROLLERS[-1] else 24,
        by=ada,
        now=now,
    )
    if not client.assignments.exists():
        assign_manager(client, users[controller.manager], by=ada, now=now)
    if not client.contacts.exists():
        contact = ClientContact(
            client=client,
            name="Charlie Chen",
            email=f"privacy@{controller.code}.example.com",
            role="Privacy office",
            may_instruct=True,
        )
        save_contact(contact, by=ada, now=now)
    for name in controller.brands:
        if not client.brands.filter(name=name).exists():
            save_brand(Brand(client=client, name=name), by=ada, now=now)
    return client


def _evidence() -> Evidence:
    return Evidence(b"As agreed in our contract. Charlie Chen", "letter.txt", "text/plain")


def _logged(client: Client, kind: str, users: dict[str, User], now: datetime) -> Instruction:
    manager = client.assignments.select_related("user")[0].user
    return instructions.log_instruction(
        client=client,
        kind=kind,
        channel="letter",
        received_at=now - timedelta(days=2),
        is_standing=kind in (Instruction.Kind.PROCESSING, Instruction.Kind.ERASURE),
        instructed_by=client.contacts.filter(may_instruct=True).first(),
        evidence=_evidence(),
        by=manager,
        now=now,
    )


def _people_of(
    client: Client, controller: Controller, users: dict[str, User], clock: Callable[[], datetime]
) -> Iterator[str]:
    manager, officer = users[controller.manager], users["olivia"]
    whole = controller is CONTROLLERS[0]
    yield from demo_people.load_people(client, manager, clock, limit=None if whole else 500)
    yield from demo_people.load_opt_outs(client, manager, clock)
    standing = client.instructions.get(kind=Instruction.Kind.ERASURE, state="approved")
    yield from demo_people.load_erasures(client, standing, manager, officer, clock)


def _standing(client: Client, kind: str, users: dict[str, User], now: datetime) -> None:
    """A standing instruction of `kind`, approved."""
    if client.instructions.filter(kind=kind, state="approved").exists():
        return
    row = _logged(client, kind, users, now)
    instructions.check_authority(row, by=users["olivia"], now=now)
    instructions.review_legality(
        row, lawful=True, finding="Within the contract.", by=users["olivia"], now=now
    )
    instructions.approve(row, by=users["olivia"], now=now)


def _open_instruction(client: Client, users: dict[str, User], now: datetime) -> None:
    """One instruction that waits for its authority check."""
    if not client.instructions.filter(kind=Instruction.Kind.ACCESS).exists():
        _logged(client, Instruction.Kind.ACCESS, users, now)


def _drops(client: Client, users: dict[str, User], now: datetime) -> None:
    """Catalogs every two months for the next ten."""
    if MailDrop.objects.filter(client=client).exists():
        return
    manager = client.assignments.select_related("user")[0].user
    for number in range(1, 6):
        plan_drop(
            client=client,
            name=f"Catalog {number} of {now.year + 1}",
            mail_date=(now + timedelta(days=60 * number)).date(),
            lead_days=49,
            by=manager,
            now=now,
        )
