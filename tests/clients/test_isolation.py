"""An account manager neither sees nor acts on another client, by any address of the admin."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import get_resolver, reverse
from django.utils import timezone

from clients.drops import plan_drop
from clients.models import Brand, Client, Instruction, MailDrop
from clients.verbs import save_brand, unassign_manager
from portal.cases.models import CaseFile
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from tests.factories import log_instruction, make_client, make_user, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@dataclass(frozen=True)
class Belongings:
    """A client, with one of everything."""

    client: Client
    brand: Brand
    drop: MailDrop
    instruction: Instruction
    evidence: CaseFile

    @property
    def pages(self) -> list[str]:
        """Every page about one of these things."""
        found = [
            reverse("instructions:log_for", args=[self.client.pk]),
            reverse("admin:clients_instruction_file", args=[self.instruction.pk, self.evidence.pk]),
            reverse("admin:clients_client_end", args=[self.client.pk]),
        ]
        for row in (self.client, self.drop, self.instruction):
            name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
            found += [
                reverse(f"{name}_{page}", args=[row.pk]) for page in ("change", "history", "delete")
            ]
        return found

    @property
    def verb_pages(self) -> list[str]:
        """The page of every verb."""
        verbs = Instruction.TABLE.transitions
        drops = ("move", "lock", "merge", "print", "mail", "arrive", "cancel")
        return [
            *(
                reverse("admin:clients_instruction_verb", args=[self.instruction.pk, verb])
                for verb in verbs
            ),
            *(reverse("admin:clients_maildrop_verb", args=[self.drop.pk, verb]) for verb in drops),
        ]

    @property
    def marks(self) -> list[str]:
        """What would show that one of these things was seen."""
        rows = (self.client, self.brand, self.drop, self.instruction)
        return [str(row) for row in rows] + [str(row.pk) for row in rows]


def belongings(name: str, manager: User) -> Belongings:
    now = timezone.now()
    admin = staff_in(ADMINISTRATOR)
    client = make_client(f"{name} Stores", managers=[manager], now=now)
    brand = save_brand(Brand(client=client, name=f"{name} Brand"), by=admin, now=now)
    drop = plan_drop(
        client=client,
        brand=brand,
        name=f"{name} catalog",
        mail_date=(now + timedelta(days=90)).date(),
        lead_days=21,
        by=manager,
        now=now,
    )
    instruction = log_instruction(client, by=manager, now=now)
    return Belongings(
        client, brand, drop, instruction, CaseFile.objects.get(case_id=instruction.pk)
    )


@pytest.fixture
def alice() -> User:
    return make_user(ACCOUNT_MANAGER, username="alice")


@pytest.fixture
def ours(alice: User) -> Belongings:
    return belongings("Ours", alice)


@pytest.fixture
def theirs(ours: Belongings) -> Belongings:
    return belongings("Theirs", make_user(ACCOUNT_MANAGER, username="bob"))


@pytest.fixture
def browser(alice: User) -> Browser:
    return logged_in(alice)


def logged_in(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def shown(browser: Browser, url: str, **query: str) -> str:
    response = browser.get(url, query)
    assert response.status_code == 200, url
    return response.content.decode()


def assert_hidden(page: str, theirs: Belongings) -> None:
    assert [mark for mark in theirs.marks if mark in page] == []


CHANGELISTS = [
    f"admin:clients_{model}_changelist" for model in ("client", "maildrop", "instruction")
]


def test_the_pages_that_are_tried_are_all_that_there_are() -> None:
    """A page that is added to the admin of these models must be tried here too."""
    tried = {"changelist", "add", "change", "history", "delete", "verb", "file", "end"}
    resolver = get_resolver().namespace_dict["admin"][1]
    names = {
        str(name).split("_", 2)[2]
        for name in resolver.reverse_dict
        if isinstance(name, str) and name.startswith("clients_")
    }
    assert names == tried


@pytest.mark.parametrize("route", CHANGELISTS)
def test_a_list_shows_own_rows_only(
    browser: Browser, ours: Belongings, theirs: Belongings, route: str
) -> None:
    page = shown(browser, reverse(route))
    assert any(mark in page for mark in ours.marks)
    assert_hidden(page, theirs)


@pytest.mark.parametrize("route", CHANGELISTS)
def test_a_search_or_filter_finds_own_rows_only(
    browser: Browser, theirs: Belongings, route: str
) -> None:
    for term in (theirs.client.code, "Theirs", theirs.instruction.reference):
        page = shown(browser, reverse(route), q=term)
        # The term itself stands in the search box.
        assert_hidden(page.replace(term, ""), theirs)


def test_the_pages_of_another_clients_things_do_not_exist(
    browser: Browser, ours: Belongings, theirs: Belongings
) -> None:
    for url in theirs.pages:
        for response in (browser.get(url), browser.post(url, {"confirmation": theirs.client.code})):
            assert response.status_code in (302, 403, 404), url
            assert_hidden(response.content.decode(), theirs)
    assert Client.objects.get(pk=theirs.client.pk).ended_at is None


def test_no_verb_reaches_another_clients_things(
    browser: Browser, ours: Belongings, theirs: Belongings
) -> None:
    given = {"finding": "Mine now.", "lawful": "yes", "mail_date": "2030-01-01", "lead_days": "21"}
    for url in theirs.verb_pages:
        assert browser.get(url).status_code == 404, url
        assert browser.post(url, given).status_code == 404, url
    assert Instruction.objects.get(pk=theirs.instruction.pk).state == "received"
    assert MailDrop.objects.get(pk=theirs.drop.pk).mail_date == theirs.drop.mail_date


def test_own_things_are_reached_by_the_same_addresses(browser: Browser, ours: Belongings) -> None:
    for row in (ours.client, ours.drop, ours.instruction):
        name = f"admin:clients_{row._meta.model_name}"
        assert str(row) in shown(browser, reverse(f"{name}_change", args=[row.pk]))
        shown(browser, reverse(f"{name}_history", args=[row.pk]))
    withdraw = reverse("admin:clients_instruction_verb", args=[ours.instruction.pk, "withdraw"])
    assert browser.post(withdraw, {"finding": "By letter."}).status_code == 302
    assert Instruction.objects.get(pk=ours.instruction.pk).state == "withdrawn"


def test_autocomplete_offers_own_clients_only(
    browser: Browser, ours: Belongings, theirs: Belongings
) -> None:
    query = {"app_label": "clients", "model_name": "maildrop", "field_name": "client"}
    response = browser.get(reverse("admin:autocomplete"), {**query, "term": "Stores"})
    assert response.status_code in (200, 403)
    assert_hidden(response.content.decode(), theirs)


def test_forms_offer_own_choices_only(
    browser: Browser, ours: Belongings, theirs: Belongings
) -> None:
    for url in (
        reverse("admin:clients_maildrop_add"),
        reverse("instructions:log_for", args=[ours.client.pk]),
    ):
        page = shown(browser, url)
        assert_hidden(page, theirs)
        assert str(theirs.client.contacts.get().pk) not in page


@pytest.mark.parametrize("mixed", ["client", "brand"])
def test_a_posted_id_of_another_clients_row_is_no_choice(
    browser: Browser, ours: Belongings, theirs: Belongings, mixed: str
) -> None:
    given = {
        "client": ours.client.pk,
        "brand": ours.brand.pk,
        "name": "Winter catalog",
        "mail_date": (date.today() + timedelta(days=60)).isoformat(),  # noqa: DTZ011
        "lead_days": 21,
    }
    url = reverse("admin:clients_maildrop_add")
    wrong = {**given, mixed: {"client": theirs.client, "brand": theirs.brand}[mixed].pk}
    assert "Select a valid choice" in browser.post(url, wrong).content.decode()
    assert not MailDrop.objects.filter(name="Winter catalog").exists()
    assert browser.post(url, given).status_code == 302
    assert MailDrop.objects.get(name="Winter catalog").client_id == ours.client.pk


def test_another_clients_contact_is_no_choice_in_an_instruction(
    browser: Browser, ours: Belongings, theirs: Belongings
) -> None:
    given = {
        "kind": "erasure",
        "channel": "telephone",
        "is_oral": "on",
        "received_at": "2026-01-01T10:00",
        "instructed_by": theirs.client.contacts.get().pk,
    }
    url = reverse("instructions:log_for", args=[ours.client.pk])
    response = browser.post(url, given)
    assert response.status_code == 422
    assert "Select a valid choice" in response.content.decode()
    accepted = browser.post(url, {**given, "instructed_by": ours.client.contacts.get().pk})
    assert accepted.status_code == 302
    theirs_url = reverse(
        "admin:clients_instruction_verb", args=[ours.instruction.pk, "check_authority"]
    )
    refused = browser.post(theirs_url, {"instructed_by": theirs.client.contacts.get().pk})
    assert "Select a valid choice" in refused.content.decode()


def test_a_removed_assignment_takes_effect_at_the_next_request(
    browser: Browser, alice: User, ours: Belongings, now: datetime
) -> None:
    url = reverse("admin:clients_instruction_change", args=[ours.instruction.pk])
    shown(browser, url)
    unassign_manager(ours.client, alice, by=staff_in(ADMINISTRATOR), now=now)
    assert browser.get(url).status_code == 404
    assert_hidden(shown(browser, reverse("admin:clients_client_changelist")), ours)
    assert browser.get(reverse("instructions:log_for", args=[ours.client.pk])).status_code == 404


def test_a_removed_role_takes_effect_at_the_next_request(
    browser: Browser, alice: User, ours: Belongings
) -> None:
    url = reverse("admin:clients_instruction_changelist")
    shown(browser, url)
    alice.groups.clear()
    assert browser.get(url).status_code in (302, 403)


def test_dispute_staff_see_no_clients_and_no_instructions(ours: Belongings) -> None:
    browser = logged_in(make_user(DISPUTE_STAFF, username="charlie"))
    urls = [*ours.pages, *ours.verb_pages, *(reverse(route) for route in CHANGELISTS)]
    for url in [*urls, reverse("instructions:log"), reverse("admin:clients_maildrop_add")]:
        response = browser.get(url)
        assert response.status_code in (302, 403, 404), url
        assert_hidden(response.content.decode(), ours)
    # A new session, because the old one would say that what was asked for above does not exist.
    browser = logged_in(make_user(DISPUTE_STAFF))
    assert_hidden(shown(browser, reverse("admin:index")), ours)


def test_auditors_read_everything_and_change_nothing(ours: Belongings, theirs: Belongings) -> None:
    browser = logged_in(make_user(AUDITOR, username="charlie"))
    for mine in (ours, theirs):
        for row in (mine.client, mine.drop, mine.instruction):
            url = reverse(f"admin:clients_{row._meta.model_name}_change", args=[row.pk])
            assert str(row) in shown(browser, url)
            assert 'name="_save"' not in shown(browser, url)
        for url in mine.verb_pages:
            posted = browser.post(url, {"finding": "x", "mail_date": "2030-01-01", "lead_days": 3})
            assert posted.status_code in (200, 403, 404), url
        assert Instruction.objects.get(pk=mine.instruction.pk).state == "received"
        assert MailDrop.objects.get(pk=mine.drop.pk).state == "planned"
        change = reverse("admin:clients_client_change", args=[mine.client.pk])
        assert browser.post(change, {"name": "Taken"}).status_code == 403
    for route in ("client", "maildrop", "instruction"):
        assert browser.get(reverse(f"admin:clients_{route}_add")).status_code == 403
    assert browser.get(reverse("instructions:log")).status_code == 403


def test_an_account_manager_reads_own_clients_and_does_not_change_them(
    browser: Browser, ours: Belongings
) -> None:
    url = reverse("admin:clients_client_change", args=[ours.client.pk])
    page = shown(browser, url)
    assert ours.brand.name in page
    assert 'name="_save"' not in page
    assert "End all processing" not in page
    assert browser.post(url, {"name": "Taken"}).status_code == 403
    assert browser.get(reverse("admin:clients_client_add")).status_code == 403


def test_a_stranger_is_asked_to_log_in(ours: Belongings) -> None:
    for url in [*ours.pages, *ours.verb_pages, *(reverse(route) for route in CHANGELISTS)]:
        response = Browser().get(url)
        assert response.status_code == 302, url
        assert response["Location"].startswith("/login/"), url


def test_the_security_officer_sees_every_client(ours: Belongings, theirs: Belongings) -> None:
    browser = logged_in(make_user(SECURITY_OFFICER, username="charlie"))
    page = shown(browser, reverse("admin:clients_instruction_changelist"))
    assert ours.instruction.reference in page
    assert theirs.instruction.reference in page
