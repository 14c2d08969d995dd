"""No byte of a file reaches the disk but from somebody who may send it to that page, and none stays unkept."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import Settings

from clients.models import Client, Instruction
from portal.admin import CaseAdmin
from portal.roles import ACCOUNT_MANAGER, ALL_ROLES, AUDITOR, SECURITY_OFFICER
from portal.uploadgate import UploadPage, takes_files
from tests.factories import log_instruction, make_client, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

SECRET = b"Alice Archer, 1 Elm Street. " * 40_000
FILE_NAME = "alice-archer.txt"
EDGE = "edge-of-the-parts"


def upload_pages() -> dict[str, UploadPage]:
    """Every address that takes files, with who may send them."""
    found: dict[str, UploadPage] = {}
    for address, kwargs, view in addresses(get_resolver().url_patterns, ""):
        page = view.uploads(kwargs) if hasattr(view, "uploads") else None
        if page is not None:
            found[address] = page
    return found


def addresses(patterns: list[Any], start: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for one in patterns:
        route = start + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            for kwargs in arguments(one):
                yield "/" + filled(route, kwargs), kwargs, one.callback


def arguments(pattern: URLPattern) -> Iterator[dict[str, Any]]:
    """Arguments with which the address of a view can be built; a page of verbs once for each verb."""
    names = dict.fromkeys(pattern.pattern.converters, "email")
    ids = {name: str(uuid4()) for name in names if name.endswith(("pk", "_id"))}
    for verb in all_verbs() if "verb" in names else [""]:
        yield names | ids | ({"verb": verb} if verb else {})


def all_verbs() -> set[str]:
    return {
        verb.name
        for one in admin.site._registry.values()
        if isinstance(one, CaseAdmin)
        for verb in one.verbs
    }


def filled(route: str, kwargs: dict[str, Any]) -> str:
    for name, value in kwargs.items():
        for converter in ("uuid", "slug", "str", "int", "path"):
            route = route.replace(f"<{converter}:{name}>", value)
    return route


def somebody(*roles: str, **options: Any) -> Browser:
    browser = Browser(**options)
    if roles:
        browser.force_login(make_user(*roles))
    return browser


def letter(content: bytes = SECRET) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = FILE_NAME
    return file


def send(browser: Browser, address: str, content: bytes = SECRET, **fields: Any) -> Any:
    return browser.post(address, {"evidence": letter(content), "file": letter(content)} | fields)


def body(*contents: bytes, end: bool = True) -> bytes:
    parts = [
        f"--{EDGE}\r\nContent-Disposition: form-data; name=evidence; filename={FILE_NAME}\r\n"
        "Content-Type: text/plain\r\n\r\n".encode()
        + content
        for content in contents
    ]
    return b"\r\n".join(parts) + (f"\r\n--{EDGE}--\r\n".encode() if end else b"")


def send_raw(browser: Browser, address: str, data: bytes, **meta: Any) -> Any:
    kind = f"multipart/form-data; boundary={EDGE}"
    return browser.generic("POST", address, data, content_type=kind, **meta)


def media(settings: Settings) -> Path:
    return Path(settings.MEDIA_ROOT)


def stored(settings: Settings) -> list[Path]:
    return [path for path in media(settings).rglob("*") if path.is_file()]


@pytest.fixture
def instruction(client_: Client) -> Instruction:
    return log_instruction(client_, evidence=None, is_oral=True)


@pytest.fixture
def client_() -> Client:
    return make_client("Shop")


@pytest.fixture
def address(instruction: Instruction) -> str:
    """A page that takes evidence from an account manager and the Security Officer."""
    return reverse("admin:clients_instruction_verb", args=[instruction.pk, "add_evidence"])


# ------------------------------------------------------------------------------------ who may send


def test_the_pages_that_take_files_are_found() -> None:
    found = " ".join(upload_pages())
    assert all(one in found for one in ("/imports/", "/instructions/log/", "/optouts/log/"))
    assert all(one in found for one in ("/verb/add_evidence/", "/verb/lift/"))
    assert "/verb/approve/" not in found


def test_every_verb_with_a_file_in_its_form_has_a_page_that_takes_it() -> None:
    case_admins = [one for one in admin.site._registry.values() if isinstance(one, CaseAdmin)]
    assert case_admins
    for one in case_admins:
        for verb in one.verbs:
            page = one._verb_uploads({"verb": verb.name})
            assert (page is not None) == takes_files(verb.form), verb.name


def test_nothing_of_a_strangers_file_is_written_anywhere(settings: Settings) -> None:
    stranger = somebody()
    for address in upload_pages():
        response = send(stranger, address)
        assert response.status_code == 302, address
        assert response["Location"].startswith("/login/?next="), address
        # The folder is made with the first upload: not even a file that was removed again was there.
        assert not media(settings).exists(), address


@pytest.mark.parametrize("role", ALL_ROLES)
def test_nothing_of_a_file_from_the_wrong_role_is_written_anywhere(
    role: str, settings: Settings
) -> None:
    browser = somebody(role)
    for address, page in upload_pages().items():
        if role not in page.roles:
            response = send(browser, address)
            assert response.status_code in (403, 404), address
            assert not media(settings).exists(), address


def test_who_may_read_a_case_but_not_act_on_it_may_not_send_either(
    address: str, settings: Settings
) -> None:
    response = send(somebody(AUDITOR), address)
    assert response.status_code == 403
    assert "not from your role" in response.content.decode()
    assert not stored(settings)


def test_a_page_that_takes_no_files_refuses_one(settings: Settings) -> None:
    for browser, address in (
        (somebody(SECURITY_OFFICER), reverse("consumers:search")),
        (somebody(), reverse("admin:login")),
    ):
        response = send(browser, address)
        assert response.status_code == 403
        assert "No file is taken here" in response.content.decode()
    assert not media(settings).exists()


def test_the_roles_of_a_page_may_send(client_: Client, address: str, settings: Settings) -> None:
    assert send(somebody(SECURITY_OFFICER), address).status_code == 302
    (kept,) = stored(settings)
    assert kept.is_relative_to(media(settings) / "cases" / str(client_.pk))
    assert SECRET[:20] not in kept.read_bytes()


def test_a_form_without_a_file_passes_as_before(address: str, settings: Settings) -> None:
    response = somebody(SECURITY_OFFICER).post(address, {"evidence": ""})
    assert response.status_code == 200
    assert "This field is required" in response.content.decode()
    assert not stored(settings)


# --------------------------------------------------------------------------------- what is not kept


def test_a_form_without_its_token_is_dropped_and_leaves_nothing(
    address: str, settings: Settings
) -> None:
    browser = somebody(SECURITY_OFFICER, enforce_csrf_checks=True)
    browser.get(address)
    response = send(browser, address)
    assert response.status_code == 403
    assert "The form is too old" in response.content.decode()
    assert (media(settings) / "incoming").is_dir(), "it had been taken in"
    assert not stored(settings)


def test_a_form_of_another_site_is_dropped_before_its_file(
    address: str, settings: Settings
) -> None:
    browser = somebody(SECURITY_OFFICER, enforce_csrf_checks=True)
    answer = send_raw(browser, address, body(SECRET), HTTP_ORIGIN="https://elsewhere.example")
    assert answer.status_code == 403
    assert not media(settings).exists()


def test_a_form_that_is_not_valid_leaves_nothing(client_: Client, settings: Settings) -> None:
    address = reverse("instructions:log_for", args=[client_.pk])
    assert send(somebody(SECURITY_OFFICER), address).status_code == 422
    assert not stored(settings)


def test_another_clients_case_takes_nothing(address: str, settings: Settings) -> None:
    assert send(somebody(ACCOUNT_MANAGER), address).status_code == 404
    assert not stored(settings)


def test_an_upload_that_ends_in_the_middle_leaves_nothing(address: str, settings: Settings) -> None:
    cut = body(SECRET, end=False)
    assert send_raw(somebody(SECURITY_OFFICER), address, cut).status_code == 200
    assert not stored(settings)


class Cut(io.BytesIO):
    """A connection that breaks after the first pieces."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > 3:
            raise ConnectionResetError
        return super().read(size)


@pytest.mark.parametrize("enforce_csrf_checks", [False, True])
def test_an_upload_whose_connection_breaks_leaves_nothing(
    address: str, settings: Settings, enforce_csrf_checks: bool
) -> None:
    browser = somebody(
        SECURITY_OFFICER, enforce_csrf_checks=enforce_csrf_checks, raise_request_exception=False
    )
    browser.get(address)
    cut = Cut(body(SECRET))
    send_raw(browser, address, body(SECRET), **{"wsgi.input": cut})
    assert cut.reads > 3
    assert (media(settings) / "incoming").is_dir(), "it had been taken in"
    assert not stored(settings)


# ---------------------------------------------------------------------------------------- too large


class Unread(io.BytesIO):
    """A body that nobody may begin to read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("the body was read")


def test_a_file_that_says_that_it_is_too_large_is_refused_unread(
    address: str, settings: Settings
) -> None:
    length = settings.EVIDENCE_MAX_BYTES + 2 * 1024**2
    meta = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(length)}
    response = send_raw(somebody(SECURITY_OFFICER), address, b"-", **meta)
    assert response.status_code == 413
    assert "files of up to 25.0 MB" in response.content.decode()
    assert not media(settings).exists()


def test_each_page_has_a_size_of_its_own(settings: Settings) -> None:
    settings.IMPORT_FILE_MAX_BYTES, settings.EVIDENCE_MAX_BYTES = 2000, 1000
    sizes = {address: page.largest for address, page in upload_pages().items()}
    of_clients = {
        address for address in sizes if address.startswith(("/imports/", "/erasures/file/"))
    }
    assert {sizes.pop(address) for address in of_clients} == {2000}
    assert len(of_clients) == 2
    assert set(sizes.values()) == {1000}


@pytest.mark.parametrize(("length", "status"), [(1000, 302), (1001, 413)])
def test_a_file_is_measured_while_it_arrives(
    address: str, settings: Settings, length: int, status: int
) -> None:
    settings.EVIDENCE_MAX_BYTES = 1000
    response = send_raw(somebody(SECURITY_OFFICER), address, body(SECRET[:length]))
    assert response.status_code == status
    assert len(stored(settings)) == (status == 302)


def test_no_file_of_a_form_stays_when_another_is_too_large(
    address: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EVIDENCE_MAX_BYTES = 1000
    data = body(SECRET[:1000], SECRET[:5000])
    assert send_raw(somebody(SECURITY_OFFICER), address, data).status_code == 413
    assert not stored(settings)
    assert FILE_NAME not in caplog.text
