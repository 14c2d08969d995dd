"""An erasure that ends without erasing anybody keeps nothing of what the client gave."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from clients.models import Client, Instruction
from consumers.models import Consumer
from consumers.profile import Profile
from portal import retire, vault
from portal.cases import files, thread
from portal.cases.models import CaseFile, CaseNote
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.sealed import SealedRow
from portal.vault.errors import KeyringBroken
from requests.erasures import verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure, ErasureSubject
from requests.erasures.states import ERASURE_TABLE, NOT_CARRIED_OUT
from requests.erasures.subjects import case_key, given_of
from requests.optouts.models import OptOut
from requests.optouts.states import OPT_OUT_TABLE
from tests.erasures.people import ALICE, BOB, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)
End = Callable[[Erasure, User, User, datetime], None]


def reject(erasure: Erasure, manager: User, officer: User, now: datetime) -> None:
    verbs.reject(erasure, by=officer, now=now)


def approve(erasure: Erasure, officer: User, now: datetime) -> None:
    read = mark_of(erasure)
    verbs.approve(erasure, confirmation=erasure.reference, read=read, by=officer, now=now)


def recall(erasure: Erasure, manager: User, officer: User, now: datetime) -> None:
    approve(erasure, officer, now)
    verbs.recall(erasure, by=manager, now=now)


def close(erasure: Erasure, manager: User, officer: User, now: datetime) -> None:
    verbs.close_unmatched(erasure, by=manager, now=now)


ENDS = [
    pytest.param(reject, "rejected", "alice@example.com", id="reject"),
    pytest.param(recall, "recalled", "alice@example.com", id="recall"),
    pytest.param(close, "closed_no_match", "nobody@example.com", id="close"),
]
every_end = pytest.mark.parametrize(("end", "state", "email"), ENDS)


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    client = make_client("Harbor Outfitters", managers=[manager], now=now)
    load(client, [ALICE, BOB], now=now)
    return client


def logged(client: Client, by: User, now: datetime, *given: Profile) -> Erasure:
    """An erasure with an entry in its thread and a file, as they come with the client's request."""
    erasure = verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=given,
        channel="email",
        received_at=now,
        by=by,
        now=now,
    )
    words: dict[str, Any] = {"by": by, "now": now}
    thread.add(erasure, direction="in", channel="email", text="Erase Alice Archer.", **words)
    letter: dict[str, Any] = {"kind": "letter", "name": "alice.txt", "content_type": "text/plain"}
    files.attach(erasure, b"Erase Alice Archer, please.", **letter, **words)
    return erasure


def refs_of(erasure: Erasure) -> list[vault.KeyRef]:
    """The keys of the case, its thread and its files."""
    rows: list[SealedRow] = [erasure, *CaseNote.objects.filter(case_id=erasure.pk)]
    return [row.key_ref for row in [*rows, *files.of_case(erasure)] if row.key_ref]


def ciphertexts(erasure: Erasure) -> list[bytes]:
    """What was sealed for the case, as it stands in the database and in the media folder."""
    rows: list[Any] = [*CaseNote.objects.filter(case_id=erasure.pk), *files.of_case(erasure)]
    sealed = [*(row.sealed for row in rows), *erasure.subjects.values_list("given", flat=True)]
    stored = [files.path_of(row).read_bytes() for row in files.of_case(erasure)]
    found = [bytes(one) for one in [erasure.sealed, *sealed] if one] + stored
    assert len(found) == 4 + erasure.subjects.count()
    return found


def dumped() -> Iterator[str]:
    """Every row of every table of both databases as text, with bytes in hexadecimal."""
    for alias in ("default", "vault"):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in cursor.fetchall():
                cursor.execute(f'SELECT t::text FROM "{table}" t')
                yield from (row for (row,) in cursor.fetchall())


def is_in_dump(ciphertext: bytes) -> bool:
    wanted = ciphertext.hex()
    kept = any(wanted in row for row in dumped())
    media = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    return kept or any(ciphertext in path.read_bytes() for path in media)


@every_end
def test_what_the_client_gave_is_gone_from_a_dump_and_its_keys_are_shredded(
    end: End,
    state: str,
    email: str,
    client_: Client,
    manager: User,
    officer: User,
    now: datetime,
) -> None:
    erasure = logged(client_, manager, now, Profile(email=email))
    refs, kept = refs_of(erasure), ciphertexts(erasure)
    assert len(refs) == 3
    assert all(is_in_dump(one) for one in kept), "else this test could not fail"

    end(erasure, manager, officer, now)

    assert erasure.state == state
    in_rows, in_files = kept[:-1], kept[-1]
    assert not any(is_in_dump(one) for one in in_rows), "emptied with the verb itself"
    assert is_in_dump(in_files)
    assert vault.keys(client_.pk, refs).keys() == set(refs), "a file is removed after its commit"

    assert retire.shred_retired(now) == 3
    assert vault.keys(client_.pk, refs) == {}
    assert not any(is_in_dump(one) for one in kept)
    leaf = Leaf.objects.get(verb="erasure.shred_key")
    assert (leaf.object_id, leaf.actor.is_system) == (erasure.pk, True)
    assert retire.shred_retired(now) == 0
    vault.roll(client_.pk)
    assert not vault.check().faults
    erasure.refresh_from_db()
    assert given_of(erasure, erasure.subjects.get()) is None
    assert [entry.text for entry in thread.entries(erasure)] == [None]


def test_a_close_whose_ledger_fails_destroys_nothing(
    client_: Client, manager: User, officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasure = logged(client_, manager, now, Profile(email="alice@example.com"))
    before = ciphertexts(erasure)

    def broken(**_: object) -> None:
        raise RuntimeError("the ledger is away")

    with monkeypatch.context() as patched:
        patched.setattr(Leaf.objects, "create", broken)
        with pytest.raises(RuntimeError):
            verbs.reject(erasure, by=officer, now=now)
    erasure = Erasure.objects.get(pk=erasure.pk)
    assert retire.shred_retired(now) == 0
    assert (erasure.state, ciphertexts(erasure)) == ("matched", before)
    given = given_of(erasure, erasure.subjects.get())
    assert given is not None
    assert given.email == "alice@example.com"


def test_no_key_of_a_case_that_could_go_on_is_shredded(
    client_: Client, manager: User, officer: User, now: datetime
) -> None:
    erasure = logged(client_, manager, now, Profile(email="alice@example.com"))
    for verb in ("hold", "approve", "match", "seal"):
        with pytest.raises(ValueError, match="does not end"):
            retire.retire(erasure, verb)
    # Verified: empty, with its key, and far from its end.
    Erasure.objects.filter(pk=erasure.pk).update(state="verified", sealed=None)
    assert not retire.waiting(Erasure).exists()
    assert retire.shred_retired(now) == 0
    case_key(erasure)


def test_the_ends_at_which_something_is_destroyed_have_no_way_out() -> None:
    assert set(NOT_CARRIED_OUT) < set(ERASURE_TABLE.ends)
    assert OPT_OUT_TABLE.ends == ["lifted"], "a closed opt-out is in force, and can be lifted"
    assert {CaseNote, CaseFile, Erasure, OptOut} <= set(retire.retiring_models())


def test_the_database_refuses_to_close_a_case_that_keeps_something(
    client_: Client, manager: User, now: datetime
) -> None:
    erasure = logged(client_, manager, now, Profile(email="alice@example.com"))
    with pytest.raises(Exception, match="erasure_not_carried_out_keeps_nothing"):
        Erasure.objects.filter(pk=erasure.pk).update(state="rejected")


def test_a_client_whose_vault_fails_does_not_keep_others_waiting(
    client_: Client, manager: User, officer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_client(managers=[manager], now=now)
    cases = [
        logged(where, manager, now, Profile(email="nobody@example.com"))
        for where in (client_, other)
    ]
    refs = [refs_of(case) for case in cases]
    for case in cases:
        verbs.close_unmatched(case, by=manager, now=now)
    shred = vault.shred

    def failing(client_id: Any, wanted: Any) -> int:
        if client_id == client_.pk:
            raise KeyringBroken("away")
        return shred(client_id, wanted)

    with monkeypatch.context() as patched:
        patched.setattr(vault, "shred", failing)
        assert retire.shred_retired(now) == 3
    assert len(vault.keys(client_.pk, refs[0])) == 3
    assert vault.keys(other.pk, refs[1]) == {}
    assert retire.shred_retired(now + timedelta(minutes=1)) == 3
    assert vault.keys(client_.pk, refs[0]) == {}


def test_what_belongs_to_a_row_that_was_left_out_goes_at_once(
    client_: Client, manager: User, now: datetime
) -> None:
    misspelt = Profile(
        given_name="Alise", surname="Archer", street="12 Harbor Street", postcode="02210"
    )
    twice = Profile(external_id="cust-000002"), Profile(email="bob@example.com")
    erasure = logged(client_, manager, now, misspelt, *twice)
    first, second, repeated = erasure.subjects.order_by("row_number")
    assert repeated.match == ErasureSubject.Match.REPEATED
    assert [row.given is None for row in (first, second, repeated)] == [False, False, True]
    verbs.resolve(erasure, subject=first, consumer=None, by=manager, now=now)
    first.refresh_from_db()
    assert (first.match, first.given) == (ErasureSubject.Match.LEFT_OUT, None)
    assert given_of(erasure, second) is not None, "the others go on"
    assert retire.shred_retired(now) == 0


def test_a_case_restored_from_a_backup_after_it_was_closed_opens_to_nobody(
    client_: Client, manager: User, officer: User, now: datetime
) -> None:
    erasure = logged(client_, manager, now, Profile(email="alice@example.com"))
    subject, note = erasure.subjects.get(), CaseNote.objects.get(case_id=erasure.pk)
    verbs.reject(Erasure.objects.get(pk=erasure.pk), by=officer, now=now)
    retire.shred_retired(now)
    for row in (erasure, subject, note):
        row.save()  # as they were in the backup
    assert given_of(erasure, subject) is None
    assert [entry.text for entry in thread.entries(erasure)] == [None]
    with pytest.raises(Refused, match="Reject it again"):
        verbs.match_again(erasure, by=manager, now=now)
    with pytest.raises(Refused, match="Reject it again"):
        approve(erasure, officer, now)
    verbs.reject(erasure, by=officer, now=now)
    retire.shred_retired(now)
    assert erasure.state == "rejected"


def test_a_refused_end_destroys_nothing(client_: Client, manager: User, now: datetime) -> None:
    erasure = logged(client_, manager, now, Profile(email="alice@example.com"))
    before = ciphertexts(erasure)
    with pytest.raises(Refused):
        verbs.reject(erasure, by=manager, now=now)
    assert ciphertexts(erasure) == before
    assert set(Consumer.objects.values_list("state", flat=True)) == {"active"}
