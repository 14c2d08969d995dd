"""How the tests get an erasure of many to where they need it, by the real verbs."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from clients.models import Client, Instruction
from consumers.models import Consumer
from portal.models import User
from portal.roles import ACCOUNT_MANAGER
from requests.erasures import execution
from requests.erasures.intake import reading, verbs
from requests.erasures.models import Erasure
from tests.erasures.people import ALICE, BOB, CHARLIE, load, person
from tests.factories import make_client, make_instruction, make_user

HEADER = "Customer id;E-mail;Phone;First name;Last name;Street;Town;Zip;SSN"
ROWS = (
    ";Alice@Example.com ;;;;;;;123-45-6789",  # Alice, by her e-mail address
    "cust-000002;;;;;;;;",  # Bob, by his number
    ";;;Charlie;Cooper;7 Mill Lane;Salem;01970;",  # Charlie, by exactly his name and address
    "cust-000001;;;;;;;;123-45-6789",  # Alice once more
    ";nobody@example.com;;;;;;;",
    ";;;Alise;Archer;12 Harbor Street;Boston;02210;",  # somebody like Alice
    ";not an address;;;;;;;",
    ";;;;Archer;;;;",
    "a;row;of;too;few;cells",
    "4111 1111 1111 1111;;;;;;;;",
    ";;+1 617 555 0102;;;;;;",  # Bob once more
    ";;;Bob;Archer;12 Harbor Street;Boston;02210;",  # and once more
    "cust-999999;;;;;;;;",
)
ENDS = (
    *("one", "one", "one", "repeated", "none", "ambiguous", "refused"),
    *("refused", "refused", "refused", "repeated", "repeated", "none"),
)
REASONS = (
    *("", "", "", "", "", "", "email.syntax"),
    *("no_identifier", "row.too_few_cells", "sensitive.card", "", "", ""),
)


def content(*rows: str, header: str = HEADER) -> bytes:
    """A client's file."""
    return "\n".join((header, *rows)).encode() + b"\n"


def many(number: int, *, first: int = 1) -> bytes:
    """A file that names so many of the people that `load_many` loads, by their e-mail addresses."""
    rows = (person(at).email or "" for at in range(first, first + number))
    return content(*rows, header="email")


def make_ready(now: datetime, **settings: Any) -> Client:
    """A client with an account manager and three people on file."""
    client = make_client(managers=[make_user(ACCOUNT_MANAGER)], now=now, **settings)
    load(client, [ALICE, BOB, CHARLIE], now=now)
    return client


def load_many(client: Client, number: int, now: datetime) -> list[Consumer]:
    """Put many people on file."""
    return load(client, [person(at) for at in range(1, number + 1)], now=now)


def manager_of(client: Client) -> User:
    """The client's account manager."""
    user: User = client.assignments.get().user
    return user


def upload(client: Client, given: bytes, now: datetime, **fields: Any) -> Erasure:
    """A case with a file whose columns nobody has explained yet."""
    instruction = fields.pop("instruction", None) or make_instruction(
        client, Instruction.Kind.ERASURE, now=now
    )
    return verbs.log_file(
        client=client,
        instruction=instruction,
        upload=io.BytesIO(given),
        name="people.csv",
        channel="file",
        received_at=now,
        by=manager_of(client),
        now=now,
        **fields,
    )


def start(erasure: Erasure, now: datetime, **options: Any) -> Erasure:
    """Let the file be read as its columns suggest."""
    mapping = options.pop("mapping", None) or verbs.columns(erasure).mapping
    verbs.start(erasure, mapping=mapping, by=manager_of(erasure.client), now=now, **options)
    return erasure


def read(client: Client, given: bytes, now: datetime) -> Erasure:
    """A case whose file was read through."""
    erasure = start(upload(client, given, now), now)
    run(erasure, now)
    return erasure


def run(erasure: Erasure, moment: datetime) -> None:
    """Let a worker do what is due, and look at the case again."""
    execution.run_due(ticking(moment))
    erasure.refresh_from_db()


def ticking(start: datetime) -> Callable[[], datetime]:
    """A clock that moves on by a second at each look."""
    looks = [start]

    def look() -> datetime:
        looks[0] += timedelta(seconds=1)
        return looks[0]

    return look


def small_batches(monkeypatch: pytest.MonkeyPatch, size: int = 3) -> None:
    """Let a few rows make several batches."""
    monkeypatch.setattr(reading, "SIZE", size)


def rows_of(erasure: Erasure) -> list[tuple[int, str, str]]:
    """Number, outcome and reason of each row."""
    rows = erasure.subjects.order_by("row_number")
    return list(rows.values_list("row_number", "match", "fault"))


EXPECTED = [
    (number, how, why) for number, (how, why) in enumerate(zip(ENDS, REASONS, strict=True), start=1)
]
