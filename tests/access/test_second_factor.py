"""Nobody gets further than the second step without a code of their own, taken once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.test import Client as Browser
from django.urls import reverse

from portal.access import codes, lockout, verbs
from portal.access.models import Attempt, Authenticator
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from tests.access.devices import code_of, secret_of, with_app
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture(autouse=True)
def _clock(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def olivia() -> User:
    return make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)


def after_password(user: User) -> Browser:
    browser = Browser()
    answer = browser.post("/login/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def leaves(verb: str) -> list[tuple[str, str]]:
    found = Leaf.objects.filter(verb=verb).order_by("id")
    return list(found.values_list("outcome", "reason"))


class Words(HTMLParser):
    """The texts of the <code> elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._is_in = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_in = tag == "code"

    def handle_data(self, data: str) -> None:
        if self._is_in:
            self.found.append(data)
            self._is_in = False


# RFC 6238, appendix B, of eight digits the last six.
@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")]
)
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert codes.code_at(b"12345678901234567890", seconds // 30) == code


@pytest.mark.parametrize(
    ("drift", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_one_step_off(now: datetime, drift: int, taken: bool) -> None:
    secret, here = codes.new_secret(), codes.step_at(now)
    found = codes.matching_step(secret, codes.code_at(secret, here + drift), after=-1, now=now)
    assert found == (here + drift if taken else None)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345"])
def test_what_is_no_code_is_not_taken(now: datetime, typed: str) -> None:
    assert codes.matching_step(codes.new_secret(), typed, after=-1, now=now) is None


def test_whoever_has_no_app_is_led_to_set_one_up_before_anything_else(olivia: User) -> None:
    browser = after_password(olivia)
    for address in (
        "/",
        "/requests/erasure/",
        "/consumers/search/",
        "/access/sessions/",
        "/password_change/",
    ):
        answer = browser.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith(reverse("access:code")), address
    assert browser.post("/consumers/search/", {"email": "a@example.com"}).status_code == 302
    assert browser.get("/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    page = browser.get("/requests/erasure/", follow=True)
    assert page.redirect_chain[-1][0] == "/access/set-up/?next=%2Frequests%2Ferasure%2F"
    assert "no-store" in page["Cache-Control"]
    secret = secret_of(olivia)
    shown = page.content.decode()
    assert codes.as_text(secret) in shown
    assert "data:image/svg+xml" in shown
    assert "style=" not in shown
    first = codes.code_at(secret, codes.step_at(datetime.now().astimezone()))
    done = browser.post(page.redirect_chain[-1][0], {"code": first})
    recovery = Words(done.content.decode()).found
    assert len(recovery) == 10
    assert browser.get("/requests/erasure/").status_code == 200
    assert leaves("access.set_up") == leaves("access.log_in") == [("done", "")]
    assert browser.get("/access/set-up/").status_code == 302


def test_a_wrong_code_is_not_taken_and_a_right_one_is_taken_once(
    olivia: User, now: datetime
) -> None:
    with_app(olivia)
    browser = after_password(olivia)
    right = code_of(olivia)
    wrong = f"{(int(right) + 1) % 1000000:06d}"
    answer = browser.post("/access/code/", {"code": wrong})
    assert "not taken" in answer.content.decode()
    assert wrong not in answer.content.decode()
    assert browser.get("/").status_code == 302
    key_before = browser.session.session_key
    spaced = f"{right[:3]} {right[3:]}"
    assert (
        browser.post("/access/code/?next=/clients/client/", {"code": spaced})["Location"]
        == "/clients/client/"
    )
    assert browser.get("/").status_code == 200
    assert browser.session.session_key != key_before
    another = after_password(olivia)
    assert "not taken" in another.post("/access/code/", {"code": right}).content.decode()
    assert another.get("/").status_code == 302
    assert leaves("access.code") == [("refused", "wrong_code")] * 2


def test_the_code_of_another_member_of_staff_is_not_taken(olivia: User) -> None:
    oscar = make_user(SECURITY_OFFICER, username="oscar")
    with_app(olivia)
    with_app(oscar)
    with pytest.raises(Refused):
        verbs.give_code(olivia, code_of(oscar), now=datetime.now().astimezone())


def test_nobody_is_sent_to_another_site_afterwards(olivia: User) -> None:
    with_app(olivia)
    browser = after_password(olivia)
    answer = browser.post("/access/code/?next=https://example.org/", {"code": code_of(olivia)})
    assert answer["Location"] == "/"


def test_a_recovery_code_lets_in_once(olivia: User, now: datetime) -> None:
    first, second, *_ = with_app(olivia)
    browser = after_password(olivia)
    assert (
        browser.post("/access/code/", {"code": first.upper().replace("-", " ")}).status_code == 302
    )
    assert browser.get("/").status_code == 200
    with pytest.raises(Refused):
        verbs.give_code(olivia, first, now=now)
    verbs.give_code(olivia, second, now=now)
    assert leaves("access.recovery_code") == [("done", "")] * 2


def test_five_wrong_codes_lock_and_the_lock_ends_by_itself(olivia: User, now: datetime) -> None:
    with_app(olivia)
    for n in range(lockout.PER_NAME):
        with pytest.raises(Refused):
            verbs.give_code(olivia, "abc", now=now + timedelta(seconds=n))
    assert leaves("access.code")[-1] == ("refused", "locked")
    for _ in range(20):
        with pytest.raises(Refused):
            verbs.give_code(olivia, code_of(olivia, now=now), now=now)
    assert len(leaves("access.code")) == lockout.PER_NAME
    later = now + lockout.WINDOW + timedelta(minutes=1)
    verbs.give_code(olivia, code_of(olivia, now=later), now=later)
    assert Attempt.objects.count() == 0


def test_the_secret_and_the_recovery_codes_are_in_no_dump(olivia: User) -> None:
    recovery = with_app(olivia)
    secret = secret_of(olivia)
    marks = [secret, secret.hex().encode(), codes.as_text(secret).replace(" ", "").encode()]
    marks += [code.encode() for one in recovery for code in (one, one.replace("-", ""))]
    stored: list[bytes] = []
    for alias in ("default", "vault"):
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT quote_ident(table_name) FROM information_schema.tables "
                "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT t::text FROM {table} t")
                stored += [row[0].encode() for row in cursor.fetchall()]
    whole = b"\n".join(stored)
    assert str(olivia.pk).encode() in whole
    assert not [mark for mark in marks if mark in whole]


def test_a_sealed_secret_put_on_anothers_row_does_not_open(olivia: User) -> None:
    oscar = make_user(SECURITY_OFFICER, username="oscar")
    with_app(olivia)
    with_app(oscar)
    theirs = Authenticator.objects.get(user=oscar)
    mine = Authenticator.objects.get(user=olivia)
    Authenticator.objects.filter(pk=theirs.pk).update(
        sealed=mine.sealed, key_page=mine.key_page, key_slot=mine.key_slot
    )
    with pytest.raises(Exception, match=r"."):
        secret_of(oscar)


def posted(address: str, browser: Browser, **fields: Any) -> Any:
    return browser.post(address, fields, headers={"Referer": f"http://testserver{address}"})


def test_what_needs_a_fresh_code_asks_after_ten_minutes(olivia: User, now: datetime) -> None:
    from clients.models import Client
    from consumers.models import Consumer
    from tests.erasures.people import ALICE, load
    from tests.factories import make_client

    client: Client = make_client(now=now)
    load(client, [ALICE], now=now)
    page = reverse("admin:consumers_consumer_change", args=[Consumer.objects.get().pk])
    with_app(olivia)
    browser = after_password(olivia)
    browser.post("/access/code/", {"code": code_of(olivia)})
    reveal = {"reason": "identity_check"}
    assert posted(page, browser, **reveal).status_code == 200
    with time_machine.travel(now + timedelta(minutes=10), tick=False):
        assert browser.get(page).status_code == 200
        answer = posted(page, browser, **reveal)
        asking = f"/access/code/?next={page.replace('/', '%2F')}"
        assert (answer.status_code, answer["Location"]) == (302, asking)
        assert "older than ten minutes" in browser.get(asking).content.decode()
        assert browser.post(asking, {"code": code_of(olivia)})["Location"] == page
        assert posted(page, browser, **reveal).status_code == 200
    assert leaves("access.step_up") == [("done", "")]


def test_an_account_manager_cannot_set_up_without_a_password() -> None:
    make_user(ACCOUNT_MANAGER, username="adam")
    browser = Browser()
    for address in ("/access/code/", "/access/set-up/", "/access/sessions/"):
        for answer in (browser.get(address), browser.post(address, {"code": "123456"})):
            assert answer["Location"].startswith("/login/"), address
    assert not Authenticator.objects.exists()
