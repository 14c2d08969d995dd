"""A hundred thousand people as a client would send them: the published people's own parts, shuffled anew.

Given names, surnames and addresses keep the frequencies that they have in Febrl's data; identifiers are each
person's own.
"""

import csv
import io
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from consumers.imports import samples
from tests.imports.engine import FEBRL


class Member(NamedTuple):
    """One of the crowd, as the client's file has them."""

    customer_id: str
    email: str
    telephone: str
    given_name: str
    surname: str
    street_number: str
    address_1: str
    suburb: str
    postcode: str
    state: str
    date_of_birth: str


def crowd(number: int, *, seed: int = 4) -> Iterator[Member]:
    """So many people, the same at every call. Everybody has a whole name and address."""
    drawn = Random(seed)
    rows = [
        row for row in samples.joined_people(FEBRL) if all(row[name] for name in Member._fields)
    ]
    for n in range(1, number + 1):
        place = drawn.choice(rows)
        yield Member(
            customer_id=f"{n:06d}",
            email=f"person{n:06d}@example.com",
            telephone=f"04{n + 10_000_000:08d}",
            given_name=drawn.choice(rows)["given_name"],
            surname=drawn.choice(rows)["surname"],
            street_number=str(drawn.randint(1, 200)),
            address_1=drawn.choice(rows)["address_1"],
            suburb=place["suburb"],
            postcode=place["postcode"],
            state=place["state"],
            date_of_birth=drawn.choice(rows)["date_of_birth"],
        )


def as_csv(people: Iterator[Member] | list[Member]) -> str:
    """The file that a client would send."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Member._fields)
    writer.writerows(people)
    return text.getvalue()
