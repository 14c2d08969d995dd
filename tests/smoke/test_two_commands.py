"""`make run` on the embedded default, as a person meets it: log in, Ctrl-C, `kill -9`, start again."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import embedded
from portal.embedded_place import server_account
from requests.demo import PASSWORD
from tests.smoke.person import (
    Person,
    copy_clone,
    free_port,
    new_home,
    present,
    system_python,
    user_of_this_clone,
)

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="processes are found in /proc"
    ),
]


@pytest.fixture
def ourselves() -> Iterator[Person]:
    with present(user_of_this_clone(new_home())) as found:
        yield found


@pytest.fixture
def ordinary() -> Iterator[Person]:
    """An ordinary user with a fresh clone, in which nothing is installed yet."""
    python = system_python() if os.geteuid() == 0 else None
    if python is None:
        pytest.skip("only root becomes another user, who then needs a Python with pip")
    home = new_home()
    account = server_account(home)
    copy_clone(home / "clone")
    account.give(home)
    clone = home / "clone"
    found = Person(clone, clone / ".local", home, account.spawning(), free_port())
    found.path = f"{Path(python).parent}:/usr/bin:/bin"
    with present(found):
        yield found


_ERASURES = (
    "from requests.models import Erasure; print(*Erasure.objects.values_list('state', flat=True))"
)


def see_an_erasure_certified(person: Person) -> None:
    """The demo's last client has an approved erasure without a window: a worker carries it out at once."""
    end = time.monotonic() + 120
    while "certified" not in (states := person.manage("shell", "--no-imports", "-c", _ERASURES)):
        assert time.monotonic() < end, states
        time.sleep(1)
    person.manage("vault", "check")
    person.manage("ledger", "verify")


def stay(person: Person) -> None:
    """Work a while: start, log in, stop; start, cut the power, start, and find everything again."""
    said = person.start()
    assert f"The portal is ready: {person.site}/" in said
    assert "olivia" in said
    person.log_in("olivia", PASSWORD)
    see_an_erasure_certified(person)

    said = person.press_ctrl_c()
    assert "Traceback" not in said
    person.wait_until_gone()
    assert embedded.urls_if_running(person.state) is None

    person.start()
    assert len(person.processes()) > 6
    person.pull_the_plug()

    person.start()
    person.log_in("olivia", PASSWORD)
    assert "Traceback" not in person.press_ctrl_c()
    person.wait_until_gone()


def test_the_portal_runs_stops_and_comes_back_for_the_user_of_this_clone(ourselves: Person) -> None:
    stay(ourselves)


def test_the_portal_sets_itself_up_for_an_ordinary_user_with_a_fresh_clone(
    ordinary: Person,
) -> None:
    stay(ordinary)
    assert ordinary.state.stat().st_uid == ordinary.account["user"]
