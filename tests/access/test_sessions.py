"""A session ends when nobody uses it, when its owner says so, and when its owner may not get in any more."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import Settings

from portal.access.models import StaffSession
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ADMINISTRATOR, SECURITY_OFFICER
from tests.access.devices import code_of
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture(autouse=True)
def ticking(now: datetime, settings: Settings) -> Iterator[time_machine.Traveller]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def olivia() -> User:
    return make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)


def logged_in(user: User) -> Browser:
    browser = Browser()
    browser.post("/login/", {"username": user.username, "password": PASSWORD})
    assert browser.post("/access/code/", {"code": code_of(user)}).status_code == 302
    return browser


def is_in(browser: Browser) -> bool:
    return browser.get("/").status_code == 200


def test_a_session_ends_after_half_an_hour_of_nothing(
    olivia: User, ticking: time_machine.Traveller
) -> None:
    browser = logged_in(olivia)
    for _ in range(3):
        ticking.shift(timedelta(minutes=29))
        assert is_in(browser)
    # What a page asks for by itself keeps nobody in.
    ticking.shift(timedelta(minutes=29))
    assert browser.get("/", headers={"HX-Request": "true"}).status_code == 200
    ticking.shift(timedelta(minutes=2))
    answer = browser.get("/requests/erasure/")
    assert answer["Location"] == "/login/?next=%2Frequests%2Ferasure%2F"
    assert not StaffSession.objects.exists()
    assert Leaf.objects.filter(verb="access.log_out").count() == 1


def test_a_half_open_session_ends_as_well(olivia: User, ticking: time_machine.Traveller) -> None:
    browser = Browser()
    browser.post("/login/", {"username": "olivia", "password": PASSWORD})
    browser.get("/")
    ticking.shift(timedelta(minutes=31))
    assert browser.get("/access/code/")["Location"].startswith("/login/")


def test_a_fourth_log_in_ends_the_oldest_session(
    olivia: User, ticking: time_machine.Traveller
) -> None:
    browsers = []
    for _ in range(4):
        browsers.append(logged_in(olivia))
        ticking.shift(timedelta(minutes=2))
    assert [is_in(browser) for browser in browsers] == [False, True, True, True]


def test_one_ends_the_others_and_only_ones_own(
    olivia: User, ticking: time_machine.Traveller
) -> None:
    oscar = logged_in(make_user(SECURITY_OFFICER, username="oscar", password=PASSWORD))
    first = logged_in(olivia)
    ticking.shift(timedelta(minutes=1))
    second = logged_in(olivia)
    assert second.get("/access/sessions/").content.decode().count("Another browser") == 1
    assert second.get("/access/sessions/end/").status_code == 405
    assert second.post("/access/sessions/end/").status_code == 302
    assert [is_in(one) for one in (first, second, oscar)] == [False, True, True]
    assert Leaf.objects.get(verb="access.end_others").counts == {"sessions": 1}


def test_who_is_shut_out_or_given_another_password_is_out_at_once(olivia: User) -> None:
    ada = Browser()
    ada.force_login(make_user(ADMINISTRATOR, username="ada"))
    browser = logged_in(olivia)
    key = browser.session.session_key
    ada.post(
        reverse("admin:auth_user_password_change", args=[olivia.pk]),
        {
            "password1": "another long passphrase",
            "password2": "another long passphrase",
            "usable_password": "true",
        },
    )
    assert not is_in(browser)
    assert not Session.objects.filter(session_key=key).exists()


def test_who_is_shut_out_has_no_session_left(olivia: User) -> None:
    ada = Browser()
    ada.force_login(make_user(ADMINISTRATOR, username="ada"))
    browser = logged_in(olivia)
    group = olivia.groups.get().pk
    page = reverse("admin:portal_user_change", args=[olivia.pk])
    assert ada.post(page, {"username": "olivia", "groups": [group]}).status_code == 302
    assert not User.objects.get(pk=olivia.pk).is_active
    assert not StaffSession.objects.exists()
    assert not is_in(browser)


def test_whoever_changes_their_own_password_stays_in_and_ends_the_others(olivia: User) -> None:
    other, browser = logged_in(olivia), Browser()
    browser.post("/login/", {"username": "olivia", "password": PASSWORD})
    later = {"code": code_of(olivia)}
    assert browser.post("/access/code/", later).status_code == 302
    given = {"old_password": PASSWORD, "new_password1": "another long passphrase"}
    given["new_password2"] = given["new_password1"]
    assert browser.post("/password_change/", given).status_code == 302
    assert [is_in(other), is_in(browser)] == [False, True]
    assert StaffSession.objects.get().session_key == browser.session.session_key


def test_logging_out_leaves_a_leaf_and_no_session(olivia: User) -> None:
    browser = logged_in(olivia)
    browser.post("/logout/")
    assert not StaffSession.objects.exists()
    assert Leaf.objects.get(verb="access.log_out").actor == olivia
