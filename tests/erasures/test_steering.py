"""Stopping an erasure that runs, going on with it, and trying again what the workers have given up."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.models import Client, Instruction
from consumers.models import Consumer
from consumers.profile import Profile
from portal import vault
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from portal.startpage import due_for
from portal.work import LEASE, MAX_ATTEMPTS
from requests.erasures import execution, recipients, steering, sweep, verbs, waiting
from requests.erasures.approval import mark_of
from requests.erasures.models import Erasure, ErasureSubject
from tests.erasures.people import ALICE, BOB, CHARLIE, load
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)
Stage = ErasureSubject.Stage


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia", first_name="Olivia", last_name="Okafor")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    client = make_client("Harbor Outfitters", managers=[manager], now=now)
    load(client, [ALICE, BOB, CHARLIE], now=now)
    return client


@pytest.fixture
def erasure(client_: Client, manager: User, officer: User, now: datetime) -> Erasure:
    """Of Alice and Bob, approved; a worker takes one person at a time."""
    erasure = verbs.log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com"), Profile(email="bob@example.com")],
        channel="file",
        received_at=now,
        by=manager,
        now=now,
    )
    verbs.approve(
        erasure, confirmation=erasure.reference, read=mark_of(erasure), by=officer, now=now
    )
    return erasure


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "BATCH", 1)


@pytest.fixture
def later(now: datetime) -> datetime:
    """When the window to recall has passed."""
    return now + timedelta(days=2)


def run(moment: datetime) -> int:
    return execution.run_due(lambda: moment)


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, act: Callable[[], object]
) -> None:
    """Let `act` happen once, right after the first call of a function that the worker calls."""
    real, calls = getattr(place, name), 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        result, calls = real(*args, **kwargs), calls + 1
        if calls == 1:
            act()
        return result

    monkeypatch.setattr(place, name, wrapped)


def failing(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    def fails(work: Erasure, clock: Any) -> None:
        raise OSError

    monkeypatch.setitem(execution.STEPS, state, fails)


def give_up(monkeypatch: pytest.MonkeyPatch, state: str, moment: datetime) -> datetime:
    """Let the workers fail in `state` until they give up; the time by then."""
    with monkeypatch.context() as patched:
        failing(patched, state)
        for _ in range(MAX_ATTEMPTS + 1):
            run(moment)
            moment += timedelta(hours=3)
    return moment


def fresh(erasure: Erasure) -> Erasure:
    return Erasure.objects.get(pk=erasure.pk)


def stages(erasure: Erasure) -> list[int]:
    return sorted(erasure.subjects.values_list("stage", flat=True))


def leaves(verb: str) -> list[tuple[str, str]]:
    return list(Leaf.objects.filter(verb=verb).order_by("id").values_list("outcome", "reason"))


# ------------------------------------------------------------------------------------ stop and resume


def test_a_stop_takes_effect_after_the_batch_and_what_that_destroyed_is_stored(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        meanwhile(
            patched, vault, "shred", lambda: steering.stop(fresh(erasure), by=officer, now=later)
        )
        assert run(later) == 0
    erasure = fresh(erasure)
    assert (erasure.state, erasure.stop_requested, erasure.work_due) == ("journalled", True, False)
    assert stages(erasure) == [Stage.JOURNALLED, Stage.SHREDDED]
    alive = Consumer.objects.filter(client=erasure.client, sealed__isnull=False)
    keys = vault.keys(erasure.client_id, [one.key_ref for one in alive if one.key_ref])
    assert len(keys) == 2, "Charlie's, and that of whoever had not had their turn"
    assert erasure.lease_until is None, "whoever resumes need not wait for the lease"
    assert run(later + timedelta(days=9)) == 0

    steering.resume(erasure, by=officer, now=later)
    assert run(later) == 1
    assert (fresh(erasure).state, stages(erasure)) == ("certified", [Stage.NULLIFIED] * 2)
    stopped = Leaf.objects.get(verb="erasure.stop_execution")
    assert stopped.counts == {"people_done": 0, "people": 2}
    assert leaves("erasure.resume_execution") == [("done", "")]


def test_a_stop_is_heeded_in_the_middle_of_the_sweep(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        meanwhile(
            patched,
            sweep,
            "Finder",
            lambda: steering.stop(fresh(erasure), by=officer, now=later),
        )
        assert run(later) == 0
    assert fresh(erasure).state == "recipients_notified"
    steering.resume(erasure, by=officer, now=later)
    assert run(later) == 1
    assert fresh(erasure).state == "certified"


def test_a_stop_that_is_resumed_before_the_worker_saw_it_disturbs_nothing(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hesitate() -> None:
        steering.stop(fresh(erasure), by=officer, now=later)
        steering.resume(fresh(erasure), by=officer, now=later)
        assert run(later) == 0, "the first worker still holds it"

    meanwhile(monkeypatch, vault, "shred", hesitate)
    assert run(later) == 1
    assert fresh(erasure).state == "certified"


@pytest.mark.parametrize("state", list(steering.STEPS))
def test_a_case_stopped_before_any_step_is_resumed_there(
    state: str,
    erasure: Erasure,
    officer: User,
    later: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        failing(patched, state)
        run(later)
    steering.stop(erasure, by=officer, now=later)
    assert run(later + timedelta(days=1)) == 0
    assert (fresh(erasure).state, fresh(erasure).last_fault) == (state, "OSError")
    steering.resume(erasure, by=officer, now=later)
    assert run(later + timedelta(days=1)) == 1
    assert fresh(erasure).state == "certified"
    assert not vault.check().faults


def test_a_stop_and_a_resume_are_refused_where_they_mean_nothing(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="to stop it, it must be"):
        steering.stop(erasure, by=officer, now=later)
    with monkeypatch.context() as patched:
        failing(patched, "journalled")
        run(later)
    with pytest.raises(Refused, match="not stopped"):
        steering.resume(erasure, by=officer, now=later)
    with pytest.raises(Refused, match="goes on by itself"):
        steering.try_again(erasure, by=officer, now=later)
    steering.stop(erasure, by=officer, now=later)
    with pytest.raises(Refused, match="stopped already"):
        steering.stop(erasure, by=officer, now=later)
    with pytest.raises(Refused, match="Resume it"):
        steering.try_again(erasure, by=officer, now=later)
    assert leaves("erasure.stop_execution") == [
        ("refused", "state"),
        ("done", ""),
        ("refused", "stopped"),
    ]
    assert leaves("erasure.resume_execution") == [("refused", "not_stopped")]


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER, AUDITOR])
def test_only_a_security_officer_steers(
    role: str,
    erasure: Erasure,
    client_: Client,
    officer: User,
    later: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        failing(patched, "claimed")
        run(later)
    by = make_user(role)
    for verb in (steering.stop, steering.resume, steering.try_again):
        with pytest.raises(Refused, match="Security Officer"):
            verb(erasure, by=by, now=later)
    assert not fresh(erasure).stop_requested
    steering.stop(erasure, by=officer, now=later)
    with pytest.raises(Refused, match="Security Officer"):
        steering.resume(erasure, by=by, now=later)


def test_a_stop_whose_ledger_fails_stops_nothing(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        failing(patched, "claimed")
        run(later)

    def broken(**_: object) -> None:
        raise RuntimeError("the ledger is away")

    with monkeypatch.context() as patched:
        patched.setattr(Leaf.objects, "create", broken)
        with pytest.raises(RuntimeError):
            steering.stop(erasure, by=officer, now=later)
    assert (fresh(erasure).stop_requested, fresh(erasure).work_due) == (False, True)


# ------------------------------------------------------------------------------------------ try again


def test_what_was_given_up_is_shown_and_goes_on_when_somebody_tries_again(
    erasure: Erasure,
    officer: User,
    manager: User,
    later: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = give_up(monkeypatch, "shredded", later)
    assert fresh(erasure).work_due is False
    assert leaves("erasure.execute") == [("failed", "oserror")]
    assert run(moment) == 0
    for user in (officer, manager):
        (line,) = [one for one in due_for(user, moment) if one.label.startswith("Erasures failed")]
        assert (line.urgency, line.count) == ("fault", 1)
        listed = browser_of(user).get(line.url).content.decode()
        assert erasure.reference in listed
        assert "Keys shredded, failed" in listed
    steering.try_again(erasure, by=officer, now=moment)
    assert run(moment) == 1
    assert fresh(erasure).state == "certified"
    assert [one for one in due_for(officer, moment) if "given up" in one.label] == []


def test_a_case_that_was_forbidden_to_go_on_says_why_and_is_tried_again(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(work: Erasure, clock: Any) -> None:
        raise Refused("Something forbids it.", code="something")

    with monkeypatch.context() as patched:
        patched.setitem(execution.STEPS, "nullified", forbidden)
        run(later)
        assert steering.standing(fresh(erasure), later).kind == "failed"
        page = page_of(erasure, officer)
        assert "The workers have given up (something)" in page
        assert "Keys that have been shredded stay shredded" in page
    steering.try_again(erasure, by=officer, now=later)
    assert run(later) == 1
    assert fresh(erasure).state == "certified"


def test_a_case_that_waits_for_a_recipient_says_so_and_goes_on_by_itself(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(recipients, "_providers", [lambda _: [recipients.Recipient("V", False)]])
        run(later)
        assert steering.standing(fresh(erasure), later).kind == "retried"
        assert "A recipient has not confirmed the erasure yet" in page_of(erasure, officer)
    assert run(later + waiting.LOOK_AGAIN) == 1
    assert fresh(erasure).state == "certified"


def test_a_stop_outlives_a_failure(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that fails while it is being stopped leaves the case stopped, and not failed."""

    def stops_and_fails(work: Erasure, clock: Any) -> None:
        steering.stop(fresh(erasure), by=officer, now=later)
        raise Refused("Something forbids it.", code="recipient_open")

    with monkeypatch.context() as patched:
        patched.setitem(execution.STEPS, "nullified", stops_and_fails)
        run(later)
    assert steering.standing(fresh(erasure), later).kind == "stopped"
    steering.resume(erasure, by=officer, now=later)
    assert run(later) == 1


# -------------------------------------------------------------------------------------------- standing


def test_the_standing_tells_what_the_worker_is_at(
    erasure: Erasure, officer: User, now: datetime, later: datetime
) -> None:
    waiting = steering.standing(erasure, now)
    assert (waiting.kind, waiting.is_live) == ("waiting", True)
    seen: list[tuple[str, int, int]] = []
    step = execution._advance

    def watching(locked: Erasure, *args: Any) -> None:
        step(locked, *args)
        found = steering.standing(locked, later)
        seen.append((found.kind, found.done, found.total))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(execution, "_advance", watching)
        run(later)
    assert seen == [("running", 1, 2), ("running", 2, 2)] * 3
    over = steering.standing(fresh(erasure), later)
    assert (over.kind, over.steps, over.is_live) == ("over", [], False)


def test_a_worker_that_died_while_it_was_stopped_does_not_keep_the_case_stopping(
    erasure: Erasure, officer: User, later: datetime
) -> None:
    Erasure.objects.filter(pk=erasure.pk).update(state="journalled", lease_until=later + LEASE)
    steering.stop(erasure, by=officer, now=later)
    assert steering.standing(erasure, later).kind == "stopping"
    found = steering.standing(erasure, later + LEASE)
    assert found.kind == "stopped"
    assert "By Olivia Okafor on" in found.sentence


# ---------------------------------------------------------------------------------------------- pages


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def page_of(erasure: Erasure, user: User) -> str:
    url = reverse("admin:requests_erasure_change", args=[erasure.pk])
    return browser_of(user).get(url).content.decode()


def verb_url(erasure: Erasure, verb: str) -> str:
    return reverse("admin:requests_erasure_verb", args=[erasure.pk, verb])


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("claimed", "No key has been shredded yet."),
        ("shredded", "Keys that have been shredded stay shredded"),
    ],
)
def test_the_officer_stops_and_resumes_by_button_and_is_told_what_a_stop_does_not_undo(
    state: str,
    said: str,
    erasure: Erasure,
    officer: User,
    manager: User,
    later: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        failing(patched, state)
        run(later)
    browser = browser_of(officer)
    assert verb_url(erasure, "stop_execution") in page_of(erasure, officer)
    assert verb_url(erasure, "stop_execution") not in page_of(erasure, manager)
    page = browser.get(verb_url(erasure, "stop_execution")).content.decode()
    assert said in page
    assert "0 of 2 people" in page
    assert browser.post(verb_url(erasure, "stop_execution")).status_code == 302
    page = page_of(erasure, officer)
    assert "By Olivia Okafor on" in page
    assert said in page
    (line,) = [one for one in due_for(officer, later) if one.label == "Erasures are stopped"]
    assert erasure.reference in browser.get(line.url).content.decode()
    assert browser.post(verb_url(erasure, "resume_execution")).status_code == 302
    assert run(timezone.now() + timedelta(days=365)) == 1


def test_a_given_up_case_is_tried_again_by_button(
    erasure: Erasure, officer: User, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(monkeypatch, "verified", later)
    page = page_of(erasure, officer)
    assert "The workers have given up (OSError)" in page
    browser = browser_of(officer)
    assert (
        "failed. Try it again" in browser.get(verb_url(erasure, "stop_execution")).content.decode()
    )
    assert browser.post(verb_url(erasure, "try_again")).status_code == 302
    assert run(timezone.now() + timedelta(days=365)) == 1


def test_the_page_asks_again_while_a_worker_is_at_it_and_loads_anew_when_more_has_changed(
    erasure: Erasure, officer: User, now: datetime
) -> None:
    browser, url = browser_of(officer), reverse("erasures:progress", args=[erasure.pk])
    assert f"{url}?seen=approved.waiting" in page_of(erasure, officer)
    same = browser.get(url, {"seen": "approved.waiting"})
    assert "HX-Refresh" not in same.headers
    assert "It begins after" in same.content.decode()
    assert browser.get(url, {"seen": "claimed.running"}).headers["HX-Refresh"] == "true"
    assert Browser().get(url).headers["HX-Refresh"] == "true", "a session that has ended"
