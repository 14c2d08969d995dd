"""The pages of an import: upload, columns, progress, result, incidents; and who may open which."""

import csv
import io
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import get_resolver, reverse
from django.utils import timezone

from clients.models import Client
from consumers.imports import report, runner, source, urls
from consumers.imports.incidents import of_case
from consumers.imports.models import ImportJob, ImportRow, SensitiveIncident
from portal.ledger.models import Leaf
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
    assert "it must be “Stopped” or “Failed”" in text_of(response)
    assert browser.get(page_of("act", job, "stop")).status_code == 405
    assert browser.post(page_of("act", job, "begin")).status_code == 404


# -------------------------------------------------------------------------------------------- result

MIXED = b"""rec_id,given_name,surname,email,street,postcode,state,soc_sec_id,=note
r-1,Alice,Archer,alice@example.com,1 Elm Street,02108,MA,5304218,fine
r-2,Bob,Baker,bob@example.com,2 Elm Street,02108,MA,5304219,card 4111 1111 1111 1111
,,,,3 Elm Street,02108,MA,,nobody
"""


def ran(browser: Browser, client: Client, content: bytes = MIXED) -> ImportJob:
    job = started(browser, client, content)
    assert runner.run_job(job, timezone.now)
    assert job.state == "finished"
    return job


def sale(browser: Browser, client: Client, customer: str) -> ImportJob:
    content = f"rec_id,date,amount\n{customer},2026-01-05,11.77\n".encode()
    job = uploaded(browser, client, content, kind="purchases")
    given = {"column-0": "external_id", "column-1": "date", "column-2": "amount"}
    given |= {"day_first": "no", "decimal_comma": "no", "country": "US", "currency": "USD"}
    assert browser.post(page_of("columns", job), given).status_code == 302
    assert runner.run_job(job, timezone.now)
    return ImportJob.objects.get(pk=job.pk)


def test_the_result_says_what_came_of_the_rows_and_why(browser: Browser, shop: Client) -> None:
    job = ran(browser, shop)
    assert (job.rows_read, job.accepted, job.refused) == (3, 1, 2)
    page = text_of(browser.get(page_of("job", job)))
    assert "Holds what looks like a payment card number" in page
    assert "Nothing in the row tells who it is about" in page
    assert "Social security numbers are never accepted." in page
    assert [i.reference in page for i in SensitiveIncident.objects.all()] == [True, True]
    assert "every 2s" not in page
    assert [value for value in (*VALUES, "4111", "nobody") if value in page] == []


def test_the_problem_rows_download_holds_codes_and_no_value(browser: Browser, shop: Client) -> None:
    job = ran(browser, shop)
    response: Any = browser.get(page_of("problems", job))
    assert response.streaming
    assert job.reference in response["Content-Disposition"]
    text = response.getvalue().decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][:4] == ["row", "outcome", "reason", "column"]
    assert [row[:3] for row in rows[1:]] == [
        ["2", "refused", "sensitive.card"],
        ["3", "refused", "no_identifier"],
    ]
    assert [value for value in (*VALUES, "4111", "Bob") if value in text] == []
    assert Leaf.objects.filter(verb="import.read_problems", object_id=job.pk).exists()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "\n", "\u00a0=", "\uff1d"])
def test_no_cell_of_the_download_begins_a_formula(
    browser: Browser, shop: Client, start: str
) -> None:
    job = ran(browser, shop)
    ImportRow.objects.filter(job=job, row_number=2).update(column=f"{start}HYPERLINK(1)")
    response: Any = browser.get(page_of("problems", job))
    (cell,) = [
        row[3] for row in csv.reader(io.StringIO(response.getvalue().decode(), newline=""))
        if row[0] == "2"
    ]  # fmt: skip
    assert cell == f"'{start}HYPERLINK(1)"


def test_the_quarantine_is_tried_again_once_the_customer_is_known(
    browser: Browser, shop: Client
) -> None:
    job = sale(browser, shop, "r-1")
    assert job.quarantined == 1
    page = text_of(browser.get(page_of("job", job)))
    assert "Try the quarantined rows again" in page
    assert "The customer is not known yet" in page
    early = browser.post(page_of("act", job, "release"), follow=True)
    assert "Import the customers first" in text_of(early)
    ran(browser, shop)
    browser.post(page_of("act", job, "release"))
    job.refresh_from_db()
    assert (job.quarantined, job.accepted) == (0, 1)
    page = text_of(browser.get(page_of("job", job)))
    assert "Try the quarantined rows again" not in page
    assert "The customer is not known yet" not in page


def test_a_failed_import_says_why_and_can_be_tried_again(browser: Browser, shop: Client) -> None:
    job = started(browser, shop)
    source.path_of(job).unlink()
    runner.run_job(job, timezone.now)
    page = text_of(browser.get(page_of("job", job)))
    assert "The sealed file is missing" in page
    assert page_of("act", job, "resume") in page
    assert ">Try again</button>" in page


def test_reasons_are_sentences_and_an_unknown_one_is_its_own_words() -> None:
    assert report.say("birthday.impossible") == "Date of birth is a day that does not exist"
    assert report.say("opt_in.sms.unknown") == "Opted in: sms is not known"
    assert report.say("something.quite_new") == "Something: quite new"


def test_large_numbers_are_shown_in_groups(browser: Browser, shop: Client) -> None:
    rows = "".join(f"r-{n}\n" for n in range(1_200)).encode()
    job = uploaded(browser, shop, b"rec_id\n" + rows)
    given = {"column-0": "external_id", "day_first": "no", "country": "US"}
    assert browser.post(page_of("columns", job), given).status_code == 302
    assert runner.run_job(job, timezone.now)
    assert "1,200 rows read" in text_of(browser.get(page_of("job", job)))


# ----------------------------------------------------------------------------------------- incidents


def incident_page(incident: SensitiveIncident) -> str:
    return reverse("admin:consumers_sensitiveincident_change", args=[incident.pk])


def test_an_incident_is_closed_by_saying_that_the_client_was_informed(
    browser: Browser, shop: Client, alice: User
) -> None:
    ran(browser, shop)
    incident = SensitiveIncident.objects.get(kind="card")
    url = incident_page(incident)
    assert "The client must be informed" in text_of(browser.get(url))
    assert "Tick the box" in text_of(browser.post(url))
    incident.refresh_from_db()
    assert incident.client_informed_at is None
    assert browser.post(url, {"confirmed": "on"}).status_code == 302
    incident.refresh_from_db()
    assert incident.client_informed_by == alice
    assert Leaf.objects.filter(verb="incident.inform", object_id=incident.pk).count() == 1
    again = browser.post(url, {"confirmed": "on"})
    assert "informed already" in text_of(again)


def test_the_start_page_says_which_clients_must_be_informed_and_what_failed(
    browser: Browser, shop: Client
) -> None:
    assert "must be told" not in text_of(browser.get(reverse("admin:index")))
    ran(browser, shop)
    failed = started(browser, shop)
    source.path_of(failed).unlink()
    runner.run_job(failed, timezone.now)
    page = text_of(browser.get(reverse("admin:index")))
    assert "Clients must be told that they sent sensitive data" in page
    assert "Imports failed" in page
    other = logged_in(make_user(ACCOUNT_MANAGER, username="bob"))
    assert "must be told" not in text_of(other.get(reverse("admin:index")))


def test_the_lists_are_filtered_by_what_is_to_be_done(browser: Browser, shop: Client) -> None:
    job = ran(browser, shop)
    first, second = SensitiveIncident.objects.all()
    browser.post(incident_page(first), {"confirmed": "on"}, follow=True)
    url = reverse("admin:consumers_sensitiveincident_changelist")
    todo, done = (text_of(browser.get(url, {"informed": answer})) for answer in ("no", "yes"))
    assert (second.reference in todo, first.reference in todo) == (True, False)
    assert (second.reference in done, first.reference in done) == (False, True)
    jobs = reverse("admin:consumers_importjob_changelist")
    assert job.reference in text_of(browser.get(jobs, {"state": "finished"}))
    assert job.reference not in text_of(browser.get(jobs, {"state": "failed"}))


def test_the_case_page_shows_the_outcomes_and_leads_to_the_import(
    browser: Browser, shop: Client
) -> None:
    job = ran(browser, shop)
    page = text_of(browser.get(reverse("admin:consumers_importjob_change", args=[job.pk])))
    assert page_of("job", job) in page
    assert "3 rows read" in page
    assert "<strong>Load</strong>" in page
    assert "None of its rows is in quarantine." in page


# ------------------------------------------------------------------------------------------ who may


def addresses(job: ImportJob) -> dict[str, str]:
    """Every page of an import, by its name."""
    verbs_there = ("stop", "resume", "cancel", "release")
    case = "admin:consumers_importjob"
    return {
        **{name: page_of(name, job) for name in ("job", "progress", "columns", "problems")},
        **{f"act {verb}": page_of("act", job, verb) for verb in verbs_there},
        **{f"verb {verb}": reverse(f"{case}_verb", args=[job.pk, verb]) for verb in verbs_there},
        **{
            name: reverse(f"{case}_{name}", args=[job.pk])
            for name in ("change", "history", "delete")
        },
        **{
            f"incident {name} {incident.kind}": reverse(
                f"admin:consumers_sensitiveincident_{name}", args=[incident.pk]
            )
            for incident in of_case(job)
            for name in ("change", "history", "delete")
        },
    }


def test_the_addresses_that_are_tried_are_all_that_there_are(
    browser: Browser, shop: Client
) -> None:
    """A page that is added must be tried below too."""
    named = {pattern.name for pattern in urls.urlpatterns}
    assert named == {"upload", "job", "progress", "columns", "problems", "act"}
    resolver = get_resolver().namespace_dict["admin"][1]
    found = {
        str(name).split("_", 2)[2]
        for name in resolver.reverse_dict
        if str(name).startswith(("consumers_importjob_", "consumers_sensitiveincident_"))
    }
    assert found == {"changelist", "add", "change", "history", "delete", "verb", "file"}


def test_another_clients_import_does_not_exist(browser: Browser, shop: Client) -> None:
    for job in (ran(browser, shop), started(browser, shop), uploaded(browser, shop)):
        stranger = logged_in(make_user(ACCOUNT_MANAGER))
        state = job.state
        for name, url in addresses(job).items():
            for answer in (stranger.get(url), stranger.post(url, CHOSEN | {"confirmed": "on"})):
                assert answer.status_code in _hidden(name), (name, answer.status_code)
                assert job.reference not in text_of(answer), name
        job.refresh_from_db()
        assert job.state == state
    assert not SensitiveIncident.objects.filter(client_informed_at__isnull=False).exists()


def _hidden(name: str) -> tuple[int, ...]:
    """404, also where the method would not do; the stock admin leads a lost page back to the start."""
    if name.startswith("act") or name in ("job", "progress", "problems"):
        return (404, 405)
    return (302, 403) if "history" in name or "delete" in name else (404,)


def test_another_clients_import_is_on_no_list(browser: Browser, shop: Client) -> None:
    job = ran(browser, shop)
    stranger = logged_in(make_user(ACCOUNT_MANAGER))
    for route in ("importjob", "sensitiveincident"):
        url = reverse(f"admin:consumers_{route}_changelist")
        assert job.reference in text_of(browser.get(url))
        assert job.reference not in text_of(stranger.get(url))
    assert job.reference not in text_of(stranger.get(reverse("imports:upload")))


def test_an_auditor_reads_and_changes_nothing(browser: Browser, shop: Client) -> None:
    done, queued, fresh = ran(browser, shop), started(browser, shop), uploaded(browser, shop)
    auditor = logged_in(make_user(AUDITOR))
    for job in (done, queued, fresh):
        assert auditor.get(page_of("job", job)).status_code == 200
        assert auditor.get(page_of("progress", job), {"state": job.state}).status_code == 200
        assert auditor.get(page_of("problems", job)).status_code == 200
        assert auditor.get(page_of("columns", job)).status_code == 403
        assert page_of("act", job, "stop") not in text_of(auditor.get(page_of("job", job)))
        for name, url in addresses(job).items():
            answer = auditor.post(url, CHOSEN | {"confirmed": "on"})
            answers: tuple[int, ...] = (403, 405)
            if name.startswith(("verb", "change", "history", "incident history")):
                answers = (200, 302, 403)  # a page that only says so, or only shows
            assert answer.status_code in answers, name
        state = job.state
        job.refresh_from_db()
        assert job.state == state
    assert not SensitiveIncident.objects.filter(client_informed_at__isnull=False).exists()


@pytest.mark.parametrize("role", [DISPUTE_STAFF, ADMINISTRATOR])
def test_whoever_has_no_part_in_imports_sees_none(
    browser: Browser, shop: Client, role: str
) -> None:
    job, outsider = ran(browser, shop), logged_in(make_user(role))
    for name, url in addresses(job).items():
        for answer in (outsider.get(url), outsider.post(url)):
            allowed = (302, 403) if "history" in name or "delete" in name else (403, 404, 405)
            assert answer.status_code in allowed, name
            assert job.reference not in text_of(answer), name
    for name in ("job", "progress", "problems", "columns"):
        assert outsider.get(page_of(name, job)).status_code == 403


def test_a_stranger_is_asked_to_log_in(browser: Browser, shop: Client) -> None:
    job = ran(browser, shop)
    for name, url in addresses(job).items():
        answer = Browser().get(url)
        if name == "progress":
            assert answer["HX-Refresh"] == "true"
        else:
            assert answer.status_code in (302, 405), name
        assert job.reference not in text_of(answer)


def test_neither_the_files_name_nor_a_value_is_in_a_log_line(
    browser: Browser, shop: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    job = ran(browser, shop)
    browser.get(page_of("job", job))
    logged = " ".join(
        f"{record.getMessage()} {record.exc_info or ''}"
        for record in caplog.records
        # The database's own lines are written in debugging only, and never with parameters.
        if not record.name.startswith(("django.db", "psycopg"))
    )
    assert [value for value in (*VALUES, FILE_NAME, "4111") if value in logged] == []
