"""The pages of an import: upload, columns, progress, result, incidents; and who may open which."""

import io
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.models import Client
from consumers.imports.models import ImportJob
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

PEOPLE = b"""rec_id,given_name,surname,email,street,postcode,state,soc_sec_id
r-1,Alice,Archer,alice@example.com,1 Elm Street,02108,MA,5304218
r-2,Bob,Baker,bob@example.com,2 Elm Street,02108,MA,5304219
"""
VALUES = ("Archer", "alice@example.com", "5304218", "Elm Street")
FILE_NAME = "alice-archer.csv"
CHOSEN = {
    "column-0": "external_id",
    "column-1": "given_name",
    "column-2": "surname",
    "column-3": "email",
    "column-4": "street",
    "column-5": "postcode",
    "column-6": "region",
    "day_first": "no",
    "country": "us",
}


@pytest.fixture
def alice() -> User:
    return make_user(ACCOUNT_MANAGER, username="alice")


@pytest.fixture
def shop(alice: User) -> Client:
    now = timezone.now()
    client = make_client("Shop", managers=[alice], now=now)
    make_instruction(client, now=now)
    return client


@pytest.fixture
def browser(alice: User) -> Browser:
    return logged_in(alice)


def logged_in(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def text_of(response: Any) -> str:
    text: str = response.content.decode()
    return text


def page_of(name: str, job: ImportJob, *more: str) -> str:
    return reverse(f"imports:{name}", args=[job.pk, *more])


def upload(browser: Browser, client: Client, content: bytes = PEOPLE, **changed: Any) -> Any:
    file = io.BytesIO(content)
    file.name = FILE_NAME
    given = {"client": client.pk, "kind": "consumers", "file": file} | changed
    return browser.post(reverse("imports:upload"), given)


def uploaded(
    browser: Browser, client: Client, content: bytes = PEOPLE, **changed: Any
) -> ImportJob:
    response = upload(browser, client, content, **changed)
    assert response.status_code == 302, text_of(response)
    return ImportJob.objects.latest("logged_at")


def started(browser: Browser, client: Client, content: bytes = PEOPLE) -> ImportJob:
    job = uploaded(browser, client, content)
    response = browser.post(page_of("columns", job), CHOSEN)
    assert response.status_code == 302, text_of(response)
    return ImportJob.objects.get(pk=job.pk)


# -------------------------------------------------------------------------------------------- upload


def test_an_upload_leads_to_its_columns(browser: Browser, shop: Client) -> None:
    response = upload(browser, shop)
    job = ImportJob.objects.get()
    assert response["Location"] == page_of("columns", job)
    assert (job.client, job.kind, job.state) == (shop, "consumers", "uploaded")


def test_only_own_clients_that_have_not_ended_are_offered_and_taken(
    browser: Browser, shop: Client
) -> None:
    other = make_client("Elsewhere")
    assert "Elsewhere" not in text_of(browser.get(reverse("imports:upload")))
    response = upload(browser, other)
    assert response.status_code == 422
    assert "Elsewhere" not in text_of(response)
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"a,b\x00\n1,2\n", "NUL bytes"),
        (b"1,2,3\n4,5,6\n", "Begin with the column names"),
        (b"alice@example.com,Alice\nbob@example.com,Bob\n", "looks like data"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(
    browser: Browser, shop: Client, content: bytes, sentence: str
) -> None:
    response = upload(browser, shop, content)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert "alice@example.com" not in text_of(response)
    assert not ImportJob.objects.exists()


def test_the_upload_page_needs_its_role(shop: Client) -> None:
    for role in (AUDITOR, DISPUTE_STAFF, ADMINISTRATOR):
        assert logged_in(make_user(role)).get(reverse("imports:upload")).status_code == 403
    assert logged_in(make_user(SECURITY_OFFICER)).get(reverse("imports:upload")).status_code == 200
    assert Browser().get(reverse("imports:upload")).status_code == 302


# ------------------------------------------------------------------------------------------- columns


def test_columns_are_shown_by_their_shape_and_never_by_a_value(
    browser: Browser, shop: Client
) -> None:
    page = text_of(browser.get(page_of("columns", uploaded(browser, shop))))
    assert "xxxxx@xxxxxxx.xxx" in page
    assert FILE_NAME in page
    assert [value for value in VALUES if value in page] == []


def test_a_refused_column_is_shown_with_its_reason_and_cannot_be_chosen(
    browser: Browser, shop: Client
) -> None:
    job = uploaded(browser, shop)
    page = text_of(browser.get(page_of("columns", job)))
    assert "soc_sec_id" in page
    assert "Social security numbers are never accepted." in page
    assert 'name="column-7"' not in page
    browser.post(page_of("columns", job), CHOSEN | {"column-7": "external_id", "column-0": ""})
    job.refresh_from_db()
    assert "soc_sec_id" not in job.mapping["columns"]


def test_the_chosen_mapping_starts_the_import(browser: Browser, shop: Client) -> None:
    job = started(browser, shop)
    assert job.state == "queued"
    assert job.mapping["columns"]["rec_id"] == "external_id"
    assert job.mapping["country"] == "US"
    assert browser.get(page_of("columns", job))["Location"] == page_of("job", job)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"column-1": "surname"}, "More than one column is mapped to surname."),
        ({"column-0": "", "column-3": "", "column-2": ""}, "so that people can be told apart"),
        ({"country": "zz"}, "no ISO code of two letters"),
        ({"column-0": "nonsense"}, "Select a valid choice"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_explained(
    browser: Browser, shop: Client, changed: dict[str, str], sentence: str
) -> None:
    job = uploaded(browser, shop)
    response = browser.post(page_of("columns", job), CHOSEN | changed)
    assert response.status_code == 422
    assert sentence in text_of(response)
    job.refresh_from_db()
    assert job.state == "uploaded"


def test_a_column_can_be_kept_as_a_demographic_of_its_name(browser: Browser, shop: Client) -> None:
    job = uploaded(browser, shop, b"id,Job Title\n1,baker\n")
    page = text_of(browser.get(page_of("columns", job)))
    assert "Demographic: job_title" in page
    given = {"column-0": "external_id", "column-1": "demographics.job_title"}
    browser.post(page_of("columns", job), given | {"day_first": "yes", "country": "GB"})
    job.refresh_from_db()
    assert job.mapping["columns"]["Job Title"] == "demographics.job_title"
    assert (job.mapping["day_first"], job.mapping["country"]) == (True, "GB")


def test_money_is_asked_about_for_purchases_only(browser: Browser, shop: Client) -> None:
    people = uploaded(browser, shop)
    sales = uploaded(browser, shop, b"id,date,amount\n1,2026-01-05,11.77\n", kind="purchases")
    assert 'name="currency"' not in text_of(browser.get(page_of("columns", people)))
    assert 'name="currency"' in text_of(browser.get(page_of("columns", sales)))
    given = {"column-0": "external_id", "column-1": "date", "column-2": "amount"}
    given |= {"day_first": "no", "decimal_comma": "yes", "country": "US", "currency": "eur"}
    browser.post(page_of("columns", sales), given)
    sales.refresh_from_db()
    assert (sales.mapping["currency"], sales.mapping["decimal_comma"]) == ("EUR", True)


def test_a_mapping_is_proposed_again_for_the_next_file(browser: Browser, shop: Client) -> None:
    started(browser, shop)
    page = text_of(browser.get(page_of("columns", uploaded(browser, shop))))
    assert "As it was confirmed for this client" in page


def test_a_file_in_another_encoding_is_read_once_it_is_named(
    browser: Browser, shop: Client
) -> None:
    job = uploaded(browser, shop, "id,surname\n1,Müller\n".encode("latin-1"))
    url = page_of("columns", job)
    refused = browser.get(url)
    assert refused.status_code == 422
    assert '<option value="latin-1">' in text_of(refused)
    assert browser.get(url, {"encoding": "latin-1"}).status_code == 200
    given = {"column-0": "external_id", "column-1": "surname", "day_first": "no", "country": "DE"}
    assert browser.post(f"{url}?encoding=latin-1", given).status_code == 302
    job.refresh_from_db()
    assert job.mapping["encoding"] == "latin-1"


def test_without_an_instruction_in_force_the_page_says_what_to_do(
    browser: Browser, alice: User
) -> None:
    bare = make_client("Bare", managers=[alice], now=timezone.now())
    job = uploaded(browser, bare)
    response = browser.post(page_of("columns", job), CHOSEN)
    assert response.status_code == 422
    assert "no instruction to process" in text_of(response)


# ------------------------------------------------------------------------------------------ progress


def test_the_page_of_a_running_import_asks_every_two_seconds(
    browser: Browser, shop: Client
) -> None:
    job = started(browser, shop)
    page = text_of(browser.get(page_of("job", job)))
    assert 'hx-trigger="every 2s"' in page
    assert f"{page_of('progress', job)}?state=queued" in page
    assert "<progress" in page
    assert "Load anew" in page


def test_the_part_that_moves_loads_the_page_anew_when_the_state_has_changed(
    browser: Browser, shop: Client
) -> None:
    job = started(browser, shop)
    same = browser.get(page_of("progress", job), {"state": "queued"})
    assert 'hx-trigger="every 2s"' in text_of(same)
    changed = browser.get(page_of("progress", job), {"state": "running"})
    assert changed["HX-Refresh"] == "true"
    assert Browser().get(page_of("progress", job))["HX-Refresh"] == "true"


def test_an_import_is_stopped_resumed_and_cancelled_by_buttons(
    browser: Browser, shop: Client
) -> None:
    job = started(browser, shop)
    for verb, state in (("stop", "stopped"), ("resume", "queued"), ("stop", "stopped")):
        assert page_of("act", job, verb) in text_of(browser.get(page_of("job", job)))
        assert browser.post(page_of("act", job, verb)).status_code == 302
        job.refresh_from_db()
        assert job.state == state
    page = text_of(browser.get(page_of("job", job)))
    assert "every 2s" not in page
    browser.post(page_of("act", job, "cancel"))
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert page_of("act", job, "resume") not in text_of(browser.get(page_of("job", job)))


def test_what_the_state_does_not_permit_is_said(browser: Browser, shop: Client) -> None:
    job = started(browser, shop)
    response = browser.post(page_of("act", job, "resume"), follow=True)
    assert "it must be stopped or failed" in text_of(response)
    assert browser.get(page_of("act", job, "stop")).status_code == 405
    assert browser.post(page_of("act", job, "begin")).status_code == 404
