"""The pages of letters and templates, as staff use them."""

from datetime import datetime

import pytest
from django.test import Client as Browser

from portal.correspondence import Party, register_purpose, templates, verbs
from portal.correspondence.models import Letter, TemplateVersion
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from portal.startpage import due_for
from requests.optouts.models import OptOut
from tests.factories import NOW, make_client, make_user, staff_in
from tests.optouts.helpers import make_opt_out

PURPOSE = "tests.pages"
pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def values_of(case: OptOut, now: datetime) -> tuple[Party, dict[str, str]]:
    return Party("Alice Example", "alice@example.com"), {"reference": case.reference}


register_purpose(
    PURPOSE,
    "Confirmation for tests",
    placeholders={"reference": "OO-2026-000000"},
    default_subject="About {reference}",
    default_body="We have it.\n\nYours",
    case_kinds=frozenset({"requests.optout"}),
    values=values_of,
)


@pytest.fixture
def officer() -> User:
    return staff_in(SECURITY_OFFICER)


@pytest.fixture
def browser(client: Browser, officer: User) -> Browser:
    client.force_login(officer)
    return client


@pytest.fixture
def case() -> OptOut:
    return make_opt_out(make_client())


def draft(case: OptOut, by: User, way: str = "") -> Letter:
    to = Party("Alice", "alice@example.com", ("12 Main Street",))
    return verbs.draft(
        case, PURPOSE, to=to, values={"reference": case.reference}, by=by, now=NOW, way=way
    )


def test_a_letter_is_written_from_its_case_revised_and_sent(browser: Browser, case: OptOut) -> None:
    page = browser.get(f"/requests/optout/{case.pk}/change/")
    assert f"/letters/write/requests.optout/{case.pk}/" in page.text
    answer = browser.post(f"/letters/write/requests.optout/{case.pk}/", {"purpose": PURPOSE})
    letter = Letter.objects.get()
    assert answer["Location"] == f"/letters/{letter.pk}/"
    page = browser.get(answer["Location"])
    assert f"About {case.reference}" in page.text
    typed = {"name": "Alice", "email": "alice@example.com", "subject": "Yes", "body": "Done."}
    browser.post(f"/letters/{letter.pk}/", {**typed, "do": "save"})
    browser.post(f"/letters/{letter.pk}/", {**typed, "do": "send"})
    letter.refresh_from_db()
    assert (letter.state, letter.unseal_content()["subject"]) == ("queued", "Yes")
    page = browser.get(f"/letters/{letter.pk}/")
    assert "byte for byte" in page.text
    assert 'name="do" value="send"' not in page.text


def test_a_letter_by_post_is_previewed_made_and_noted_as_posted(
    browser: Browser, case: OptOut, officer: User
) -> None:
    letter = draft(case, officer, way="letter")
    pdf = browser.get(f"/letters/{letter.pk}/draft.pdf")
    assert pdf.content.startswith(b"%PDF")
    assert "no-store" in pdf["Cache-Control"]
    typed = {
        "name": "Alice",
        "address": "12 Main Street\nBoston",
        "subject": "Yes",
        "body": "Done.",
    }
    browser.post(f"/letters/{letter.pk}/", {**typed, "do": "send"})
    lines = {line.label: line.count for line in due_for(officer, NOW)}
    assert lines["Letters to post"] == 1
    assert case.reference in browser.get("/letters/waiting/").text
    browser.post(f"/letters/{letter.pk}/", {"do": "posted"})
    letter.refresh_from_db()
    assert letter.state == Letter.State.POSTED


def test_what_cannot_be_sent_stays_with_what_was_typed(
    browser: Browser, case: OptOut, officer: User
) -> None:
    letter = draft(case, officer, way="letter")
    typed = {"name": "Alice", "address": "", "subject": "Yes", "body": "A text."}
    page = browser.post(f"/letters/{letter.pk}/", {**typed, "do": "send"})
    assert "A letter by post needs an address." in page.text
    assert "A text." in page.text


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER])
def test_another_clients_account_manager_finds_neither_letter_nor_case(
    client: Browser, case: OptOut, officer: User, role: str
) -> None:
    letter = draft(case, officer, way="letter")
    client.force_login(make_user(role))
    for address in (
        f"/letters/{letter.pk}/",
        f"/letters/{letter.pk}/draft.pdf",
        f"/letters/write/requests.optout/{case.pk}/",
        f"/letters/write/auth.group/{case.pk}/",
    ):
        assert client.get(address).status_code == 404
    assert client.post(f"/letters/{letter.pk}/", {"do": "discard"}).status_code == 404
    assert case.reference not in client.get("/letters/waiting/").text


def test_an_auditor_reads_and_is_offered_nothing_to_do(
    client: Browser, case: OptOut, officer: User
) -> None:
    letter = draft(case, officer)
    client.force_login(make_user(AUDITOR))
    for _ in range(2):
        page = client.get(f"/letters/{letter.pk}/")
    assert "We have it." in page.text
    assert 'name="do"' not in page.text
    assert Leaf.objects.filter(object_id=case.pk, verb="optout.read_letter").count() == 1
    client.post(f"/letters/{letter.pk}/", {"do": "discard"})
    letter.refresh_from_db()
    assert letter.state == Letter.State.DRAFT


def test_a_template_is_previewed_saved_and_compared(browser: Browser) -> None:
    templates.current(PURPOSE)
    address = f"/letters/templates/{PURPOSE}/"
    typed = {"subject": "About {reference}", "body": "We have {reference}."}
    assert "We have OO-2026-000000." in browser.post(address, {**typed, "preview": "1"}).text
    assert TemplateVersion.objects.filter(purpose=PURPOSE).count() == 1
    browser.post(address, {**typed, "save": "1"})
    page = browser.get(f"{address}2/")
    assert "<ins>" in page.text
    assert "<del>" in page.text
    wrong = browser.post(address, {**typed, "body": "{name}", "save": "1"})
    assert "There is no {name} here." in wrong.text
    assert "Confirmation for tests" in browser.get("/letters/templates/").text


def test_only_the_security_officer_changes_a_template(client: Browser) -> None:
    client.force_login(make_user(AUDITOR))
    address = f"/letters/templates/{PURPOSE}/"
    assert "<textarea" not in client.get(address).text
    client.post(address, {"subject": "x", "body": "y", "save": "1"})
    assert not TemplateVersion.objects.filter(purpose=PURPOSE, number=2).exists()
    assert client.get("/letters/templates/no.such/").status_code == 404
