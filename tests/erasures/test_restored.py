"""The restore drill: the whole main database of an earlier moment, with the vault and the keyring of today (R41)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client as Browser

from clients.models import Client, Instruction
from clients.tasks import expire_instructions, lock_drops
from consumers.models import BlindIndex, Consumer, SuppressionToken
from consumers.profile import Profile
from consumers.search import find
from consumers.tasks import long_run_imports
from consumers.vaulting import open_profiles, suppression_tokens
from portal import ledger, outbox, restore, vault
from portal.cases.files import path_of
from portal.cases.models import CaseFile, CaseNote
from portal.ids import new_id
from portal.ledger.models import Leaf
from portal.models import JournalMark
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from portal.tasks import long_roll_vault, seal_ledger, send_outbox
from portal.vault import journal
from requests.erasures import execution, verbs
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure
from requests.erasures.tasks import long_run_erasures
from requests.models import OptOut
from requests.optouts.tasks import watch_deadlines
from requests.suppressions.tasks import advance_suppressions
from tests.erasures.people import ALICE, BOB, CHARLIE, load, with_case
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


class Backup:
    """All tables of the main database at one moment."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            self.tables = connection.introspection.table_names(cursor)
            cursor.execute("DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup")
            for table in self.tables:
                cursor.execute(f'CREATE TABLE backup."{table}" AS TABLE "{table}"')

    def restore(self) -> None:
        """Put everything back as it was; what came later is lost, and every process connects anew."""
        names = ", ".join(f'"{table}"' for table in self.tables)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(f"TRUNCATE {names}")
            for table in self.tables:
                cursor.execute(f'INSERT INTO "{table}" SELECT * FROM backup."{table}"')
            cursor.execute("DROP SCHEMA backup CASCADE")
        connection.close()


@pytest.fixture
def client_(now: datetime) -> Client:
    client = make_client(now=now)
    load(client, [ALICE, BOB, CHARLIE], now=now)
    return client


def logged(client: Client, now: datetime, *given: Profile) -> Erasure:
    return verbs.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=given or [Profile(email="alice@example.com"), Profile(email="bob@example.com")],
        channel="file",
        received_at=now,
        by=make_user(ACCOUNT_MANAGER, SECURITY_OFFICER),
        now=now,
    )


def approve(erasure: Erasure, now: datetime) -> None:
    verbs.approve(
        erasure,
        confirmation=erasure.reference,
        read=mark_of(erasure),
        by=make_user(SECURITY_OFFICER),
        now=now,
    )


def run(moment: datetime) -> None:
    execution.run_due(lambda: moment)


def state_of(erasure: Erasure) -> str:
    erasure.refresh_from_db()
    return erasure.state


def recovered(now: datetime) -> None:
    """What docs/operating/restore.md says is to be done."""
    call_command("replay_erasures", stdout=StringIO())
    call_command("ledger", "accept-restore", by=make_user().username, stdout=StringIO())


def assert_only_charlie_is_left(client: Client) -> None:
    assert list(open_profiles(Consumer.objects.all()).values()) == [CHARLIE]
    assert Consumer.objects.filter(state="erased", sealed=None).count() == 2
    assert not BlindIndex.objects.exclude(consumer_id=Consumer.objects.get(state="active").pk)
    assert find(client.pk, Profile(email="alice@example.com")) == []
    assert not Consumer.history.filter(sealed__isnull=False).exclude(
        id=Consumer.objects.get(state="active").pk
    )
    assert not vault.check().faults
    assert ledger.verify().ok


def test_a_case_approved_before_the_backup_and_carried_out_since_ends_again(
    client_: Client, now: datetime
) -> None:
    erasure = logged(client_, now)
    approve(erasure, now)
    ledger.seal(now=now)
    backup = Backup()
    run(now + timedelta(days=2))
    assert state_of(erasure) == "certified"
    tokens = set(SuppressionToken.objects.values_list("kind", "token"))

    backup.restore()
    assert state_of(erasure) == "approved"
    assert restore.replay_pending()
    run(now + timedelta(days=3))
    assert state_of(erasure) == "approved", "nothing is begun before the replay"
    recovered(now + timedelta(days=3))
    assert_only_charlie_is_left(client_)

    run(now + timedelta(days=3))
    assert (state_of(erasure), erasure.last_fault) == ("certified", "")
    assert "For 2 of them" in orjson.loads(erasure.certificate)["residue_sweep"]
    assert set(SuppressionToken.objects.values_list("kind", "token")) == tokens
    assert_only_charlie_is_left(client_)


@pytest.mark.parametrize(
    "state", ["claimed", "journalled", "shredded", "nullified", "recipients_notified", "verified"]
)
def test_a_case_that_the_backup_caught_in_the_middle_is_carried_to_its_end(
    state: str, client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The people were journalled at different moments of the backup; none may be seen when it is back."""
    erasure = logged(client_, now)
    approve(erasure, now)
    backups: list[Backup] = []
    step = execution.STEPS[state]

    def backed_up_first(work: Erasure, clock: Callable[[], datetime]) -> None:
        ledger.seal(now=now)
        backups.append(Backup())
        step(work, clock)

    monkeypatch.setitem(execution.STEPS, state, backed_up_first)
    run(now + timedelta(days=2))
    assert state_of(erasure) == "certified"
    monkeypatch.setitem(execution.STEPS, state, step)

    backups[0].restore()
    recovered(now + timedelta(days=3))
    run(now + timedelta(days=3))
    assert (state_of(erasure), erasure.last_fault) == ("certified", "")
    assert_only_charlie_is_left(client_)


def test_an_opt_out_that_became_the_persons_own_after_the_backup_goes_too(
    client_: Client, now: datetime
) -> None:
    alice = next(c for c, p in _opened().items() if p == ALICE)
    opt_out = with_case(alice, now=now)
    OptOut.objects.update(consumer_id=None, match=OptOut.Match.NONE)
    CaseNote.objects.update(subject_id=None)
    CaseFile.objects.update(subject_id=None)
    with connection.cursor() as cursor:  # Staff wrote them, so that they are about the person.
        cursor.execute("UPDATE cases_casenote SET by_id = %s", [make_user().pk])
    kind, token = suppression_tokens(vault.indexer(client_.pk), Profile(email=ALICE.email))[0]
    SuppressionToken.objects.create(
        client_id=client_.pk,
        kind=kind,
        token=token,
        reason=SuppressionToken.Reason.OPT_OUT,
        channel="email",
        case_id=opt_out.pk,
        since=now,
    )
    ledger.seal(now=now)
    backup = Backup()
    stored = path_of(CaseFile.objects.get())
    content = stored.read_bytes()
    erasure = logged(client_, now)
    approve(erasure, now)
    run(now + timedelta(days=2))
    assert state_of(erasure) == "certified"
    assert not OptOut.objects.filter(sealed__isnull=False).exists()

    backup.restore()
    stored.write_bytes(content)
    recovered(now + timedelta(days=3))
    for model in (OptOut, CaseNote, CaseFile):
        left: Any = model
        assert left.objects.filter(sealed=None, key_page=None, key_slot=None).count() == 1
    assert not stored.exists()
    assert_only_charlie_is_left(client_)


def _opened() -> dict[Consumer, Profile]:
    people = list(Consumer.objects.all())
    profiles = open_profiles(people)
    return {person: profiles[person.pk] for person in people}


def test_a_mark_that_never_got_its_line_hides_no_later_erasure(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between mark and line, a backup, and then an erasure that is given the next line."""
    ledger.seal(now=now)
    with monkeypatch.context() as patched:

        def crash(**_: Any) -> int:
            raise OSError

        patched.setattr(journal, "append", crash)
        with pytest.raises(OSError):
            restore.journal_erasure(
                client_id=client_.pk, case_id=new_id(), refs=(), owner_ids=(), now=now
            )
    assert (restore.last_mark(), journal.last_number()) == (1, 0)
    backup = Backup()
    erasure = logged(client_, now)
    approve(erasure, now)
    run(now + timedelta(days=2))
    assert state_of(erasure) == "certified"
    assert not restore.replay_pending()

    backup.restore()
    assert restore.replay_pending()
    recovered(now + timedelta(days=3))
    assert_only_charlie_is_left(client_)


def test_a_journal_that_lost_its_end_is_told_and_no_number_is_used_again(
    client_: Client, now: datetime
) -> None:
    JournalMark.objects.bulk_create(JournalMark(number=n, at=now) for n in (1, 2, 3))
    assert ["lacks its last 3 lines" in fault for fault in vault.check().faults] == [True]
    number = restore.journal_erasure(
        client_id=client_.pk, case_id=new_id(), refs=(), owner_ids=(new_id(),), now=now
    )
    assert number == 4
    assert [bool(record.owner_ids) for record in journal.read()] == [False, False, False, True]


def test_nothing_at_all_is_done_before_the_replay(
    client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was erased must not be mailed, listed or imported by a worker meanwhile."""
    sent: list[Any] = []
    monkeypatch.setitem(outbox._handlers, "test.restored", lambda object_id, at: sent.append(at))
    outbox.put("test.restored", new_id(), now=now)
    leaves = Leaf.objects.count()
    journal.append(client_id=client_.pk, case_id=new_id(), refs=(), owner_ids=(new_id(),), now=now)
    restore.forget()
    for task in (
        send_outbox,
        seal_ledger,
        long_roll_vault,
        long_run_imports,
        long_run_erasures,
        lock_drops,
        expire_instructions,
        watch_deadlines,
        advance_suppressions,
    ):
        task()
    assert sent == []
    assert Leaf.objects.filter(leaf_index=None).count() == leaves
    assert vault.status()[0].root_generation == 1
    browser = Browser()
    for address in ("/", "/login/", "/api/", "/requests/erasure/"):
        assert browser.get(address).status_code == 503
    told = browser.get("/healthz")
    assert (told.status_code, told.json()) == (503, {"ok": False, "waits_for": "replay_erasures"})

    recover_only = StringIO()
    call_command("replay_erasures", stdout=recover_only)
    send_outbox()
    assert len(sent) == 1
    assert browser.get("/healthz").status_code == 200


def test_a_process_that_runs_through_a_restore_notices_with_its_next_connection(
    client_: Client, now: datetime
) -> None:
    assert not restore.replay_pending()
    journal.append(client_id=client_.pk, case_id=new_id(), refs=(), owner_ids=(new_id(),), now=now)
    assert not restore.replay_pending(), "asked a moment ago"
    connection.close()
    assert restore.replay_pending(), "before anything is read by the new connection"
