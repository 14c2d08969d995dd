"""The page of a case: what it opens leaves a leaf, and nothing that somebody wrote runs in it."""

from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Client, Instruction
from consumers.profile import Profile
from consumers.reveal import reveal
from portal.cases.models import CaseFile
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from requests.erasures import verbs as erasures
from requests.erasures.approval import mark_of
from requests.models import CatalogSuppression, Erasure, OptOut
from requests.optouts.verbs import log_opt_out
from requests.suppressions.statement import letter
from tests.erasures.people import ALICE, load
from tests.erasures.test_newcomers import together
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
MARKUP = '#panic("run") *bold* $x$ @ref <label> \\ #read("/etc/passwd")'


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam", first_name=SCRIPT)


@pytest.fixture
def officer() -> User:
    return make_user(SECURITY_OFFICER, username="olivia")


@pytest.fixture
def client_(manager: User, now: datetime) -> Client:
    return make_client(f"Harbor {SCRIPT}", managers=[manager], now=now)


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def opted_out(client: Client, by: User, now: datetime, **fields: Any) -> OptOut:
    given: dict[str, Any] = {
        "address": Profile(email="alice@example.com"),
        "marketing_channel": "email",
    } | fields
    return log_opt_out(client=client, channel="email", received_at=now, by=by, now=now, **given)


def readings(case: Any) -> list[tuple[str, dict[str, int]]]:
    rows = Leaf.objects.filter(object_id=case.pk, verb=f"{case.VERB_PREFIX}.read").order_by("id")
    return list(rows.values_list("actor__username", "counts"))


def test_whoever_opens_what_a_consumer_wrote_leaves_a_leaf(
    client_: Client, manager: User, now: datetime
) -> None:
    silent = opted_out(client_, manager, now)
    wrote = opted_out(client_, manager, now, text="Stop, says Alice Archer.")
    auditor = browser_of(make_user(AUDITOR, username="aude"))
    for case in (silent, wrote):
        page = auditor.get(reverse("admin:requests_optout_change", args=[case.pk]))
        assert page.status_code == 200
        assert "optout.read" not in page.content.decode()
    assert readings(silent) == []
    assert readings(wrote) == [("aude", {"notes": 1, "files": 0})]


def test_a_look_at_a_person_that_is_refused_leaves_a_leaf_too(
    client_: Client, now: datetime
) -> None:
    (alice,) = load(client_, [ALICE], now=now)
    stranger = make_user(ACCOUNT_MANAGER, username="eve")
    with pytest.raises(Refused):
        reveal(alice, reason="client_asked", by=stranger, now=now)
    leaf = Leaf.objects.get(verb="consumer.reveal")
    assert (leaf.actor, leaf.outcome, leaf.reason) == (stranger, "refused", "reach")


def test_an_erasure_that_is_refused_at_the_door_leaves_a_leaf(
    client_: Client, manager: User, now: datetime
) -> None:
    given: dict[str, Any] = {
        "client": client_,
        "channel": "email",
        "received_at": now,
        "by": manager,
        "now": now,
    }
    access = make_instruction(client_, Instruction.Kind.ACCESS)
    with pytest.raises(Refused):
        erasures.log_erasure(instruction=access, people=[Profile(email="a@example.com")], **given)
    leaf = Leaf.objects.get(verb="erasure.log")
    assert (leaf.outcome, leaf.reason, leaf.client_id) == ("refused", "other_kind", client_.pk)
    assert not Erasure.objects.exists()


# --------------------------------------------------------------------------------------- injection


def test_nothing_that_somebody_wrote_runs_in_a_page(
    client_: Client, manager: User, now: datetime
) -> None:
    browser = browser_of(manager)
    posted = browser.post(
        reverse("optouts:log_for", args=[client_.pk, "every"]),
        {
            "channel": "email",
            "received_at": "2026-11-20T10:00",
            "email": "alice@example.com",
            "surname": SCRIPT,
            "text": SCRIPT,
            "evidence": SimpleUploadedFile(f'{SCRIPT.replace("/", "")}".pdf', SCRIPT.encode()),
        },
        follow=True,
    )
    case = OptOut.objects.get()
    pages = [
        posted,
        browser.get(reverse("admin:requests_optout_changelist")),
        browser.get(reverse("admin:clients_client_change", args=[client_.pk])),
        browser.get("/"),
    ]
    for page in pages:
        assert page.status_code == 200
        text = page.content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "'unsafe" not in page.headers["Content-Security-Policy"]
    assert "&lt;script&gt;" in posted.content.decode()
    assert case.state == "suppressed"


@pytest.mark.parametrize(
    "name", ['a".pdf\r\nX-Evil: 1', 'über;naïve".html', "../../etc/passwd", "<b>.svg", "a\x00b"]
)
def test_a_file_is_handed_out_inert_whatever_its_name(
    client_: Client, manager: User, now: datetime, name: str
) -> None:
    browser = browser_of(manager)
    upload = SimpleUploadedFile("x", b"<script>alert(1)</script>", "text/html")
    vars(upload)["_name"] = name  # past the cleaning that a browser's upload gets
    posted = {"channel": "email", "received_at": "2026-11-20T10:00", "email": "a@example.com"}
    page = reverse("optouts:log_for", args=[client_.pk, "email"])
    assert browser.post(page, posted | {"evidence": upload}).status_code == 302
    row = CaseFile.objects.get()
    answer = browser.get(reverse("admin:requests_optout_file", args=[row.case_id, row.pk]))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "\n" not in answer["Content-Disposition"]
    assert "X-Evil" not in answer.headers
    assert b"".join(answer) == b"<script>alert(1)</script>"


def test_a_letter_shows_markup_as_text(client_: Client, manager: User, now: datetime) -> None:
    opted_out(
        client_,
        manager,
        now,
        marketing_channel="mail",
        address=Profile(given_name=MARKUP, surname="Archer", street="1 Main St", postcode="02210"),
    )
    suppression = CatalogSuppression.objects.get()
    document = letter(suppression, by=manager, now=now)
    assert getattr(document, "content", document)[:4] == b"%PDF"


# --------------------------------------------------------------------------------- twice and at once


def test_two_browsers_that_approve_and_recall_at_once_leave_one_outcome(
    client_: Client, manager: User, officer: User, now: datetime
) -> None:
    load(client_, [ALICE], now=now)
    case = erasures.log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com")],
        channel="email",
        received_at=now,
        by=manager,
        now=now,
    )
    oscar = make_user(SECURITY_OFFICER, username="oscar")
    User.objects.system()
    barrier, answers = Barrier(4), []

    def post(user: User, verb: str, posted: dict[str, str]) -> None:
        browser = browser_of(user)
        page = reverse("admin:requests_erasure_verb", args=[case.pk, verb])
        barrier.wait()
        answers.append((verb, browser.post(page, posted).status_code))

    approval = {"confirmation": case.reference, "read": mark_of(case)}
    together(
        lambda: post(officer, "approve", approval),
        lambda: post(officer, "approve", approval),
        lambda: post(oscar, "approve", approval),
        lambda: post(manager, "recall", {}),
    )
    assert sum(one == ("approve", 302) for one in answers) == 1
    done = Leaf.objects.filter(object_id=case.pk, outcome="done").order_by("id")
    verbs = [verb.removeprefix("erasure.") for verb in done.values_list("verb", flat=True)]
    assert verbs in (["log", "approve"], ["log", "approve", "recall"])
    case.refresh_from_db()
    assert case.state == ("recalled" if "recall" in verbs else "approved")
    assert case.recall_until is None or case.recall_until > now + timedelta(hours=1)


def test_an_instruction_for_one_case_that_is_posted_twice_at_once_opens_one(
    client_: Client, manager: User, now: datetime
) -> None:
    load(client_, [ALICE], now=now)
    instruction = make_instruction(client_, Instruction.Kind.ERASURE)
    barrier, answers = Barrier(3), []

    def post() -> None:
        browser = browser_of(manager)
        barrier.wait()
        posted = {"channel": "email", "received_at": "2026-11-20T10:00"}
        page = reverse("erasures:log_for", args=[client_.pk])
        given = posted | {"instruction": str(instruction.pk), "email": "alice@example.com"}
        answers.append(browser.post(page, given).status_code)

    together(post, post, post)
    assert sorted(answers)[-1] == 302
    assert sum(one == 302 for one in answers) == 1
    assert Erasure.objects.count() == 1
