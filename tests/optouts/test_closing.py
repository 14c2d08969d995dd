"""A lifted opt-out of nobody in particular keeps neither the address nor what came with it."""

from datetime import datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from clients.instructions.verbs import Evidence
from clients.models import Client
from consumers import eraser
from portal import outbox, retire, vault
from portal.cases import files, thread
from portal.cases.models import CaseFile, CaseNote
from portal.correspondence import Party
from portal.correspondence import verbs as letters
from portal.errors import Refused
from portal.roles import SECURITY_OFFICER
from portal.vault import KeyRef
from requests.optouts.adoption import adopt
from requests.optouts.lookup import is_suppressed
from requests.optouts.models import OptOut
from requests.optouts.verbs import OPT_IN, OPT_OUT, address_of, close
from tests.correspondence.test_letters import PURPOSE, VALUES
from tests.factories import make_client, staff_in
from tests.optouts.helpers import ALICE, BOB, EMAIL, do_lift, make_consumer, make_opt_out
from tests.optouts.test_adoption import erase

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
KEPT = EMAIL._replace(country="US")
LETTER = Evidence(b"I am Alice Example. No more, please.", "alice.txt", "text/plain")


@pytest.fixture
def client_() -> Client:
    return make_client()


def written(client: Client, now: datetime) -> OptOut:
    """An opt-out with its words and its letter, of which the client was told."""
    opt_out = make_opt_out(client, EMAIL, text="Alice wants no more.", evidence=LETTER)
    outbox.send_due(now)
    return opt_out


def keys_of(opt_out: OptOut) -> dict[str, KeyRef]:
    """The keys of the address, of each entry by its direction and of each file by its kind."""
    rows: dict[str, Any] = {"address": opt_out}
    rows |= {note.direction: note for note in CaseNote.objects.filter(case_id=opt_out.pk)}
    rows |= {file.kind: file for file in files.of_case(opt_out)}
    return {name: row.key_ref for name, row in rows.items() if row.key_ref}


def test_the_address_and_what_came_with_it_are_destroyed_with_the_lift(
    client_: Client, now: datetime
) -> None:
    opt_out = written(client_, now)
    keys = keys_of(opt_out)
    assert keys.keys() == {"address", "in", "out", OPT_OUT}
    do_lift(opt_out, now=now)
    opt_out = OptOut.objects.get(pk=opt_out.pk)
    assert opt_out.sealed is None
    assert address_of(opt_out) is None
    assert CaseNote.objects.get(case_id=opt_out.pk, direction="in").sealed is None
    assert CaseFile.objects.get(case_id=opt_out.pk, kind=OPT_OUT).sealed is None
    assert len(vault.keys(client_.pk, keys.values())) == 4, "nothing is shredded before the commit"

    assert retire.shred_retired(now) == 3
    assert vault.keys(client_.pk, keys.values()).keys() == {keys["out"]}
    (letter,) = CaseFile.objects.filter(case_id=opt_out.pk, kind=OPT_OUT)
    assert not files.path_of(letter).exists()
    assert retire.shred_retired(now) == 0


def test_the_evidence_of_the_opt_in_and_what_the_client_was_told_stay(
    client_: Client, now: datetime
) -> None:
    opt_out = written(client_, now)
    do_lift(opt_out, now=now)
    retire.shred_retired(now)
    evidence = CaseFile.objects.get(case_id=opt_out.pk, kind=OPT_IN)
    with files.open_content(evidence) as content:
        assert content.read()
    told = [entry.text for entry in thread.entries(opt_out) if entry.note.by.is_system]
    assert [opt_out.reference in (text or "") for text in told] == [True]


def test_the_evidence_is_erased_with_whoever_has_the_address_later(
    client_: Client, now: datetime
) -> None:
    opt_out, elsewhere = written(client_, now), written(make_client(), now)
    for one in (opt_out, elsewhere):
        do_lift(one, now=now)
    retire.shred_retired(now)
    assert not is_suppressed(client_.pk, "email", None, EMAIL), "it keeps nobody out any more"
    alice, bob = make_consumer(client_), make_consumer(client_, BOB)
    assert adopt(client_.pk, {bob.pk: BOB}) == 0
    assert adopt(client_.pk, {alice.pk: ALICE, bob.pk: BOB}) == 1
    evidence = CaseFile.objects.get(case_id=opt_out.pk, kind=OPT_IN)
    assert evidence.subject_id == alice.pk
    assert evidence.key_ref in eraser.key_refs(client_.pk, [alice.pk])
    erase(alice, now)
    evidence.refresh_from_db()
    opt_out.refresh_from_db()
    assert (evidence.sealed, opt_out.found_by) == (None, None)
    assert not files.path_of(evidence).exists()
    other = CaseFile.objects.get(case_id=elsewhere.pk, kind=OPT_IN)
    assert other.subject_id is None


def test_letters_of_the_case_are_destroyed_with_it_once_they_are_out(
    client_: Client, now: datetime
) -> None:
    opt_out, by = written(client_, now), staff_in(SECURITY_OFFICER)
    to = Party("Alice Example", "", ("12 Main Street", "Boston MA 02210"))
    draft, letter = (
        letters.draft(opt_out, PURPOSE, to=to, values=VALUES, way="letter", by=by, now=now)
        for _ in range(2)
    )
    letters.send(letter, opt_out, by=by, now=now)
    with pytest.raises(Refused, match="on its way"):
        do_lift(opt_out, now=now)
    assert address_of(opt_out) == KEPT
    letters.mark_posted(letter, opt_out, by=by, now=now)
    do_lift(opt_out, now=now)
    refs = [one.key_ref for one in (draft, letter) if one.key_ref]
    assert len(vault.keys(client_.pk, refs)) == 2
    retire.shred_retired(now)
    assert vault.keys(client_.pk, refs) == {}
    assert [letters.party_of(one).name for one in letters.letters_of(opt_out)] == ["", ""]


def test_what_belongs_to_a_person_stays_theirs_and_is_erased_with_them(
    client_: Client, now: datetime
) -> None:
    make_consumer(client_)
    opt_out = written(client_, now)
    do_lift(opt_out, now=now)
    assert retire.shred_retired(now) == 0
    assert address_of(opt_out) == KEPT


def test_an_opt_out_of_several_people_is_of_nobody_in_particular(
    client_: Client, now: datetime
) -> None:
    make_consumer(client_)
    make_consumer(client_, BOB._replace(email=EMAIL.email))
    opt_out = written(client_, now)
    assert opt_out.match == OptOut.Match.SEVERAL
    do_lift(opt_out, now=now)
    assert retire.shred_retired(now) == 3
    assert address_of(opt_out) is None


def test_a_closed_opt_out_is_in_force_and_keeps_its_address(client_: Client, now: datetime) -> None:
    opt_out = written(client_, now)
    close(opt_out, by=staff_in(SECURITY_OFFICER), now=now)
    assert retire.shred_retired(now) == 0
    assert address_of(opt_out) == KEPT
    do_lift(opt_out, now=now)
    assert retire.shred_retired(now) == 3


def test_the_page_says_that_the_address_was_destroyed(client_: Client, now: datetime) -> None:
    opt_out = written(client_, now)
    do_lift(opt_out, now=now)
    retire.shred_retired(now)
    browser = Browser()
    browser.force_login(staff_in(SECURITY_OFFICER))
    page = browser.get(reverse("admin:requests_optout_change", args=[opt_out.pk])).content.decode()
    assert page.count("Destroyed when the opt-out was lifted") == 2
    assert "Erased with its person" not in page
