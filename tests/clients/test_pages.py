"""The work of setting clients up and logging instructions, done on the pages."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.drops import plan_drop
from clients.instructions import verbs as instructions
from clients.models import Brand, Client, ClientContact, Instruction, MailDrop
from portal import vault
from portal.cases import files, thread
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, SECURITY_OFFICER
from tests.factories import log_instruction, make_client, make_instruction, make_user, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

SHOP: dict[str, Any] = {
    "name": "Shop",
    "code": "shop",
    "regions": ["us", "eea"],
    "lawful_bases": ["consent"],
    "purposes": ["catalogs"],
    "data_categories": ["name"],
    "default_country": "US",
    "time_zone": "America/New_York",
    "recall_hours": 24,
    "processing_days": 10,
}
PARTS = ("assignments", "contacts", "brands", "mail_drops")


def logged_in(*roles: str, user: User | None = None) -> Browser:
    browser = Browser()
    browser.force_login(user or make_user(*roles))
    return browser


def parts(client: Client, **rows: dict[str, Any]) -> dict[str, Any]:
    """The inlines of the client's page as a browser posts them, with one new row each where given."""
    posted: dict[str, Any] = {}
    for part in PARTS:
        kept = [] if part == "mail_drops" else list(getattr(client, part).all())
        row = rows.get(part)
        posted[f"{part}-INITIAL_FORMS"] = len(kept)
        posted[f"{part}-TOTAL_FORMS"] = len(kept) + (row is not None)
        for number, one in enumerate(kept):
            posted[f"{part}-{number}-id"] = one.pk
            posted[f"{part}-{number}-client"] = client.pk
            if isinstance(one, ClientContact | Brand):
                posted[f"{part}-{number}-name"] = one.name
            if isinstance(one, ClientContact):
                posted[f"{part}-{number}-may_instruct"] = "on"
                posted[f"{part}-{number}-email"] = one.email
        for name, value in (row or {}).items():
            posted[f"{part}-{len(kept)}-{name}"] = value
    return posted


def text_of(response: Any) -> str:
    text: str = response.content.decode()
    return text


# --------------------------------------------------------------------------------------------- clients


def test_an_administrator_sets_a_client_up_and_gives_it_to_an_account_manager() -> None:
    browser = logged_in(ADMINISTRATOR)
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    assert browser.post(reverse("admin:clients_client_add"), SHOP).status_code == 302
    client = Client.objects.get(code="shop")
    assert vault.allocate(client.pk, 1)
    posted = SHOP | parts(
        client,
        assignments={"user": bob.pk},
        contacts={"name": "Charlie", "email": "charlie@example.com", "may_instruct": "on"},
        brands={"name": "Shop Home"},
    )
    url = reverse("admin:clients_client_change", args=[client.pk])
    response = browser.post(url, posted | {"recall_hours": 48})
    assert response.status_code == 302, text_of(response)
    client.refresh_from_db()
    assert client.recall_hours == 48
    assert client.contacts.get().may_instruct
    assert client.brands.get().name == "Shop Home"
    assert client.assignments.get().user == bob
    done = Leaf.objects.filter(client_id=client.pk).order_by("id").values_list("verb", flat=True)
    assert set(done) == {
        "client.create",
        "client.update",
        "client.assign",
        "client.save_contact",
        "client.save_brand",
    }
    assert "<strong>Assign</strong>" in text_of(browser.get(url))


def test_an_assignment_is_removed_on_the_clients_page() -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    client = make_client("Shop", code="shop", managers=[bob])
    posted = SHOP | parts(client) | {"assignments-0-DELETE": "on"}
    url = reverse("admin:clients_client_change", args=[client.pk])
    response = logged_in(ADMINISTRATOR).post(url, posted)
    assert response.status_code == 302, text_of(response)
    assert not client.assignments.exists()
    assert Leaf.objects.get(verb="client.unassign").outcome == "done"


def test_a_form_offers_account_managers_only() -> None:
    client = make_client()
    make_user(ACCOUNT_MANAGER, username="bob")
    make_user(SECURITY_OFFICER, username="charlie")
    url = reverse("admin:clients_client_change", args=[client.pk])
    page = text_of(logged_in(ADMINISTRATOR).get(url))
    assert ">bob</option>" in page
    assert ">charlie</option>" not in page


def test_a_refusal_of_the_verb_is_shown_and_kept_though_the_page_was_rolled_back(
    now: datetime,
) -> None:
    client = make_client("Shop", code="shop")
    manager = make_user(ACCOUNT_MANAGER, username="bob")
    far = (timezone.now() + timedelta(days=300)).date()
    plan_drop(
        client=client,
        name="Far",
        mail_date=far,
        lead_days=171,
        by=staff_in(ADMINISTRATOR),
        now=timezone.now(),
    )
    posted = SHOP | parts(client, assignments={"user": manager.pk}) | {"processing_days": 20}
    url = reverse("admin:clients_client_change", args=[client.pk])
    response = logged_in(ADMINISTRATOR).post(url, posted, follow=True)
    assert "may not pass 181" in text_of(response)
    client.refresh_from_db()
    assert client.processing_days == 10
    assert not client.assignments.exists()
    refused = Leaf.objects.get(verb="client.change")
    assert (refused.outcome, refused.reason, refused.client_id) == ("refused", "invalid", client.pk)


def test_the_security_officer_ends_all_processing_by_typing_the_clients_short_name() -> None:
    client = make_client("Shop", code="shop", now=timezone.now())
    url = reverse("admin:clients_client_end", args=[client.pk])
    browser = logged_in(SECURITY_OFFICER)
    assert "no approved instruction" in text_of(browser.get(url))
    make_instruction(client, Instruction.Kind.END_OF_PROCESSING, now=timezone.now())
    assert "Type shop to confirm" in text_of(browser.post(url, {"confirmation": "stop"}))
    assert Client.objects.get(pk=client.pk).ended_at is None
    assert browser.post(url, {"confirmation": "shop"}).status_code == 302
    assert Client.objects.get(pk=client.pk).ended_at is not None


# ---------------------------------------------------------------------------------------- instructions


def logged_by_page(browser: Browser, client: Client, **changed: Any) -> HttpResponse:
    given = {
        "kind": "erasure",
        "channel": "letter",
        "received_at": "2026-01-05T10:00",
        "instructed_by": client.contacts.get().pk,
        "evidence": SimpleUploadedFile("bob.txt", b"Erase Bob, please."),
        "note": "Bob called too",
    } | changed
    url = reverse("instructions:log_for", args=[client.pk])
    return browser.post(url, {name: value for name, value in given.items() if value is not None})  # type: ignore[return-value]


def test_an_instruction_goes_from_the_form_to_its_approval() -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    client = make_client(managers=[bob])
    manager, officer = logged_in(user=bob), logged_in(SECURITY_OFFICER)
    assert manager.get(reverse("instructions:log")).status_code == 302
    assert logged_by_page(manager, client).status_code == 302
    instruction = Instruction.objects.get()
    (evidence,) = files.of_case(instruction)
    assert files.open_content(evidence).read() == b"Erase Bob, please."
    page = reverse("admin:clients_instruction_change", args=[instruction.pk])
    assert "Bob called too" in text_of(manager.get(page))
    for browser, verb, given in (
        (manager, "check_authority", {"instructed_by": client.contacts.get().pk}),
        (officer, "review_legality", {"lawful": "yes", "finding": "Within the contract."}),
        (officer, "approve", {}),
    ):
        url = reverse("admin:clients_instruction_verb", args=[instruction.pk, verb])
        assert browser.get(url).status_code == 200
        assert browser.post(url, given).status_code == 302
    instruction.refresh_from_db()
    assert instruction.state == "approved"
    assert thread.entries(instruction)[0].text == "Within the contract."


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"evidence": None}, "Attach the letter"),
        ({"received_at": "2999-01-01T10:00"}, "received in the future"),
        ({"effective_until": "2026-01-04T10:00"}, "must end after it begins"),
        ({"evidence": SimpleUploadedFile("empty.txt", b"")}, "empty"),
    ],
)
def test_a_form_that_cannot_be_says_what_to_do(changed: dict[str, Any], sentence: str) -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    response = logged_by_page(logged_in(user=bob), make_client(managers=[bob]), **changed)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert not Instruction.objects.exists()


def test_the_scope_offers_what_the_contract_permits() -> None:
    client = make_client(purposes=["catalogs"])
    page = text_of(
        logged_in(SECURITY_OFFICER).get(reverse("instructions:log_for", args=[client.pk]))
    )
    assert 'value="catalogs"' in page
    assert 'value="analysis"' not in page


def test_whoever_logged_it_reads_why_the_approval_is_not_theirs(now: datetime) -> None:
    officer = make_user(SECURITY_OFFICER, username="alice")
    instruction = log_instruction(make_client(), by=officer)
    instructions.check_authority(instruction, by=officer, now=now)
    instructions.review_legality(instruction, lawful=True, finding="Fine.", by=officer, now=now)
    browser = logged_in(user=officer)
    url = reverse("admin:clients_instruction_verb", args=[instruction.pk, "approve"])
    assert "another Security Officer approves it" in text_of(browser.get(url))
    browser.post(url)
    instruction.refresh_from_db()
    assert instruction.state == "legality_reviewed"


def test_the_start_page_says_what_waits_for_whom(now: datetime) -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    log_instruction(make_client(managers=[bob]))
    log_instruction(make_client())
    page = text_of(logged_in(user=bob).get(reverse("admin:index")))
    assert "Instructions await the authority check" in page
    assert '<strong class="due-count">1</strong>' in page
    officer = text_of(logged_in(SECURITY_OFFICER).get(reverse("admin:index")))
    assert '<strong class="due-count">2</strong>' in officer


def test_the_list_is_filtered_by_state() -> None:
    client = make_client()
    waiting, done = log_instruction(client), make_instruction(client)
    url = reverse("admin:clients_instruction_changelist")
    page = text_of(logged_in(SECURITY_OFFICER).get(url, {"state": "approved"}))
    assert done.reference in page
    assert waiting.reference not in page


# ------------------------------------------------------------------------------------------ mail drops


def test_a_drop_is_planned_moved_and_cancelled_on_its_pages() -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    client = make_client(managers=[bob])
    browser = logged_in(user=bob)
    day = (timezone.now() + timedelta(days=60)).date()
    given = {"client": client.pk, "name": "Spring", "mail_date": day.isoformat(), "lead_days": 21}
    assert browser.post(reverse("admin:clients_maildrop_add"), given).status_code == 302
    drop = MailDrop.objects.get()
    later = (day + timedelta(days=5)).isoformat()
    move = reverse("admin:clients_maildrop_verb", args=[drop.pk, "move"])
    assert browser.get(move).status_code == 200
    assert browser.post(move, {"mail_date": later, "lead_days": 21}).status_code == 302
    drop.refresh_from_db()
    assert drop.mail_date.isoformat() == later
    lock = browser.post(reverse("admin:clients_maildrop_verb", args=[drop.pk, "lock"]))
    assert "The list stays open until" in text_of(lock)
    cancel = reverse("admin:clients_maildrop_verb", args=[drop.pk, "cancel"])
    assert browser.post(cancel).status_code == 302
    page = text_of(browser.get(reverse("admin:clients_maildrop_change", args=[drop.pk])))
    assert "<strong>Cancel</strong>" in page
    assert "must be “Planned”" in page


def test_a_lead_that_is_too_long_is_explained_in_the_form() -> None:
    client = make_client()
    day = (timezone.now() + timedelta(days=300)).date().isoformat()
    given = {"client": client.pk, "name": "Far", "mail_date": day, "lead_days": 172}
    response = logged_in(SECURITY_OFFICER).post(reverse("admin:clients_maildrop_add"), given)
    assert "may not pass 181" in text_of(response)
    assert not MailDrop.objects.exists()
