"""The pages of opt-outs as their users see them: own clients only, no address on any of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.models import Brand, Client
from clients.verbs import save_brand
from consumers.models import SuppressionToken
from portal.cases import thread
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from requests.optouts.models import OptOut
from tests.factories import make_client, make_user, staff_in
from tests.optouts.helpers import lift_instruction, make_consumer, make_opt_out, second_officer

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

LIST = "admin:requests_optout_changelist"
POSTED: dict[str, Any] = {
    "channel": "letter",
    "received_at": "2026-01-05T10:00",
    "email": "Alice@Example.com",
}


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def client_(manager: User) -> Client:
    return make_client("Harbor Outfitters", managers=[manager])


@pytest.fixture
def opt_out(client_: Client) -> OptOut:
    make_consumer(client_)
    return make_opt_out(client_)


@pytest.fixture
def stranger() -> Browser:
    """An account manager of another client."""
    user = make_user(ACCOUNT_MANAGER, username="bob")
    make_client("Other", managers=[user])
    return browser_of(user)


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def page_of(opt_out: OptOut) -> str:
    return reverse("admin:requests_optout_change", args=[opt_out.pk])


def verb_page(opt_out: OptOut, verb: str) -> str:
    return reverse("admin:requests_optout_verb", args=[opt_out.pk, verb])


def log_page(client: Client, what: str = "email") -> str:
    return reverse("optouts:log_for", args=[client.pk, what])


def shown(browser: Browser, url: str) -> str:
    answer = browser.get(url)
    assert answer.status_code == 200, url
    text: str = answer.content.decode()
    return text


# ------------------------------------------------------------------------------------- own clients


def test_an_account_manager_of_another_client_finds_nothing_at_any_address(
    opt_out: OptOut, stranger: Browser
) -> None:
    urls = [
        page_of(opt_out),
        *(verb_page(opt_out, verb) for verb in ("confirm", "close", "lift")),
        log_page(opt_out.client),
        log_page(opt_out.client, "every"),
    ]
    for url in urls:
        assert stranger.get(url).status_code == 404, url
        assert stranger.post(url, POSTED).status_code == 404, url
    assert OptOut.objects.count() == 1


def test_the_list_its_search_and_its_filters_show_own_cases_only(
    opt_out: OptOut, manager: User, stranger: Browser
) -> None:
    queries = (
        "",
        f"?q={opt_out.reference}",
        "?state=suppressed",
        "?marketing_channel__exact=email",
    )
    for query in queries:
        url = reverse(LIST) + query
        assert page_of(opt_out) in shown(browser_of(manager), url)
        assert page_of(opt_out) not in shown(stranger, url)


def test_a_form_offers_brands_of_its_client_only(client_: Client, manager: User) -> None:
    other = make_client("Other")
    mine, theirs = (
        save_brand(Brand(client=one, name=name), by=staff_in(ADMINISTRATOR), now=timezone.now())
        for one, name in ((client_, "Outdoor"), (other, "Garden"))
    )
    browser, url = browser_of(manager), log_page(client_)
    page = shown(browser, url)
    assert str(mine.pk) in page
    assert str(theirs.pk) not in page
    assert browser.post(url, POSTED | {"brand": theirs.pk}).status_code == 422
    assert not OptOut.objects.exists()


def test_the_choice_of_clients_is_ones_own(manager: User, client_: Client) -> None:
    second, other = make_client("Second", managers=[manager]), make_client("Other")
    page = shown(browser_of(manager), reverse("optouts:log"))
    for client, offered in ((client_, True), (second, True), (other, False)):
        assert (log_page(client) in page) is offered


def test_a_lift_offers_instructions_of_its_client_only(opt_out: OptOut, now: datetime) -> None:
    mine = lift_instruction(opt_out.client, now=now)
    theirs = lift_instruction(make_client("Other"), now=now)
    page = shown(browser_of(second_officer()), verb_page(opt_out, "lift"))
    assert str(mine.pk) in page
    assert str(theirs.pk) not in page


def test_dispute_staff_see_no_opt_out_and_an_auditor_only_reads(opt_out: OptOut) -> None:
    outsider, auditor = browser_of(make_user(DISPUTE_STAFF)), browser_of(make_user(AUDITOR))
    assert outsider.get(page_of(opt_out)).status_code in (403, 404)
    assert outsider.get(reverse(LIST)).status_code == 403
    assert outsider.get(reverse("optouts:log")).status_code == 403
    assert "What can be done" not in shown(auditor, page_of(opt_out))
    auditor.post(verb_page(opt_out, "close"))
    opt_out.refresh_from_db()
    assert opt_out.state == "suppressed"
    assert auditor.post(log_page(opt_out.client)).status_code == 403


def test_a_stranger_is_asked_to_log_in(opt_out: OptOut) -> None:
    for url in (page_of(opt_out), reverse("optouts:log"), reverse(LIST)):
        answer = Browser().get(url)
        assert answer.status_code == 302
        assert "/login/" in answer["Location"]


# ----------------------------------------------------------------------------------------- the work


def test_an_opt_out_is_logged_on_the_page_and_its_address_is_in_no_web_address(
    client_: Client, manager: User
) -> None:
    make_consumer(client_)
    browser = browser_of(manager)
    answer = browser.post(log_page(client_), POSTED | {"text": "No more, please."})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    (case,) = OptOut.objects.all()
    assert answer["Location"] == page_of(case)
    assert (case.state, case.marketing_channel, case.match) == ("suppressed", "email", "one")
    assert case.received_at == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert [entry.text for entry in thread.entries(case)] == ["No more, please."]
    page = shown(browser, page_of(case))
    assert "10 calendar days from receipt on 5 January 2026 (policy)" in page
    assert "In effect since" in page


def test_an_address_is_shown_masked(opt_out: OptOut, manager: User) -> None:
    page = shown(browser_of(manager), page_of(opt_out))
    assert "alice@example.com" not in page
    assert "a*" in page
    assert "alice" not in shown(browser_of(manager), reverse(LIST)).lower()


@pytest.mark.parametrize(
    ("what", "channel", "address"),
    [
        ("every", "", {}),
        ("sms", "sms", {"telephone": "617 555 0101"}),
        ("telephone", "telephone", {"telephone": "617 555 0101"}),
        ("web", "web", {"external_id": "A-1"}),
        (
            "mail",
            "mail",
            {
                "given_name": "Alice",
                "surname": "Example",
                "street": "12 Main St.",
                "postcode": "02210",
            },
        ),
    ],
)
def test_each_channel_asks_for_its_own_address(
    client_: Client, manager: User, what: str, channel: str, address: dict[str, str]
) -> None:
    make_consumer(client_)
    answer = browser_of(manager).post(log_page(client_, what), POSTED | address)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    case = OptOut.objects.get()
    assert (case.marketing_channel, case.match) == (channel, "one")


def test_a_channel_that_does_not_exist_has_no_page(client_: Client, manager: User) -> None:
    assert browser_of(manager).get(log_page(client_, "pigeon")).status_code == 404


def test_a_repeated_opt_out_says_which_one_was_first(
    client_: Client, opt_out: OptOut, manager: User
) -> None:
    answer = browser_of(manager).post(log_page(client_), POSTED, follow=True)
    page = answer.content.decode()
    assert "It was opted out already" in page
    assert opt_out.reference in page


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"email": ""}, "Write the e-mail address that is opted out."),
        ({"email": "no address"}, "This is no e-mail address"),
        ({"received_at": "2999-01-01T00:00"}, "cannot have been received in the future"),
        ({"received_at": ""}, "This field is required"),
        ({"channel": "pigeon"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_is_answered_with_a_sentence(
    client_: Client, manager: User, changed: dict[str, str], sentence: str
) -> None:
    answer = browser_of(manager).post(log_page(client_), POSTED | changed)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not OptOut.objects.exists()


def test_the_case_is_confirmed_and_closed_by_its_buttons(opt_out: OptOut, manager: User) -> None:
    browser = browser_of(manager)
    told = {"channel": "letter", "text": "You are out."}
    assert browser.post(verb_page(opt_out, "confirm"), told).status_code == 302
    assert browser.post(verb_page(opt_out, "close")).status_code == 302
    opt_out.refresh_from_db()
    assert opt_out.state == "closed"
    assert SuppressionToken.objects.filter(case_id=opt_out.pk).exists()


def test_an_officer_lifts_on_the_page_and_an_account_manager_cannot(
    client_: Client, manager: User
) -> None:
    # The page asks the clock of the machine, so this happens today.
    opt_out = make_opt_out(client_, now=timezone.now() - timedelta(days=3))
    instruction = lift_instruction(client_, now=timezone.now() - timedelta(days=1))
    opted_in_at = timezone.now() - timedelta(days=2)
    given = {"instruction": instruction.pk, "opted_in_at": f"{opted_in_at:%Y-%m-%dT%H:%M}"}
    url = verb_page(opt_out, "lift")

    def proof() -> SimpleUploadedFile:
        return SimpleUploadedFile("form.txt", b"I opt in.", "text/plain")

    officer = browser_of(second_officer())
    browser_of(manager).post(url, given | {"evidence": proof()})
    assert officer.post(url, given).status_code == 200, "without evidence nothing is lifted"
    opt_out.refresh_from_db()
    assert opt_out.state == "suppressed"
    answer = officer.post(url, given | {"evidence": proof()})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    opt_out.refresh_from_db()
    assert opt_out.state == "lifted"
    assert Leaf.objects.filter(verb="optout.lift", outcome="done").count() == 1
    assert "Opted in again" in shown(officer, page_of(opt_out))


def test_the_start_page_and_the_menu_lead_to_what_is_due(
    client_: Client, manager: User, stranger: Browser
) -> None:
    make_opt_out(client_, received_at=datetime(2026, 1, 5, tzinfo=UTC))
    page = shown(browser_of(manager), reverse("admin:index"))
    assert "Opt-outs past their deadline" in page
    assert reverse("optouts:log") in page
    assert "Opt-outs past their deadline" not in shown(stranger, reverse("admin:index"))


def test_the_page_of_a_consumer_shows_their_opt_outs(opt_out: OptOut) -> None:
    url = reverse("admin:consumers_consumer_change", args=[opt_out.consumer_id])
    assert page_of(opt_out) in shown(browser_of(make_user(SECURITY_OFFICER)), url)


def test_the_page_of_a_consumer_who_came_later_shows_the_opt_out_of_their_address(
    client_: Client,
) -> None:
    earlier = make_opt_out(client_)
    assert earlier.consumer_id is None
    alice = make_consumer(client_)
    url = reverse("admin:consumers_consumer_change", args=[alice.pk])
    assert page_of(earlier) in shown(browser_of(make_user(SECURITY_OFFICER)), url)


def test_the_address_is_all_that_must_be_written(client_: Client, manager: User) -> None:
    """R24: the page comes with the time of receipt filled in, as the now that it usually is."""
    page = browser_of(manager).get(log_page(client_))
    offered = page.context["form"]["received_at"].value().replace(tzinfo=UTC)
    assert timedelta(0) <= timezone.now() - offered < timedelta(minutes=5)
