"""Lost devices need two people, access is reviewed, and the audit trail is searched by those who may."""

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from portal import ledger, outbox
from portal.access import lockout, resets, review, trail, verbs
from portal.access.models import AccessReview, Attempt, Authenticator
from portal.errors import Refused
from portal.ids import new_id
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import (
    ACCOUNT_MANAGER,
    ADMINISTRATOR,
    AUDITOR,
    DISPUTE_STAFF,
    SECURITY_OFFICER,
)
from portal.startpage import due_for
from tests.access.devices import code_of, secret_of, with_app
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture(autouse=True)
def ticking(now: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def staff() -> dict[str, User]:
    roles = {
        "olivia": SECURITY_OFFICER,
        "oscar": SECURITY_OFFICER,
        "adam": ACCOUNT_MANAGER,
        "ada": ADMINISTRATOR,
        "aude": AUDITOR,
        "dana": DISPUTE_STAFF,
    }
    return {name: make_user(role, username=name) for name, role in roles.items()}


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def told(now: datetime) -> list[str]:
    mail.outbox.clear()
    outbox.send_due(now)
    return sorted(address for message in mail.outbox for address in message.to)


# ------------------------------------------------------------------------------------ lost devices


def test_a_lost_device_is_reset_by_two_people_and_told(
    staff: dict[str, User], now: datetime
) -> None:
    adam, ada, olivia = staff["adam"], staff["ada"], staff["olivia"]
    recovery = with_app(adam)
    old = secret_of(adam)
    act = "access:act"
    assert browser_of(ada).post(reverse(act, args=[adam.pk, "ask-reset"])).status_code == 302
    assert told(now) == sorted(f"{name}@example.com" for name in ("adam", "olivia", "oscar"))
    assert any(line.label.startswith("Lost devices") for line in due_for(olivia, now))
    # An Administrator decides nothing, and until somebody else does the device stays.
    browser_of(ada).post(reverse(act, args=[adam.pk, "confirm-reset"]))
    assert verbs.has_authenticator(adam)
    assert browser_of(olivia).post(reverse(act, args=[adam.pk, "confirm-reset"])).status_code == 302
    assert not verbs.has_authenticator(adam)
    assert "was reset" in (told(now) and mail.outbox[0].body)
    for typed in (recovery[0], "123456"):
        with pytest.raises(Refused):
            verbs.give_code(adam, typed, now=now)
    assert verbs.secret_of(verbs.begin_set_up(adam, now=now)) != old
    found = Leaf.objects.filter(object_id=adam.pk, verb__endswith="_reset").order_by("id")
    assert [(leaf.verb, leaf.outcome, leaf.actor.username) for leaf in found] == [
        ("access.ask_reset", "done", "ada"),
        ("access.confirm_reset", "done", "olivia"),
    ]


def test_who_asked_or_whose_device_it_is_does_not_decide(now: datetime) -> None:
    both = make_user(ADMINISTRATOR, SECURITY_OFFICER, username="both")
    olivia = make_user(SECURITY_OFFICER, username="olivia")
    with_app(olivia)
    asked = resets.ask(olivia, by=both, now=now)
    for by in (both, olivia):
        with pytest.raises(Refused) as refused:
            resets.decide(asked, confirm=True, by=by, now=now)
        assert refused.value.code == "four_eyes"
    with pytest.raises(Refused):
        resets.ask(both, by=both, now=now)
    resets.decide(asked, confirm=False, by=make_user(SECURITY_OFFICER), now=now)
    assert verbs.has_authenticator(olivia)


def test_a_reset_ends_every_session(staff: dict[str, User], now: datetime) -> None:
    adam = staff["adam"]
    browser = browser_of(adam)
    verbs_code = code_of(adam)
    browser.post("/access/code/", {"code": verbs_code})
    assert browser.get("/").status_code == 200
    asked = resets.ask(adam, by=staff["ada"], now=now)
    resets.decide(asked, confirm=True, by=staff["olivia"], now=now)
    assert browser.get("/").status_code == 302


def test_an_administrator_unlocks(staff: dict[str, User], now: datetime) -> None:
    adam = staff["adam"]
    for _ in range(lockout.PER_NAME):
        lockout.begin([lockout.of_name("adam")], now=now)
    page = browser_of(staff["ada"]).get(reverse("access:person", args=[adam.pk]))
    assert "Unlock now" in page.content.decode()
    browser_of(staff["olivia"]).post(reverse("access:act", args=[adam.pk, "unlock"]))
    assert resets.is_locked(adam, now=now)
    browser_of(staff["ada"]).post(reverse("access:act", args=[adam.pk, "unlock"]))
    assert not Attempt.objects.exists()
    assert Leaf.objects.get(verb="access.unlock").object_id == adam.pk


# ------------------------------------------------------------------------------------------ review


def test_who_was_not_looked_at_for_ninety_days_is_due(
    staff: dict[str, User], now: datetime
) -> None:
    olivia, later = staff["olivia"], now + timedelta(days=90)
    assert not review.due_people(now).exists()
    assert set(review.due_people(later)) == set(staff.values())
    with time_machine.travel(later, tick=False):
        browser = browser_of(olivia)
        for name in ("adam", "ada"):
            browser.post(reverse("access:act", args=[staff[name].pk, "confirmed"]))
        browser.post(reverse("access:act", args=[olivia.pk, "confirmed"]))
        browser.post(reverse("access:act", args=[staff["dana"].pk, "flagged"]))
    due = {user.username for user in review.due_people(later)}
    assert due == {"olivia", "oscar", "aude"}
    (line,) = [line for line in due_for(olivia, later) if "reviewed" in line.label]
    assert line.count == 2  # nobody reviews themselves
    (line,) = [line for line in due_for(staff["ada"], later) if "flagged" in line.label]
    assert line.count == 1
    leaf = Leaf.objects.get(verb="access.review", object_id=staff["dana"].pk)
    assert (leaf.reason, leaf.counts) == ("flagged", {"dispute_staff": 1})
    assert AccessReview.objects.count() == 3


def test_the_review_shows_roles_clients_and_the_second_step(
    staff: dict[str, User], now: datetime
) -> None:
    make_client("Harbor Outfitters", managers=[staff["adam"]], now=now)
    with_app(staff["adam"])
    browser = browser_of(staff["aude"])
    page = browser.get(reverse("access:people")).content.decode()
    assert "Harbor Outfitters" in page
    assert "Account manager" in page
    answer = browser.get(reverse("access:people_csv"))
    rows = list(csv.reader(b"".join(answer).decode().splitlines()))
    (adam,) = [row for row in rows if row[0] == "adam"]
    assert adam[3:5] == ["Account manager", "Harbor Outfitters"]
    assert adam[6]
    browser.post(reverse("access:act", args=[staff["dana"].pk, "confirmed"]))
    assert not AccessReview.objects.exists()


def test_a_cell_is_no_formula(staff: dict[str, User]) -> None:
    User.objects.filter(username="adam").update(first_name="=1+1")
    answer = browser_of(staff["aude"]).get(reverse("access:people_csv"))
    assert "'=1+1" in b"".join(answer).decode()


# ------------------------------------------------------------------------------------- audit trail


def leaf(by: User, verb: str, at: datetime, **fields: Any) -> Leaf:
    return ledger.record(verb=verb, by=by, now=at, **fields)


def numbers(**asked: Any) -> list[int]:
    return [row.pk for row in trail.search(trail.Question(**asked))]


def test_the_trail_is_found_by_who_what_when_how_and_whose(
    staff: dict[str, User], now: datetime
) -> None:
    olivia, oscar, client = staff["olivia"], staff["oscar"], new_id()
    first = leaf(olivia, "trial.open", now)
    second = leaf(oscar, "trial.open", now + timedelta(hours=1), client_id=client)
    third = leaf(
        oscar, "trial.close", now + timedelta(hours=2), outcome="refused", reason="too_late"
    )
    assert numbers(verb="trial.open") == [second.pk, first.pk]
    assert numbers(verb="trial") == [third.pk, second.pk, first.pk]
    assert numbers(verb="tria") == []
    assert numbers(actor=olivia.pk) == [first.pk]
    assert numbers(client=client) == [second.pk]
    assert numbers(outcome="refused") == [third.pk]
    assert numbers(begin=now + timedelta(hours=1), end=now + timedelta(hours=2)) == [second.pk]


def test_a_case_is_found_by_its_reference(staff: dict[str, User], now: datetime) -> None:
    instruction = make_instruction(make_client(now=now))
    browser = browser_of(staff["aude"])
    page = browser.get(reverse("access:trail"), {"reference": instruction.reference.lower()})
    assert "instruction.log" in page.content.decode()
    assert "client.create" not in page.content.decode()
    assert "Nothing was found" in (
        browser.get(reverse("access:trail"), {"reference": "XX-2026-000001"}).content.decode()
    )
    assert browser.get(reverse("access:trail"), {"after": "nonsense"}).status_code == 200
    assert browser.get(reverse("access:trail"), {"begin": "soon"}).status_code == 200


def test_every_leaf_is_on_one_page_exactly(staff: dict[str, User], now: datetime) -> None:
    made = {leaf(staff["olivia"], "trial.open", now).pk for _ in range(trail.PAGE + 20)}
    made |= {leaf(staff["olivia"], "trial.open", now + timedelta(minutes=n)).pk for n in range(60)}
    seen: list[int] = []
    mark, pages = "", 0
    while pages == 0 or mark:
        rows, mark = trail.page(trail.Question(verb="trial.open"), mark)
        seen += [row.pk for row in rows]
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen))
    assert set(seen) == made


def test_the_file_of_the_trail_asks_for_a_fresh_code_and_leaves_a_leaf(
    staff: dict[str, User], now: datetime, ticking: time_machine.Traveller
) -> None:
    leaf(staff["olivia"], "trial.open", now)
    browser = browser_of(staff["aude"])
    address = f"{reverse('access:trail_csv')}?verb=trial.open"
    rows = list(csv.reader(b"".join(browser.get(address)).decode().splitlines()))
    assert [row[4] for row in rows[1:]] == ["trial.open"]
    assert Leaf.objects.get(verb="access.export_trail").actor == staff["aude"]
    ticking.shift(timedelta(minutes=11))
    assert browser.get(address)["Location"].startswith("/access/code/?next=")


@pytest.mark.parametrize("name", ["adam", "dana", "ada"])
def test_the_trail_is_for_auditors_and_officers(staff: dict[str, User], name: str) -> None:
    browser = browser_of(staff[name])
    for address in ("access:trail", "access:trail_csv"):
        assert browser.get(reverse(address)).status_code == 403


def test_access_is_no_page_of_an_account_manager(staff: dict[str, User]) -> None:
    browser = browser_of(staff["adam"])
    pk = staff["olivia"].pk
    for address in (reverse("access:people"), reverse("access:person", args=[pk])):
        assert browser.get(address).status_code == 403
    assert browser.post(reverse("access:act", args=[pk, "ask-reset"])).status_code == 403


def test_the_trail_is_searched_by_indexes_at_a_hundred_thousand_leaves(
    staff: dict[str, User], now: datetime
) -> None:
    client = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_leaf (at, actor_id, role, verb, object_kind, object_id, client_id, "
            "outcome, reason, counts) SELECT %s::timestamptz - n * interval '1 minute', "
            "(ARRAY[%s, %s])[1 + (n %% 97 = 0)::int]::uuid, 'none', "
            "CASE WHEN n %% 89 = 0 THEN 'trial.rare' ELSE 'trial.open' END, '', gen_random_uuid(), "
            "CASE WHEN n %% 83 = 0 THEN %s::uuid ELSE gen_random_uuid() END, "
            "'done', '', '{}' FROM generate_series(1, 100000) n",
            [now, staff["olivia"].pk, staff["oscar"].pk, client],
        )
        cursor.execute("ANALYZE ledger_leaf")
    middle = now - timedelta(days=30)
    for asked in (
        trail.Question(),
        trail.Question(actor=staff["oscar"].pk),
        trail.Question(verb="trial.rare"),
        trail.Question(client=client),
        trail.Question(begin=middle, end=middle + timedelta(days=1)),
        trail.Question(actor=staff["olivia"].pk, begin=middle, end=middle + timedelta(days=1)),
    ):
        plan = trail.search(asked)[: trail.PAGE + 1].explain()
        assert "Seq Scan" not in plan, plan
        assert "Sort" not in plan.replace("Incremental Sort", ""), plan


# ------------------------------------------------------------------------- the first administrator


def test_the_first_administrator_is_made_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["a passphrase of some length"] * 2)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    call_command("create_administrator", "ada", email="ada@example.com")
    ada = User.objects.get(username="ada")
    assert ada.check_password("a passphrase of some length")
    assert [group.name for group in ada.groups.all()] == [ADMINISTRATOR]
    assert Leaf.objects.get(verb="staff.add").object_id == ada.pk
    assert not Authenticator.objects.exists()
    with pytest.raises(CommandError, match="There is an Administrator"):
        call_command("create_administrator", "eve", email="eve@example.com")


@pytest.mark.parametrize(
    ("typed", "said"), [(["one", "two"], "not the same"), (["short", "short"], "too short")]
)
def test_a_poor_password_makes_no_administrator(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], said: str
) -> None:
    given = iter(typed)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(given))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(CommandError, match=said):
        call_command("create_administrator", "ada", email="ada@example.com")
    assert not User.objects.filter(username="ada").exists()
