"""The 5,000 people of Febrl data set 4a (BSD-3), and slips of the pen."""

import csv
import random
from pathlib import Path

import pytest

from consumers import normalise
from consumers.profile import Profile

ROOT = Path(__file__).resolve().parents[2]
FILES = (ROOT / "tests/data/febrl4a.csv", ROOT.parent / "shared/data/febrl4a.csv")
PURCHASES = (ROOT / "tests/data/cdnow_master.txt", ROOT.parent / "shared/data/cdnow_master.txt")


def find(files: tuple[Path, ...]) -> Path:
    """The first of the files that is there; the test is skipped where the data set is not."""
    for file in files:
        if file.exists():
            return file
    pytest.skip(f"{files[0].name} is not on this machine")


def people() -> list[Profile]:
    """The data set as profiles, in the order of the file."""
    with find(FILES).open(newline="") as lines:
        rows = list(csv.reader(lines, skipinitialspace=True))[1:]
    return [_profile([cell.strip() for cell in row]) for row in rows]


def _profile(row: list[str]) -> Profile:
    key, given, surname, number, street, street2, suburb, postcode, state, born, _refused = row
    return Profile(
        external_id=key,
        given_name=given or None,
        surname=surname or None,
        street=f"{number} {street}".strip() or None,
        street2=street2 or None,
        locality=suburb or None,
        region=state or None,
        postcode=postcode or None,
        country="AU",
        birthday=normalise.date(born),
    )


def slip(word: str | None, chance: random.Random) -> str | None:
    """One letter of the word inserted, deleted, swapped with the next, or replaced."""
    if not word:
        return word
    at, letter = chance.randrange(len(word)), chance.choice("abcdefghijklmnopqrstuvwxyz")
    return chance.choice(
        [
            word[:at] + letter + word[at:],
            word[:at] + word[at + 1 :],
            word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
            word[:at] + letter + word[at + 1 :],
        ]
    )


def misspelt(person: Profile, parts: tuple[str, ...], chance: random.Random) -> Profile:
    """As a letter gives the person: no birthday, a slip in each part, no postcode if named."""
    changes: dict[str, str | None] = {
        part: None if part == "postcode" else slip(getattr(person, part), chance) for part in parts
    }
    return person._replace(birthday=None, external_id=None, **changes)  # type: ignore[arg-type]
