"""What every answer carries, what each method gets, and how one logs in and out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as current
from django.test import Client as Browser
from django.urls import resolve, reverse
from pytest_django import Settings

from clients.models import Client
from portal.roles import SECURITY_OFFICER
from requests.models import Erasure
from tests.access.devices import code_of
from tests.factories import PASSWORD, make_user
from tests.test_every_address import addresses, ids_of, theirs

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
__all__ = ["theirs"]

DOWNLOADS = {
    "certificate_json",
    "certificate_pdf",
    "clients_instruction_file",
    "problems",
    "statement_pdf",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def officer() -> Browser:
    browser = Browser()
    browser.force_login(make_user(SECURITY_OFFICER))
    return browser


def assert_guarded(answer: Any, address: str) -> None:
    for name, value in HEADERS.items():
        assert answer.headers.get(name) == value, (address, name)
    assert "camera=()" in answer["Permissions-Policy"], address
    assert "default-src 'self'" in answer["Content-Security-Policy"], address
    assert "unsafe" not in answer["Content-Security-Policy"], address


def pages(client: Client, browser: Browser) -> list[str]:
    """One address of every route that shows this browser something, but for those to log in and out."""
    found: dict[str, str] = {}
    for address in addresses(ids_of(client)):
        route = resolve(address).route
        if route not in (*found, "login/", "logout/") and get(browser, address).status_code != 404:
            found[route] = address
    return list(found.values())


def get(browser: Browser, address: str, **options: Any) -> Any:
    """The answer to a GET. A download is read to its end, which closes the file behind it."""
    answer: Any = browser.get(address, **options)
    if answer.streaming:
        assert b"".join(answer)
    return answer


def _is_page(answer: Any, address: str) -> bool:
    kind: str = answer["Content-Type"]
    return address == "/healthz" or kind.startswith(("text/html", "text/javascript"))


def assert_kept_nowhere(answer: Any, address: str) -> None:
    assert_guarded(answer, address)
    assert answer["X-Frame-Options"] == "DENY", address
    assert "no-store" in answer["Cache-Control"], address
    assert "private" in answer["Cache-Control"], address


def assert_head_is_like(answer: Any, browser: Browser, address: str) -> None:
    head: Any = browser.head(address)
    for close in head._resource_closers:
        close()  # The test's browser takes the file off the answer without closing it.
    assert head.status_code == answer.status_code, address
    assert head.headers.get("Content-Type") == answer.headers.get("Content-Type"), address
    assert head.streaming or head.content == b"", address


def assert_refuses_what_it_does_not_know(browser: Browser, address: str) -> None:
    for method in ("PUT", "OPTIONS"):
        answer = browser.generic(method, address)
        assert answer.status_code in (302, 404, 405), (address, method, answer.status_code)
        if answer.status_code == 405:
            assert "GET" in answer["Allow"] or answer["Allow"] == "POST", address
            assert "This page is not used this way" in answer.content.decode(), address


@contextmanager
def certified(client: Client) -> Iterator[None]:
    """The client's erasure with a certificate that can be downloaded."""
    erasure = Erasure.objects.get(client=client)
    erasure.certificate, erasure.certificate_signature = '{"a": 1}', "c2ln"
    erasure.save()
    with (
        patch("requests.erasures.views.certificate.letter"),
        patch("requests.erasures.views.render_pdf", return_value=b"%PDF"),
    ):
        yield


# ------------------------------------------------------------------------------------------- headers


def test_every_page_is_guarded_kept_nowhere_and_knows_its_methods(
    theirs: Client,
    officer: Browser,
) -> None:
    downloads = set()
    with certified(theirs):
        for address in ["/no/such/page/", *pages(theirs, officer)]:
            answer = get(officer, address)
            assert_kept_nowhere(answer, address)
            assert_kept_nowhere(get(Browser(), address), address)
            if answer.status_code == 200 and not _is_page(answer, address):
                assert answer["Content-Disposition"].startswith("attachment; filename"), address
                downloads.add(resolve(address).url_name)
            assert_head_is_like(answer, officer, address)
            assert_refuses_what_it_does_not_know(officer, address)
    assert downloads >= DOWNLOADS, "the walk meets what it must"


def test_a_static_file_may_be_kept_and_carries_the_headers_all_the_same(settings: Settings) -> None:
    Path(settings.STATIC_ROOT, "page.css").write_text("main {}")
    answer = get(Browser(), "/static/page.css")
    assert answer.status_code == 200
    assert_guarded(answer, "/static/page.css")
    assert "public" in answer["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_behind_tls_the_cookies_are_the_hosts_own_and_the_browser_is_told_to_stay(
    settings: Settings,
) -> None:
    make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)
    browser = Browser()
    answer = log_in(browser, secure=True)
    assert answer["Strict-Transport-Security"].startswith("max-age=31536000")
    assert set(answer.cookies) == {"__Host-sessionid", "__Host-csrftoken"}
    for cookie in answer.cookies.values():
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Strict", "/", "")


# ------------------------------------------------------------------------------------------- methods


def test_a_page_says_which_methods_it_knows(officer: Browser) -> None:
    answer = officer.delete(reverse("imports:upload"))
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, POST")


def test_what_is_done_by_post_is_not_done_by_following_a_link(
    theirs: Client,
    officer: Browser,
) -> None:
    acts = [one for one in addresses(ids_of(theirs)) if "/do/" in one]
    assert acts
    for address in acts:
        answer = officer.get(address)
        assert (answer.status_code, answer["Allow"]) == (405, "POST"), address


# ---------------------------------------------------------------------------------------- error pages


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "This was not taken"), (404, "There is nothing here"), (405, "not used this way")],
)
def test_errors_are_told_in_the_portals_own_look(officer: Browser, status: int, words: str) -> None:
    answers = {
        400: lambda: Browser().get("/login/", headers={"host": "elsewhere.example"}),
        404: lambda: officer.get("/consumers/nowhere/"),
        405: lambda: officer.put("/"),
    }
    answer = answers[status]()
    page = answer.content.decode()
    assert answer.status_code == status
    assert words in page
    assert "portal/message.css" in page
    assert "elsewhere.example" not in page
    assert_guarded(answer, str(status))
    assert "no-store" in answer["Cache-Control"]


def test_a_fault_is_told_without_its_reason(officer: Browser) -> None:
    officer.raise_request_exception = False
    with patch("portal.startpage.due_for", side_effect=RuntimeError("alice@example.com")):
        answer = officer.get("/")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    assert "alice" not in answer.content.decode()
    assert_guarded(answer, "/")


def test_a_form_with_too_many_fields_is_refused_in_the_portals_own_look(
    officer: Browser, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 10
    answer = officer.post(reverse("consumers:search"), {f"field{n}": "1" for n in range(20)})
    assert answer.status_code == 413
    assert "More was sent than a form may hold" in answer.content.decode()


# ------------------------------------------------------------------------------------ log-in, log-out


def log_in(browser: Browser, then: str = "", **options: Any) -> Any:
    given = {"username": "olivia", "password": PASSWORD, "next": then}
    return browser.post("/login/", given, **options)


@pytest.mark.parametrize(
    ("then", "leads_to"),
    [
        ("/imports/", "/imports/"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("https:///elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("http://testserver@elsewhere.example/", "/"),
        ("\x00//elsewhere.example/", "/"),
    ],
)
def test_the_log_in_leads_nowhere_but_into_the_portal(then: str, leads_to: str) -> None:
    make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)
    answer = log_in(Browser(), then)
    assert (answer.status_code, answer["Location"]) == (302, leads_to)


def test_whoever_knew_the_session_before_the_log_in_does_not_know_it_afterwards() -> None:
    make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)
    browser, name = Browser(), current.SESSION_COOKIE_NAME
    session = browser.session
    session["planted"] = "1"
    session.save()
    planted = session.session_key
    token = browser.get("/login/").cookies[current.CSRF_COOKIE_NAME].value
    log_in(browser)
    assert browser.cookies[name].value != planted
    assert browser.cookies[current.CSRF_COOKIE_NAME].value != token
    thief = Browser()
    thief.cookies[name] = str(planted)
    assert thief.get("/")["Location"].startswith("/login/")


def test_one_is_logged_out_by_post_alone_and_the_session_is_gone() -> None:
    olivia = make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)
    browser, name = Browser(), current.SESSION_COOKIE_NAME
    log_in(browser)
    browser.post("/access/code/", {"code": code_of(olivia)})
    kept = browser.cookies[name].value
    assert browser.get("/logout/").status_code == 405
    assert browser.get("/").status_code == 200, "a link logs nobody out"
    browser.post("/logout/")
    thief = Browser()
    thief.cookies[name] = kept
    assert thief.get("/")["Location"].startswith("/login/")


def test_a_new_password_ends_the_sessions_that_knew_the_old_one() -> None:
    user = make_user(SECURITY_OFFICER, username="olivia", password=PASSWORD)
    browser = Browser()
    log_in(browser)
    user.set_password("another horse battery staple")
    user.save()
    assert browser.get("/")["Location"].startswith("/login/")
