"""A person is found by name and address though both are misspelt."""

import random
from collections import defaultdict

import pytest

from consumers.matching import Level, codes, level_keys, rank
from consumers.profile import EMPTY, Profile
from tests.consumers.people import misspelt, people

ALICE = Profile(
    given_name="Alice",
    surname="Neumann",
    street="8 Stanley Street",
    locality="Winston Hills",
    postcode="4223",
    country="AU",
    birthday="1948-09-30",
)


@pytest.fixture(scope="module")
def crowd() -> list[Profile]:
    return people()


@pytest.fixture(scope="module")
def index(crowd: list[Profile]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for position, person in enumerate(crowd):
        for code in codes(person):
            found[code].add(position)
    return found


@pytest.mark.parametrize(
    ("parts", "least"),
    [
        (("surname",), 0.95),
        (("given_name",), 0.95),
        (("street",), 0.95),
        (("postcode",), 0.95),
        (("surname", "given_name"), 0.95),
        (("surname", "postcode"), 0.95),
        (("given_name", "postcode"), 0.95),
        (("street", "postcode"), 0.95),
        (("surname", "street"), 0.80),
        (("given_name", "street"), 0.80),
    ],
)
def test_a_misspelt_person_shares_a_code_and_ranks_first_among_few(
    crowd: list[Profile], index: dict[str, set[int]], parts: tuple[str, ...], least: float
) -> None:
    chance = random.Random(33)
    first = candidates = 0
    for position, person in enumerate(crowd):
        query = misspelt(person, parts, chance)
        near = sorted({i for code in codes(query) for i in index.get(code, ())})
        candidates += len(near)
        ranked = rank(query, [(i, crowd[i]) for i in near])
        first += bool(ranked) and ranked[0].key == position
    assert first / len(crowd) >= least
    # Each candidate is a profile that must be unsealed, so there may not be many of them.
    assert candidates / len(crowd) < 1.5


def test_a_person_has_at_most_five_codes_and_none_without_a_name_or_address(
    crowd: list[Profile],
) -> None:
    assert max(len(codes(person)) for person in crowd) == 5
    assert len(codes(ALICE)) == 5
    assert codes(EMPTY) == ()
    assert codes(Profile(surname="Neumann")) == ()


def test_a_person_without_an_address_is_found_by_the_year_of_birth() -> None:
    stored = Profile(given_name="Alice", surname="Neumann", birthday="1948-09-30")
    asked = Profile(given_name="Alyce", surname="Newman", birthday="1948-01-01")
    assert set(codes(stored)) & set(codes(asked))


def test_the_ranking_says_what_each_part_counted_for() -> None:
    asked = ALICE._replace(surname="Neuman", postcode=None, birthday=None)
    stranger = ALICE._replace(given_name="Bob", surname="Painter", street="90 Oak Road")
    best, other = rank(asked, [("stranger", stranger), ("alice", ALICE)])
    assert best.key == "alice"
    assert best.score > 90 > 40 > other.score
    assert best.level is Level.INDIVIDUAL
    assert other.level is None
    assert best.explanation == (
        "given name the same, surname spelt alike, house number the same, street the same, "
        "locality the same"
    )
    assert "Neuman" not in best.explanation


def test_swapped_names_are_seen_through() -> None:
    swapped = ALICE._replace(given_name="Neumann", surname="Alice")
    (found,) = rank(ALICE, [(1, swapped)])
    assert found.score > 90
    assert "surname swapped" in found.explanation


def test_levels_tell_the_person_from_the_household_and_the_address() -> None:
    bob = ALICE._replace(given_name="Bob", birthday=None)
    lodger = ALICE._replace(given_name="Charlie", surname="Painter", birthday=None)
    levels = {r.key: r.level for r in rank(ALICE, [("bob", bob), ("lodger", lodger), ("a", ALICE)])}
    assert levels == {"a": Level.INDIVIDUAL, "bob": Level.HOUSEHOLD, "lodger": Level.ADDRESS}


def test_suppression_keys_agree_for_two_spellings_of_one_address() -> None:
    same = ALICE._replace(street="8 STANLEY ST.", surname="neumann")
    bob = ALICE._replace(given_name="Bob")
    assert level_keys(same) == level_keys(ALICE)
    assert level_keys(bob)[Level.HOUSEHOLD] == level_keys(ALICE)[Level.HOUSEHOLD]
    assert level_keys(bob)[Level.INDIVIDUAL] != level_keys(ALICE)[Level.INDIVIDUAL]
    assert level_keys(ALICE._replace(postcode=None)) == {}


def test_weak_candidates_can_be_left_out() -> None:
    assert rank(ALICE, [(1, Profile(surname="Painter"))], least=60) == []
