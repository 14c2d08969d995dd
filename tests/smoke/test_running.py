"""A portal at work. A second one is refused in its folder; and of somebody who was erased nothing is left anywhere.

What is promised (docs/vault.md): no dump of either database, no file of the portal, nothing in the broker and no log
holds a value of an erased person; and without the key that the erasure destroyed, older copies of both databases
are of no use.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from tests.smoke import places
from tests.smoke.invented import CLIENT, ROW, VALUES, Staff, people
from tests.smoke.person import ROOT, Person, free_port, new_home, present, user_of_this_clone
from tests.smoke.traces import Traces

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="processes are found in /proc"
    ),
]
TRACES = Traces(VALUES)


@pytest.fixture(scope="module")
def running() -> Iterator[Person]:
    """The portal of whoever runs the tests. What its processes write beside their folder is kept, too."""
    home = new_home()
    with pytest.MonkeyPatch.context() as patch, present(user_of_this_clone(home)) as person:
        (home / "tmp").mkdir()
        patch.setenv("TMPDIR", str(home / "tmp"))
        person.start()
        yield person


@dataclass(frozen=True)
class Erased:
    """The portal after an erasure, what led to the person before it, and the databases as they were then."""

    person: Person
    staff: Staff
    known: dict[str, Any]
    keys_before: dict[str, set[str]]
    heard: bytes
    kept: Path

    @property
    def keys(self) -> dict[str, bytes]:
        """The person's own key, and the root on which it hung."""
        return {name: bytes.fromhex(self.known[name]) for name in ("key", "root")}


@pytest.fixture(scope="module")
def erased(running: Person) -> Iterator[Erased]:
    """Somebody comes with a file, buys, looks, writes, is looked at and erased, and comes with the file again."""
    staff = Staff(running)
    with (
        tempfile.TemporaryDirectory(prefix="portal smoke ") as kept,
        places.overheard(running) as heard,
    ):
        staff.bring_in()
        staff.look()
        staff.err()
        staff.opt_out()
        staff.log_erasure()
        known = places.ask(running, f"known('{staff.consumer_id}')")
        for database in places.DATABASES:
            places.dump(running, database, Path(kept, database))
        keys = {name: bytes.fromhex(known[name]) for name in ("key", "root")}
        keys_before = Traces({}, keys).in_folder(running.home)
        staff.approve_and_wait()
        staff.read_certificate()
        assert "Nobody was found" in staff.find()
        assert "erased" in staff.import_file("consumers", people())
        yield Erased(running, staff, known, keys_before, bytes(heard), Path(kept))


def everywhere(person: Person, traces: Traces, heard: bytes) -> dict[str, set[str]]:
    """Where a running portal holds something of what is looked for: a place, and what of it."""
    found = {
        f"written ahead: {name}": told
        for name, told in traces.in_folder(person.state / "postgres" / "pg_wal").items()
    }
    places.flush(person)
    found |= traces.in_folder(person.home) | traces.in_folder(places.runtime(person))
    with tempfile.TemporaryDirectory() as folder:
        for database in places.DATABASES:
            places.dump(person, database, Path(folder, database))
            found[f"dump of {database}"] = traces.in_file(Path(folder, database))
    found["said to the broker"] = traces.in_bytes(heard)
    for place, pieces in (
        ("broker", places.broker(person)),
        ("mail, decoded", places.mails(person)),
        ("session, decoded", [places.told(person, "sessions()")]),
    ):
        found[place] = {trace for piece in pieces for trace in traces.in_bytes(piece)}
    return {place: told for place, told in found.items() if told}


def test_a_second_make_run_in_the_same_folder_says_that_the_first_one_runs(
    running: Person,
) -> None:
    second = Person(ROOT, running.state, running.home / "second", {}, free_port())
    second.home.mkdir()
    with pytest.raises(AssertionError, match=r"already running .*" + str(running.port)):
        second.start()


def test_nothing_of_an_erased_person_is_left_anywhere(erased: Erased) -> None:
    assert everywhere(erased.person, TRACES, erased.heard) == {}


def test_the_key_and_its_root_are_gone_from_every_file(erased: Erased) -> None:
    roots = {name.split("/")[1] for name in erased.keys_before}
    assert roots == {"keyring", "vault-copy"}
    assert set().union(*erased.keys_before.values()) == {"root"}
    assert Traces({}, erased.keys).in_folder(erased.person.home) == {}


def test_the_persons_digests_and_sealed_values_are_in_no_dump(erased: Erased) -> None:
    marks = {f"digest {n}": mark for n, mark in enumerate(erased.known["digests"])}
    marks |= {"sealed": erased.known["sealed"], "client": CLIENT}
    traces = Traces(marks)
    assert len(marks) > 6
    before = traces.in_file(erased.kept / "portal")
    assert before == {f"{name} (text)" for name in marks}
    after = erased.kept / "after"
    places.dump(erased.person, "portal", after)
    assert traces.in_file(after) == {"client (text)"}


def test_a_value_is_found_wherever_somebody_puts_it(erased: Erased) -> None:
    person, surname = erased.person, ROW["surname"]
    with psycopg.connect(places.urls(person).database) as connection:
        connection.execute("CREATE TABLE control (value text)")
        connection.execute("INSERT INTO control VALUES (%s)", [surname])
    with Redis.from_url(places.urls(person).redis) as broker:
        broker.lpush("control", surname.upper())
    (person.state / "media" / f"{surname}.txt").write_text("nothing")
    (person.state / "mail" / "control.log").write_text(f"Subject: x\n\n{surname}")
    found = everywhere(person, TRACES, f"LPUSH {surname}".encode())
    expected = {"dump of portal", "broker", "said to the broker", "mail, decoded"}
    expected |= {f"state/media/{surname}.txt", "state/mail/control.log"}
    assert expected <= found.keys()
    rest = found.keys() - expected
    assert any(place.startswith("written ahead: ") for place in rest)
    assert any(place.startswith("state/postgres/base/") for place in rest)
    assert {trace for told in found.values() for trace in told} == {"surname (text)"}


# ------------------------------------------------------------------ older copies, and today's keys


@pytest.fixture(scope="module")
def copies(erased: Erased) -> Erased:
    """Both databases as they were before the erasure, beside today's."""
    for database in places.DATABASES:
        places.restore(erased.person, erased.kept / database, f"{database}_before")
    return erased


def tried(erased: Erased, vault: str) -> dict[str, Any]:
    """What the main database of before, a vault database and today's keyring open."""
    environment = places.environ(erased.person, default="portal_before", vault=vault)
    call = f"tried('{erased.staff.consumer_id}', '{erased.known['sealed']}')"
    told: dict[str, Any] = places.ask(erased.person, call, **environment)
    return told


def test_a_restored_main_database_opens_everybody_but_the_erased(copies: Erased) -> None:
    told = tried(copies, "vault")
    assert told["erased"] == "KeyShredded"
    assert told["survivor"] > 5
    assert told["of another client"] > 5
    assert told["by force"]["pages"] > 0
    assert told["by force"]["keys"] == 0


def test_with_both_databases_as_they_were_nobody_of_the_client_opens(copies: Erased) -> None:
    told = tried(copies, "vault_before")
    assert told["erased"] == told["survivor"] == "RootGone"
    assert told["of another client"] > 5
    assert told["by force"] == {"pages": 0, "keys": 0}
