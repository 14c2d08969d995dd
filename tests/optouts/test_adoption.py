"""An erasure takes the opt-outs of its person too: what they wrote goes, the token that keeps them out stays."""

from datetime import datetime

import pytest

from clients.instructions.verbs import Evidence
from clients.models import Client
from consumers import eraser
from consumers.models import Consumer
from consumers.profile import Profile
from portal import outbox, vault
from portal.cases import files, thread
from portal.ids import uuid7
from portal.models import User
from requests.optouts.adoption import adopt
from requests.optouts.lookup import is_suppressed
from requests.optouts.models import OptOut
from requests.optouts.verbs import address_of
from tests.factories import make_client
from tests.optouts.helpers import ALICE, BOB, EMAIL, make_consumer, make_opt_out, tokens

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

LETTER = Evidence(b"I am Alice Example. No more, please.", "alice.txt", "text/plain")


@pytest.fixture
def client_() -> Client:
    return make_client()


def write(client: Client, address: Profile = EMAIL) -> OptOut:
    """An opt-out with its own words and its letter."""
    return make_opt_out(client, address, text="Alice wants no more.", evidence=LETTER)


def erase(consumer: Consumer, now: datetime) -> None:
    """As an erasure does it: the keys first, then the rows."""
    client_id, ids = consumer.client_id, [consumer.pk]
    vault.shred(client_id, eraser.key_refs(client_id, ids))
    for file in eraser.files_of(client_id, ids):
        files.remove_content(file)
    eraser.erase(client_id, ids, erasure_id=uuid7(now.timestamp()), now=now)


def is_forgotten(opt_out: OptOut) -> bool:
    """Whether nothing of what was given and written can be opened; raises where only a part of it is gone."""
    opt_out.refresh_from_db()
    texts = [e.text for e in thread.entries(opt_out) if not e.note.by.is_system]
    sealed = [row.sealed for row in files.of_case(opt_out)]
    gone = [address_of(opt_out) is None, *(t is None for t in texts), *(s is None for s in sealed)]
    assert len(gone) == 3
    assert len(set(gone)) == 1, gone
    return gone[0]


def test_the_words_and_the_letter_of_a_matched_person_are_erased_with_them(
    client_: Client, now: datetime
) -> None:
    alice, opt_out = make_consumer(client_), write(client_)
    assert not is_forgotten(opt_out)
    erase(alice, now)
    assert is_forgotten(opt_out)
    assert tokens(opt_out) == 1
    assert is_suppressed(client_.pk, "email", None, EMAIL)


def test_an_opt_out_that_came_before_its_person_is_erased_with_them(
    client_: Client, now: datetime
) -> None:
    opt_out = write(client_)
    alice = make_consumer(client_)
    assert adopt(client_.pk, {alice.pk: ALICE}) == 1
    erase(alice, now)
    assert is_forgotten(opt_out)
    assert is_suppressed(client_.pk, "email", None, EMAIL)


def test_an_opt_out_that_matched_several_goes_with_the_first_of_them(
    client_: Client, now: datetime
) -> None:
    alice = make_consumer(client_)
    bob_too = BOB._replace(email=ALICE.email)
    bob = make_consumer(client_, bob_too)
    opt_out = write(client_)
    assert opt_out.consumer_id is None
    assert adopt(client_.pk, {bob.pk: bob_too, alice.pk: ALICE}) == 1
    opt_out.refresh_from_db()
    assert opt_out.consumer_id == min(alice.pk, bob.pk)


def test_what_belongs_to_somebody_already_stays_theirs(client_: Client) -> None:
    alice, opt_out = make_consumer(client_), write(client_)
    other = make_consumer(client_, BOB._replace(email=ALICE.email))
    assert adopt(client_.pk, {other.pk: BOB._replace(email=ALICE.email)}) == 0
    opt_out.refresh_from_db()
    assert opt_out.consumer_id == alice.pk


def test_it_is_idempotent_and_keeps_to_its_client_and_its_people(
    client_: Client, now: datetime
) -> None:
    opt_out, elsewhere = write(client_), write(make_client())
    stranger = write(client_, Profile(email="charlie@example.com"))
    alice = make_consumer(client_)
    assert adopt(client_.pk, {alice.pk: ALICE}) == 1
    assert adopt(client_.pk, {alice.pk: ALICE}) == 0
    assert adopt(client_.pk, {}) == 0
    erase(alice, now)
    assert is_forgotten(opt_out)
    assert not is_forgotten(elsewhere)
    assert not is_forgotten(stranger)


def test_what_the_system_sent_by_reference_stays_on_record(client_: Client, now: datetime) -> None:
    opt_out = write(client_)
    outbox.send_due(now)
    alice = make_consumer(client_)
    adopt(client_.pk, {alice.pk: ALICE})
    erase(alice, now)
    assert is_forgotten(opt_out)
    (sent,) = [e for e in thread.entries(opt_out) if e.note.by.is_system]
    assert opt_out.reference in (sent.text or "")


def test_words_that_came_in_by_a_machine_are_erased_like_any_other(
    client_: Client, now: datetime
) -> None:
    opt_out = make_opt_out(
        client_, text="Alice wants no more.", evidence=LETTER, by=User.objects.system()
    )
    alice = make_consumer(client_)
    adopt(client_.pk, {alice.pk: ALICE})
    erase(alice, now)
    assert [entry.text for entry in thread.entries(opt_out)] == [None]
