"""A dispute's words end with its person, or 24 months after it closed; its facts stay."""

from datetime import timedelta

import pytest

from consumers import eraser
from consumers.models import Consumer
from portal.cases.models import CaseFile, CaseNote
from portal.correspondence.models import Letter
from portal.errors import Refused
from portal.ids import new_id
from portal.outbox import send_due
from portal.retire import shred_retired
from requests.disputes import verbs, words
from requests.disputes.from_inquiry import open_from_inquiry
from requests.disputes.models import Dispute
from requests.disputes.statistics import statistics
from requests.disputes.tasks import lapse_disputes
from requests.inquiries.verbs import log_inquiry
from tests.disputes.helpers import ALICE, answered, dana, day, make_dispute, olivia
from tests.factories import make_client
from tests.optouts.helpers import EMAIL, make_consumer

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def erase(person: Consumer) -> None:
    eraser.erase(person.client_id, [person.pk], erasure_id=new_id(), now=day(60))


def closed_of_somebody() -> tuple[Dispute, Consumer]:
    client = make_client()
    person = make_consumer(client)
    case = answered()
    verbs.name_person(case, controller=client, address=EMAIL, by=olivia(), now=day(31))
    send_due(day(31))
    verbs.close(case, by=dana(), now=day(60))
    return case, person


def test_the_officer_alone_names_the_person_and_only_one_that_is_on_file() -> None:
    case, client = make_dispute(), make_client()
    with pytest.raises(Refused, match="Nobody"):
        verbs.name_person(case, controller=client, address=EMAIL, by=olivia(), now=day(1))
    person = make_consumer(client)
    with pytest.raises(Refused, match="Security Officer"):
        verbs.name_person(case, controller=client, address=EMAIL, by=dana(), now=day(1))
    verbs.name_person(case, controller=client, address=EMAIL, by=olivia(), now=day(1))
    assert (case.controller_id, case.consumer_id) == (client.pk, person.pk)


def test_the_words_of_a_closed_dispute_go_with_its_person_and_the_facts_stay() -> None:
    case, person = closed_of_somebody()
    assert words.sweep(day(61)) == 0
    erase(person)
    words.after_erasure(person.client_id, [person.pk], day(61))
    case.refresh_from_db()
    assert (case.state, case.sealed) == ("emptied", None)
    shred_retired(day(61))
    case.refresh_from_db()
    assert case.key_ref is None
    for model in (CaseNote, CaseFile, Letter):
        rows = model._default_manager.filter(case_id=case.pk)
        assert rows
        assert not rows.filter(sealed__isnull=False).exists()
        assert not rows.filter(key_page__isnull=False).exists()
    assert statistics(2026).direct_only == 1


def test_an_open_dispute_keeps_its_words_until_it_closes_and_then_the_sweep_finds_it() -> None:
    client = make_client()
    person = make_consumer(client)
    case = answered()
    verbs.name_person(case, controller=client, address=EMAIL, by=olivia(), now=day(31))
    send_due(day(31))
    erase(person)
    words.after_erasure(client.pk, [person.pk], day(32))
    case.refresh_from_db()
    assert case.unseal_content()["complainant"][0] == ALICE.name
    verbs.close(case, by=dana(), now=day(40))
    assert words.sweep(day(41)) == 1
    assert words.sweep(day(41)) == 0


def test_what_names_nobody_on_file_keeps_its_words_for_24_months() -> None:
    case = answered()
    send_due(day(31))
    verbs.close(case, by=dana(), now=day(60))
    assert words.sweep(day(60) + timedelta(days=729)) == 0
    lapse_disputes()
    case.refresh_from_db()
    assert case.state == "closed"
    assert words.sweep(day(60) + timedelta(days=733)) == 1


def test_an_inquiry_that_becomes_a_dispute_keeps_its_receipt_and_ends_with_it() -> None:
    inquiry = log_inquiry(
        channel="email",
        sender=ALICE,
        subject="Complaint",
        text="The catalogs still come.",
        received_at=day(0),
        by=olivia(),
        now=day(2),
    )
    case = open_from_inquiry(
        inquiry, category="catalog_after_opt_out", region="eea", by=olivia(), now=day(3)
    )
    assert (inquiry.state, inquiry.dispute_id) == ("linked_to_dispute", case.pk)
    assert (case.received_at, case.inquiry_id) == (day(0), inquiry.pk)
    assert "The catalogs still come." in case.unseal_content()["complaint"]
    with pytest.raises(Refused):
        open_from_inquiry(inquiry, category="spam", region="eea", by=olivia(), now=day(3))
    assert Dispute.objects.count() == 1
    verbs.withdraw(case, text="By telephone.", by=dana(), now=day(5))
    words.empty(case, now=day(6), reason="person_erased")
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.sealed) == ("emptied", None)
