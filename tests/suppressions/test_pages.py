"""Catalog suppressions and their statement on the pages: own clients only, plain words, one leaf a letter."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from clients.drops import lock_due, move_drop, plan_drop
from clients.models import Client, MailDrop
from portal import letters
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from requests.optouts.models import OptOut
from requests.suppressions.models import CatalogSuppression
from requests.suppressions.statement import letter, statement
from tests.factories import make_client, make_user, staff_in
from tests.optouts.helpers import EMAIL, POSTAL, make_consumer, make_opt_out

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

LIST = "admin:requests_catalogsuppression_changelist"


@pytest.fixture
def manager() -> User:
    return make_user(ACCOUNT_MANAGER, username="adam")


@pytest.fixture
def client_(manager: User) -> Client:
    return make_client("Harbor Outfitters", managers=[manager])


@pytest.fixture
def stranger() -> Browser:
    """An account manager of another client."""
    user = make_user(ACCOUNT_MANAGER, username="bob")
    make_client("Other", managers=[user])
    return browser_of(user)


@pytest.fixture
def suppression(client_: Client) -> CatalogSuppression:
    """One of today, because pages ask the machine's clock: a tail of one drop, and one that is stopped."""
    make_consumer(client_)
    plan(client_, "Spring", days=10)
    plan(client_, "Summer", days=60)
    return suppress(client_)


def plan(client: Client, name: str, *, days: int) -> MailDrop:
    """A drop of `days` from today whose list closes three weeks before."""
    now = timezone.now()
    drop = plan_drop(
        client=client,
        name=name,
        mail_date=(now + timedelta(days=days)).date(),
        lead_days=21,
        by=staff_in(SECURITY_OFFICER),
        now=now,
    )
    lock_due(now)
    return drop


def suppress(client: Client) -> CatalogSuppression:
    opt_out: OptOut = make_opt_out(client, POSTAL, "mail", now=timezone.now())
    return CatalogSuppression.objects.get(opt_out=opt_out)


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def urls_of(suppression: CatalogSuppression) -> dict[str, str]:
    return {
        "case": reverse("admin:requests_catalogsuppression_change", args=[suppression.pk]),
        "verb": reverse(
            "admin:requests_catalogsuppression_verb", args=[suppression.pk, "note_violation"]
        ),
        "statement": reverse("suppressions:statement", args=[suppression.pk]),
        "letter": reverse("suppressions:statement_pdf", args=[suppression.pk]),
    }


def shown(browser: Browser, url: str) -> str:
    answer = browser.get(url)
    assert answer.status_code == 200, url
    text: str = answer.content.decode()
    return text


# ------------------------------------------------------------------------------------- own clients


def test_an_account_manager_of_another_client_finds_nothing_at_any_address(
    suppression: CatalogSuppression, manager: User, stranger: Browser
) -> None:
    urls = urls_of(suppression)
    for url in urls.values():
        assert stranger.get(url).status_code == 404, url
        assert stranger.post(url, {"text": "Came."}).status_code == 404, url
        assert browser_of(manager).get(url).status_code == 200, url
    for query in ("", f"?q={suppression.reference}", "?state=tail_open"):
        assert urls["case"] in shown(browser_of(manager), reverse(LIST) + query)
        assert urls["case"] not in shown(stranger, reverse(LIST) + query)


def test_an_auditor_reads_the_statement_and_makes_no_letter(
    suppression: CatalogSuppression,
) -> None:
    auditor, urls = browser_of(make_user(AUDITOR)), urls_of(suppression)
    assert urls["letter"] not in shown(auditor, urls["statement"])
    assert auditor.get(urls["letter"]).status_code == 403
    auditor.post(urls["verb"], {"text": "Came."})
    suppression.refresh_from_db()
    assert not suppression.has_violation


def test_dispute_staff_and_strangers_see_nothing(suppression: CatalogSuppression) -> None:
    outsider = browser_of(make_user(DISPUTE_STAFF))
    for url in urls_of(suppression).values():
        assert outsider.get(url).status_code in (403, 404), url
        assert Browser().get(url).status_code == 302, url


# --------------------------------------------------------------------------------------- statement


def test_the_page_says_what_may_still_come_and_until_when(
    suppression: CatalogSuppression, manager: User
) -> None:
    page = shown(browser_of(manager), urls_of(suppression)["statement"])
    ends = suppression.tail_ends_on
    assert "Spring" in page
    assert "Summer" not in page, "what is stopped is nothing to expect"
    assert f"{ends.day} {ends:%B %Y}" in page
    assert "it does not expire" in page
    assert "Alice" not in page


def test_without_a_tail_the_page_says_that_none_will_come(client_: Client, manager: User) -> None:
    page = shown(browser_of(manager), urls_of(suppress(client_))["statement"])
    assert "No catalog was so far in preparation" in page


def test_the_letter_is_a_pdf_with_the_address_and_leaves_a_leaf(
    suppression: CatalogSuppression, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []

    def render(template: str, data: dict[str, object], **fields: object) -> bytes:
        seen.append(data)
        return letters.render_pdf(template, data)

    monkeypatch.setattr("requests.suppressions.statement.render_pdf", render)
    answer = browser_of(manager).get(urls_of(suppression)["letter"])
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer["Content-Disposition"] == f'attachment; filename="{suppression.reference}.pdf"'
    assert "no-store" in answer["Cache-Control"]
    (data,) = seen
    assert data["address"] == ["Alice Example", "12 Main Street", "Boston 02210"]
    leaf = Leaf.objects.get(verb="suppression.statement")
    assert (leaf.object_id, leaf.actor, leaf.outcome) == (suppression.pk, manager, "done")


def test_a_letter_without_a_postal_address_is_made_without_one(client_: Client) -> None:
    opt_out = make_opt_out(client_, EMAIL, "")
    found = CatalogSuppression.objects.get(opt_out=opt_out)
    pdf = letter(found, by=staff_in(SECURITY_OFFICER), now=timezone.now())
    assert pdf.startswith(b"%PDF-")


def test_a_letter_by_somebody_elses_manager_is_refused_and_recorded(
    suppression: CatalogSuppression,
) -> None:
    with pytest.raises(Refused):
        letter(suppression, by=make_user(ACCOUNT_MANAGER), now=timezone.now())
    assert Leaf.objects.get(verb="suppression.statement").outcome == "refused"


def test_the_statement_leaves_out_what_was_mailed_or_cancelled(
    suppression: CatalogSuppression,
) -> None:
    now = timezone.now()
    assert [drop["name"] for drop in statement(suppression, now=now)["tail"]] == ["Spring"]
    for state in (MailDrop.State.MAILED, MailDrop.State.CANCELLED):
        MailDrop.objects.filter(name="Spring").update(state=state)
        assert statement(suppression, now=now)["tail"] == []


def test_a_statement_speaks_of_the_day_at_the_client(client_: Client) -> None:
    suppression = suppress(client_)
    late = suppression.effective_at.replace(hour=3, minute=0)
    suppression.effective_at = late
    told = statement(suppression, now=late)
    day = (late - timedelta(days=1)).date()
    assert told["opted_out_on"] == told["written_on"] == f"{day.day} {day:%B %Y}"


# ------------------------------------------------------------------------------------------ the case


def test_the_case_lists_its_drops_and_leads_to_its_opt_out(
    suppression: CatalogSuppression, manager: User
) -> None:
    page = shown(browser_of(manager), urls_of(suppression)["case"])
    assert "Tail: may still come" in page
    assert "Suppressed: will not be sent" in page
    assert reverse("admin:requests_optout_change", args=[suppression.opt_out_id]) in page
    assert urls_of(suppression)["statement"] in page


def test_a_violation_is_noted_on_the_page_and_shown_on_the_start_page(
    suppression: CatalogSuppression, manager: User, stranger: Browser
) -> None:
    browser, line = browser_of(manager), "Catalog suppressions with a violation"
    assert line not in shown(browser, reverse("admin:index"))
    assert browser.post(urls_of(suppression)["verb"], {"text": ""}).status_code == 200
    assert browser.post(urls_of(suppression)["verb"], {"text": "Came today."}).status_code == 302
    assert line in shown(browser, reverse("admin:index"))
    assert line not in shown(stranger, reverse("admin:index"))


def test_a_drop_that_is_moved_past_the_six_months_shows_on_the_start_page(
    suppression: CatalogSuppression, manager: User
) -> None:
    lock_due(suppression.effective_at)
    move_drop(
        MailDrop.objects.get(name="Spring"),
        mail_date=suppression.tail_ends_on + timedelta(days=1),
        lead_days=21,
        kill_file_deadline=None,
        by=staff_in(SECURITY_OFFICER),
        now=suppression.effective_at + timedelta(minutes=1),
    )
    assert "Catalog suppressions with a violation" in shown(
        browser_of(manager), reverse("admin:index")
    )
    page = shown(browser_of(manager), urls_of(suppression)["statement"])
    assert "1 mailing" in page


def test_nobody_begins_a_suppression_by_hand(manager: User) -> None:
    url = reverse("admin:requests_catalogsuppression_add")
    assert browser_of(manager).get(url).status_code == 403


def test_the_page_of_the_consumer_shows_the_suppression(suppression: CatalogSuppression) -> None:
    url = reverse("admin:consumers_consumer_change", args=[suppression.opt_out.consumer_id])
    assert urls_of(suppression)["case"] in shown(browser_of(make_user(SECURITY_OFFICER)), url)
