"""A worker that is killed between storing and putting away loses no e-mail, and none becomes two inquiries."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from portal import ledger
from portal.correspondence.models import InboundMessage
from requests.inquiries.models import Inquiry
from requests.inquiries.verbs import words_of
from tests.correspondence.dovecot import Dovecot, make_mail, running
from tests.killing import Children

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

STEPS = {
    "the e-mail sealed, not committed": "portal.correspondence.rawmail:write_raw",
    "stored and committed, not put away": "portal.correspondence.inbox:_store",
    "put away": "portal.correspondence.inbox:_take_over",
    "the inquiry logged, not committed": "requests.inquiries.verbs:log_inquiry",
    "settled": "portal.correspondence.inbox:_look_at",
}


@pytest.fixture(scope="module")
def worker() -> Iterator[Children]:
    with Children("tests.correspondence.child") as started:
        yield started


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running() as started:
        yield started


def test_whoever_follows_a_killed_worker_ends_where_an_unbroken_one_would(
    worker: Children, server: Dovecot, now: datetime
) -> None:
    """One test for all steps: emptying the databases in between would take longer than the fetching."""
    expected: list[str] = []
    for number, (name, step) in enumerate(STEPS.items()):
        texts = [f"Request {number}.{nth}" for nth in range(3)]
        expected += texts
        server.put(*(make_mail(10 * number + nth, text) for nth, text in enumerate(texts)))
        moment = now + timedelta(hours=number)
        given = {"url": server.url, "kill_after": step, "nth": 2}
        assert worker.run("fetch", moment=moment.isoformat(), **given).killed, name
        later = (moment + timedelta(minutes=5)).isoformat()
        ended = worker.run("fetch", url=server.url, moment=later)
        assert ended.error == "", name
        assert sorted(words_of(one)[1] for one in Inquiry.objects.all()) == expected, name
        assert server.names() == [], name
        assert len(server.names("Portal")) == len(expected), name
    assert set(InboundMessage.objects.values_list("state", flat=True)) == {"taken"}
    assert ledger.verify().ok
