"""The pages of an erasure of many: upload, columns, progress, rows, report, settling; and who may open which."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.models import Client, Instruction
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from requests.erasures import preview, subjects
from requests.erasures.models import Erasure
from tests.erasures import intake
from tests.factories import make_client, make_instruction, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

FILE_NAME = "alice-archer.csv"
VALUES = (
    "lice@",
    "nobody@",
    "cust-0",
    "cust-9",
    "Cooper",
    "Alise",
    "Harbor Street",
    "Mill Lane",
    "5550102",
    "123-45",
)
CHOSEN = {
    "column-0": "external_id",
    "column-1": "email",
    "column-2": "telephone",
    "column-3": "given_name",
    "column-4": "surname",
    "column-5": "street",
    "column-6": "locality",
    "column-7": "postcode",
    "day_first": "no",
    "country": "us",
}


@pytest.fixture
def now() -> datetime:
    """The pages act at the present moment."""
    return timezone.now()


@pytest.fixture
def client_(now: datetime) -> Client:
    return intake.make_ready(now)


@pytest.fixture
def manager(client_: Client) -> Browser:
    return logged_in(intake.manager_of(client_))


def logged_in(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def text_of(response: Any) -> str:
    text: str = response.content.decode()
    return text


def case_page(erasure: Erasure) -> str:
    return reverse("admin:requests_erasure_change", args=[erasure.pk])


def page_of(name: str, erasure: Erasure) -> str:
    return reverse(f"erasures:{name}", args=[erasure.pk])


def verb_page(name: str, erasure: Erasure) -> str:
    return reverse("admin:requests_erasure_verb", args=[erasure.pk, name])


def upload(browser: Browser, client: Client, given: bytes, **changed: Any) -> Any:
    file = io.BytesIO(given)
    file.name = FILE_NAME
    instruction = changed.pop("instruction", None) or make_instruction(
        client, Instruction.Kind.ERASURE, now=timezone.now()
    )
    fields = {
        "instruction": instruction.pk,
        "channel": "email",
        "received_at": (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
        "file": file,
    } | changed
    return browser.post(reverse("erasures:log_file_for", args=[client.pk]), fields)


def uploaded(browser: Browser, client: Client, given: bytes) -> Erasure:
    response = upload(browser, client, given)
    assert response.status_code == 302, text_of(response)
    return Erasure.objects.latest("logged_at")


def read(browser: Browser, client: Client, now: datetime) -> Erasure:
    erasure = uploaded(browser, client, intake.content(*intake.ROWS))
    assert browser.post(page_of("columns", erasure), CHOSEN).status_code == 302
    work(erasure)
    return erasure


def work(erasure: Erasure) -> None:
    """Let a worker do what is due by now."""
    intake.run(erasure, timezone.now() + timedelta(seconds=1))


def values_in(page: str) -> list[str]:
    return [value for value in VALUES if value in page]


# ------------------------------------------------------------------------------------ upload, columns


def test_an_upload_leads_to_its_columns_shown_by_their_shape(
    manager: Browser, client_: Client
) -> None:
    response = upload(manager, client_, intake.content(*intake.ROWS))
    erasure = Erasure.objects.get()
    assert response["Location"] == page_of("columns", erasure)
    assert erasure.state == "uploaded"
    page = text_of(manager.get(response["Location"]))
    assert "xxxxx@xxxxxxx.xxx" in page
    assert "Social security numbers are never accepted." in page
    assert FILE_NAME in page
    assert values_in(page) == []


def test_what_the_columns_mean_is_posted_and_the_case_page_leads_to_the_rows(
    manager: Browser, client_: Client, now: datetime
) -> None:
    erasure = uploaded(manager, client_, intake.content(*intake.ROWS))
    assert page_of("columns", erasure) in text_of(manager.get(case_page(erasure)))
    wrong = manager.post(page_of("columns", erasure), {"day_first": "no", "country": "us"})
    assert wrong.status_code == 422
    assert "so that people can be told apart" in text_of(wrong)
    response = manager.post(page_of("columns", erasure), CHOSEN)
    assert response["Location"] == case_page(erasure)
    assert "Waiting for a worker" in text_of(manager.get(case_page(erasure)))
    assert manager.get(page_of("columns", erasure))["Location"] == case_page(erasure)
    work(erasure)
    page = text_of(manager.get(case_page(erasure)))
    assert "13 rows read" in page
    assert "every 2s" not in page
    assert page_of("row_report", erasure) in page
    assert values_in(page) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b"", "The file is empty"),
        (b"a,b\x00\n1,2\n", "NUL bytes"),
        (b"alice@example.com,Alice\nbob@example.com,Bob\n", "looks like data"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(
    manager: Browser, client_: Client, given: bytes, sentence: str
) -> None:
    response = upload(manager, client_, given)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert "alice@example.com" not in text_of(response)
    assert not Erasure.objects.exists()


def test_another_encoding_can_be_chosen(manager: Browser, client_: Client) -> None:
    erasure = uploaded(manager, client_, "email,name\nalice@example.com,Zoë\n".encode("latin-1"))
    page = manager.get(page_of("columns", erasure))
    assert page.status_code == 422
    assert "Read it as" in text_of(page)
    url = page_of("columns", erasure) + "?encoding=latin-1"
    assert manager.get(url).status_code == 200
    chosen = {"column-0": "email", "day_first": "no", "country": "us"}
    assert manager.post(url, chosen).status_code == 302


def test_only_instructions_to_erase_of_this_client_that_are_in_force_are_taken(
    manager: Browser, client_: Client, now: datetime
) -> None:
    other = make_instruction(make_client(now=now), Instruction.Kind.ERASURE, now=now)
    for wrong in (other, make_instruction(client_, now=now)):
        response = upload(manager, client_, intake.many(1), instruction=wrong)
        assert response.status_code == 422
    assert not Erasure.objects.exists()


def test_the_very_same_file_is_recognised(manager: Browser, client_: Client, now: datetime) -> None:
    first = read(manager, client_, now)
    second = uploaded(manager, client_, intake.content(*intake.ROWS))
    assert f"read before, for {first.reference}" in text_of(manager.get(page_of("columns", second)))


# ------------------------------------------------------------------------------------ watching, acting


def test_the_moving_part_asks_for_the_whole_page_once_it_rests(
    manager: Browser, client_: Client, now: datetime
) -> None:
    erasure = uploaded(manager, client_, intake.content(*intake.ROWS))
    manager.post(page_of("columns", erasure), CHOSEN)
    moving = manager.get(page_of("reading", erasure))
    assert "every 2s" in text_of(moving)
    assert "<html" not in text_of(moving)
    work(erasure)
    assert manager.get(page_of("reading", erasure))["HX-Refresh"] == "true"
    assert Browser().get(page_of("reading", erasure))["HX-Refresh"] == "true"


def test_a_reading_is_stopped_resumed_and_discarded_by_button(
    manager: Browser, client_: Client
) -> None:
    erasure = uploaded(manager, client_, intake.content(*intake.ROWS))
    manager.post(page_of("columns", erasure), CHOSEN)
    assert "being read already" in text_of(manager.get(verb_page("resume", erasure)))
    assert manager.post(verb_page("stop", erasure)).status_code == 302
    page = text_of(manager.get(case_page(erasure)))
    assert "Stopped" in page
    assert "every 2s" not in page
    assert manager.post(verb_page("resume", erasure)).status_code == 302
    assert "every 2s" in text_of(manager.get(case_page(erasure)))
    assert manager.post(verb_page("discard", erasure)).status_code == 302
    erasure.refresh_from_db()
    assert erasure.state == "discarded"


def test_a_case_without_a_file_has_no_buttons_for_one(
    manager: Browser, client_: Client, now: datetime
) -> None:
    from consumers.profile import Profile
    from requests.erasures.verbs import log_erasure

    erasure = log_erasure(
        client=client_,
        instruction=make_instruction(client_, Instruction.Kind.ERASURE, now=now),
        people=[Profile(email="alice@example.com")],
        channel="email",
        received_at=now,
        by=intake.manager_of(client_),
        now=now,
    )
    page = text_of(manager.get(case_page(erasure)))
    assert "Match again" in page
    assert "reading" not in page.lower()
    assert manager.get(page_of("rows", erasure)).status_code == 200


def test_a_fault_is_said_on_the_case(manager: Browser, client_: Client, now: datetime) -> None:
    erasure = uploaded(manager, client_, intake.content(*intake.ROWS))
    manager.post(page_of("columns", erasure), CHOSEN)
    Erasure.objects.filter(pk=erasure.pk).update(work_due=False, last_fault="not_in_effect")
    page = text_of(manager.get(case_page(erasure)))
    assert "Resume once it is again" in page
    assert "approval was taken back" not in page


# ------------------------------------------------------------------------------------- rows and report


def test_the_rows_are_paged_and_chosen_by_their_outcome(
    manager: Browser, client_: Client, now: datetime
) -> None:
    intake.load_many(client_, 250, now)
    erasure = uploaded(manager, client_, intake.many(250) + b"nobody@example.com\n")
    chosen = {"column-0": "email", "day_first": "no", "country": "us"}
    manager.post(page_of("columns", erasure), chosen)
    work(erasure)
    url, numbers = page_of("rows", erasure), []
    while url:
        response = manager.get(url)
        numbers += [row.row_number for row, _, _ in response.context["rows"]]
        after = response.context["next"]
        url = f"{page_of('rows', erasure)}?after={after}" if after else ""
    assert numbers == list(range(1, 252))
    nobody = manager.get(page_of("rows", erasure) + "?outcome=nobody")
    assert [row.row_number for row, _, _ in nobody.context["rows"]] == [251]
    for odd in ("?outcome=elephant", "?after=-3", "?after=" + "9" * 40):
        assert manager.get(page_of("rows", erasure) + odd).status_code == 200


def test_the_report_has_every_row_with_its_outcome_and_no_value(
    manager: Browser, client_: Client, now: datetime
) -> None:
    erasure = read(manager, client_, now)
    response: Any = manager.get(page_of("row_report", erasure))
    assert response["Content-Disposition"] == f'attachment; filename="{erasure.reference}-rows.csv"'
    text = b"".join(response.streaming_content).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["row", "outcome", "reason", "in words"]
    assert len(rows) == 1 + len(intake.ROWS)
    assert rows[1] == ["1", "matched", "", ""]
    assert rows[4][:2] == ["4", "repeated"]
    assert rows[7] == ["7", "refused", "email.syntax", "E-mail cannot be read"]
    assert rows[10][1:3] == ["refused", "sensitive.card"]
    assert values_in(text) == []
    assert Leaf.objects.filter(verb="erasure.read_report", object_id=erasure.pk).count() == 1


# ------------------------------------------------------------------------------------------ settling


def ambiguous(browser: Browser, client: Client, *rows: str) -> Erasure:
    erasure = uploaded(browser, client, intake.content(*rows))
    assert browser.post(page_of("columns", erasure), CHOSEN).status_code == 302
    work(erasure)
    assert erasure.state == "ambiguous"
    return erasure


LIKE_ALICE = ";;;Alise;Archer;12 Harbor Street;Boston;02210;"
LIKE_CHARLIE = ";;;Charly;Cooper;7 Mill Lane;Salem;01970;"


def test_the_row_that_was_chosen_is_settled_and_the_next_one_follows(
    manager: Browser, client_: Client
) -> None:
    erasure = ambiguous(manager, client_, LIKE_ALICE, LIKE_CHARLIE, LIKE_ALICE)
    url = verb_page("resolve", erasure)
    assert f'{url}?row=2"' in text_of(manager.get(page_of("rows", erasure)))
    page = manager.get(url, {"row": "2"})
    assert "Row 2 says: C******, C******" in text_of(page)
    second = erasure.subjects.get(row_number=2)
    charlie = str(second.candidates[0])
    answer = manager.post(f"{url}?row=2", {"subject": second.pk, "consumer": charlie})
    assert answer["Location"] == url
    assert "Row 1 says" in text_of(manager.get(url))
    again = manager.post(f"{url}?row=2", {"subject": second.pk, "consumer": charlie})
    assert "settled already" in text_of(again)
    for number in (1, 3):
        row = erasure.subjects.get(row_number=number)
        answer = manager.post(url, {"subject": row.pk, "consumer": row.candidates[0]})
    assert answer["Location"] == case_page(erasure)
    assert [how for _, how, _ in intake.rows_of(erasure)] == ["one", "one", "repeated"]
    for odd in ("nonsense", str(client_.pk), ""):
        assert manager.post(url, {"subject": odd, "consumer": charlie}).status_code == 200


def test_the_rest_of_the_ambiguous_rows_is_left_out_at_once(
    manager: Browser, client_: Client, now: datetime
) -> None:
    erasure = read(manager, client_, now)
    assert manager.post(verb_page("leave_out", erasure)).status_code == 302
    erasure.refresh_from_db()
    assert erasure.state == "matched"
    rows = subjects.tally(erasure)
    assert (rows["ambiguous"], rows["left_out"]) == (0, 1)
    (leaf,) = Leaf.objects.filter(verb="erasure.leave_out", object_id=erasure.pk)
    assert leaf.counts == {"rows": 1}


def test_the_officer_previews_all_who_were_matched_and_approves(
    manager: Browser, client_: Client, now: datetime
) -> None:
    erasure = read(manager, client_, now)
    manager.post(verb_page("leave_out", erasure))
    officer = logged_in(make_user(SECURITY_OFFICER))
    page = officer.get(verb_page("approve", erasure))
    lines = {(line.table, line.field): line.rows for line in page.context["lines"]}
    assert lines[("consumer", "sealed")] == 3
    assert lines[("purchase", "sealed")] == 6
    answer = officer.post(
        verb_page("approve", erasure),
        {
            "confirmation": erasure.reference,
            "read": page.context["form"].fields["read"].widget.format_value(None),
        },
    )
    assert answer.status_code == 302, text_of(answer)
    erasure.refresh_from_db()
    assert erasure.state == "approved"


def test_a_large_case_leads_to_its_preview_on_a_page_of_its_own(
    manager: Browser, client_: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasure = read(manager, client_, now)
    manager.post(verb_page("leave_out", erasure))
    assert "What will be erased" in text_of(manager.get(case_page(erasure)))
    assert page_of("preview", erasure) not in text_of(manager.get(case_page(erasure)))
    monkeypatch.setattr(preview, "LARGE", 2)
    page = manager.get(case_page(erasure))
    assert page_of("preview", erasure) in text_of(page)
    assert "lines" not in page.context
    lines = manager.get(page_of("preview", erasure)).context["lines"]
    assert {line.rows for line in lines if line.table == "consumer"} == {3}


# ------------------------------------------------------------------------------------------- who may


def addresses(erasure: Erasure) -> list[str]:
    """Every page of an erasure of many."""
    return [
        case_page(erasure),
        reverse("erasures:log_file_for", args=[erasure.client_id]),
        *(
            page_of(name, erasure)
            for name in ("columns", "reading", "rows", "row_report", "preview")
        ),
        *(
            verb_page(name, erasure)
            for name in ("stop", "resume", "discard", "leave_out", "resolve")
        ),
    ]


def test_another_clients_account_manager_finds_nothing_at_any_address(
    manager: Browser, client_: Client, now: datetime
) -> None:
    stranger = make_user(ACCOUNT_MANAGER)
    make_client(managers=[stranger], now=now)
    browser = logged_in(stranger)
    erasure = read(manager, client_, now)
    for url in addresses(erasure):
        assert browser.get(url).status_code == 404, url
    for url in addresses(erasure):
        assert browser.post(url).status_code in (404, 405), url
    assert upload(browser, client_, intake.many(1)).status_code == 404
    assert Erasure.objects.count() == 1


def test_an_auditor_reads_and_changes_nothing(
    manager: Browser, client_: Client, now: datetime
) -> None:
    auditor = logged_in(make_user(AUDITOR))
    erasure = read(manager, client_, now)
    for name in ("rows", "row_report"):
        assert auditor.get(page_of(name, erasure)).status_code == 200
    assert "Settle among" not in text_of(auditor.get(page_of("rows", erasure)))
    for url in (page_of("columns", erasure), reverse("erasures:log_file")):
        assert auditor.get(url).status_code == 403
    assert upload(auditor, client_, intake.many(1)).status_code == 403
    for name in ("stop", "resume", "discard", "leave_out", "resolve"):
        auditor.post(verb_page(name, erasure))
    erasure.refresh_from_db()
    assert erasure.state == "ambiguous"


@pytest.mark.parametrize("role", [DISPUTE_STAFF, ADMINISTRATOR])
def test_whoever_has_no_part_in_erasures_sees_none(
    role: str, manager: Browser, client_: Client, now: datetime
) -> None:
    browser = logged_in(make_user(role))
    erasure = read(manager, client_, now)
    for url in addresses(erasure):
        assert browser.get(url).status_code in (403, 404), url
    assert upload(browser, client_, intake.many(1)).status_code == 403


def test_whose_file_it_is_is_chosen_among_the_own_clients(
    manager: Browser, client_: Client, now: datetime
) -> None:
    url = reverse("erasures:log_file")
    assert manager.get(url)["Location"] == reverse("erasures:log_file_for", args=[client_.pk])
    make_client("Elsewhere", now=now)
    page = text_of(logged_in(make_user(SECURITY_OFFICER)).get(url))
    assert "Elsewhere" in page
    assert reverse("erasures:log_file_for", args=[client_.pk]) in page


def test_the_start_page_says_which_files_wait(manager: Browser, client_: Client) -> None:
    index = reverse("admin:index")
    assert "wait to be told what their columns mean" not in text_of(manager.get(index))
    uploaded(manager, client_, intake.many(1))
    assert "Files of erasures wait to be told" in text_of(manager.get(index))
