"""Codes as words, dates as they are written, and pages that say where they are."""

from datetime import UTC, datetime

import pytest
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Client
from portal.admin import moment, page_of
from portal.cases.states import transition_of
from portal.ids import new_id
from portal.roles import ADMINISTRATOR, AUDITOR, DISPUTE_STAFF
from portal.templatetags.wording import deed, words
from tests.factories import make_client, make_user


@pytest.mark.parametrize(
    ("verb", "said"),
    [("instruction.check_authority", "Check authority"), ("erasure.log", "Log"), ("seal", "Seal")],
)
def test_the_verb_of_a_leaf_is_said_in_words(verb: str, said: str) -> None:
    assert deed(verb) == said


def test_a_table_is_called_by_what_it_holds() -> None:
    assert words("consumers_blindindex") == "blind index"
    assert words("consumers_historicalconsumer_added") == "historical consumer: note of the erasure"
    assert words("nobody_named") == "nobody named"


def test_a_refusal_puts_the_case_where_the_sentence_needs_it() -> None:
    assert transition_of("approve", [], None, []).says == "approve it"
    assert transition_of("confirm", [], None, [], "confirm it to the client").says == (
        "confirm it to the client"
    )


def test_a_time_is_written_with_its_zone() -> None:
    assert moment(datetime(2026, 11, 25, 3, 5, tzinfo=UTC)) == "25 Nov 2026, 03:05 UTC"
    assert moment(None) == "Not yet"


def test_the_page_of_an_object_is_found_by_its_kind() -> None:
    pk = new_id()
    assert page_of("requests.erasure", pk) == reverse("admin:requests_erasure_change", args=[pk])
    assert page_of("nowhere.nothing", pk) == ""


@pytest.mark.django_db(databases=["default", "vault"])
class TestPages:
    def test_a_list_has_its_name_for_a_title_and_writes_dates_as_elsewhere(
        self,
    ) -> None:
        client = make_client("Harbor Outfitters")
        Client.objects.filter(pk=client.pk).update(
            created_at=datetime(2026, 3, 4, 15, 6, tzinfo=UTC)
        )
        browser = Browser()
        browser.force_login(make_user(ADMINISTRATOR))
        page = browser.get(reverse("admin:clients_client_changelist")).content.decode()
        assert "<h1>Clients</h1>" in page
        assert "4 Mar 2026, 15:06" in page
        assert "Home</a>" not in page

    def test_a_reader_sees_names_and_no_codes_of_what_a_client_permits(self) -> None:
        client = make_client()
        browser = Browser()
        browser.force_login(make_user(AUDITOR))
        page = browser.get(reverse("admin:clients_client_change", args=[client.pk]))
        text = page.content.decode()
        assert "E-mail marketing" in text
        assert "email_marketing" not in text
        assert "historylink" not in text

    def test_dispute_staff_begin_with_their_own_pages_and_no_others(self) -> None:
        browser = Browser()
        browser.force_login(make_user(DISPUTE_STAFF))
        page = browser.get(reverse("admin:index")).content.decode()
        assert "Record a complaint" in page
        assert "Log an opt-out" not in page

    def test_a_wrong_password_is_one_error_in_the_title(self) -> None:
        page = Browser().post(reverse("admin:login"), {"username": "x", "password": "y"})
        title = page.content.decode().split("<title>")[1].split("</title>")[0]
        assert title.count("Error:") == 1
