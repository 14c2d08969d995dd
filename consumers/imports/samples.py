"""The published people and purchases joined into one client's history, for the demo and the tests.

The n-th person of Febrl's data set 4a is customer number n of the CDNOW data. E-mail addresses and telephone
numbers, which neither has, are made from the row's number under example.com and the reserved 555-01xx.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

# 555-01xx is reserved in every area code, so a hundred people share one.
AREA_CODES: Final = [
    "201",
    "202",
    "203",
    "205",
    "206",
    "207",
    "208",
    "209",
    "210",
    "212",
    "213",
    "214",
    "215",
    "216",
    "217",
    "218",
    "219",
    "225",
    "228",
    "229",
    "231",
    "234",
    "239",
    "240",
    "248",
    "251",
    "252",
    "253",
    "254",
    "256",
    "260",
    "262",
    "267",
    "269",
    "270",
    "276",
    "281",
    "301",
    "302",
    "303",
    "304",
    "305",
    "307",
    "308",
    "309",
    "310",
    "312",
    "313",
    "314",
    "315",
]
NEVER_SENT: Final = "soc_sec_id"


def telephone(number: int) -> str:
    """A number that nobody has: the n-th of the reserved ones (n from 1)."""
    area, line = divmod(number - 1, 100)
    return f"({AREA_CODES[area % len(AREA_CODES)]}) 555-01{line:02d}"


def joined_people(path: Path) -> Iterator[dict[str, str]]:
    """The people of a Febrl file as customers 00001, 00002, ... without the column that is never accepted."""
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream, skipinitialspace=True), start=1):
            yield {
                "customer_id": f"{number:05d}",
                "email": f"person{number}@example.com",
                "telephone": telephone(number),
                **{name: value or "" for name, value in row.items() if name != NEVER_SENT},
            }


def write_joined(path: Path, target: BinaryIO, *, limit: int | None = None) -> int:
    """Write `joined_people` as CSV in UTF-8; returns the number of people."""
    text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
    writer: csv.DictWriter[str] | None = None
    written = 0
    for person in joined_people(path):
        if limit is not None and written >= limit:
            break
        if writer is None:
            writer = csv.DictWriter(text, list(person))
            writer.writeheader()
        writer.writerow(person)
        written += 1
    text.detach()
    return written
