"""The pages of disputes: who sees them, what they say, what they do."""

import io
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import (
    ACCOUNT_MANAGER,
    ADMINISTRATOR,
    AUDITOR,
    DISPUTE_STAFF,
    SECURITY_OFFICER,
)
from requests.disputes import body, certifications, panel
from requests.disputes.admin import VERBS
from requests.disputes.models import Dispute
from requests.disputes.statistics import statistics
from tests.disputes.helpers import (
    answered,
    assessed,
    dana,
    day,
    eligible,
    in_review,
    make_dispute,
    olivia,
    unresolved,
)
from tests.factories import make_user, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
LIST = "/requests/dispute/"


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def page_of(case: Dispute) -> str:
    return reverse("admin:requests_dispute_change", args=[case.pk])


def text_of(pdf: bytes) -> str:
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_the_page_says_what_happened_and_which_step_is_missing() -> None:
    case = unresolved()
    page = browser_of(dana()).get(page_of(case)).content.decode()
    for said in (
        "Alice Example",
        "Two catalogs were sent",
        "On 3 March 2026 we received a complaint",
        "Referral to the Department of Commerce closed or 90 days old",
        "EU-U.S. Data Privacy Framework",
    ):
        assert said in page
    assert Leaf.objects.filter(object_id=case.pk, verb="dispute.read").exists()
    assert "Alice" not in browser_of(dana()).get(LIST).content.decode()


def test_every_verb_has_a_page_on_every_rung_and_says_why_not() -> None:
    browser = browser_of(olivia())
    for case in (
        make_dispute(),
        answered(),
        eligible(),
        in_review(),
        make_dispute(arrival="notice"),
    ):
        assert browser.get(page_of(case)).status_code == 200
        for verb in VERBS:
            address = reverse("admin:requests_dispute_verb", args=[case.pk, verb.name])
            answer = browser.get(address)
            assert answer.status_code == 200, verb.name
            text = answer.content.decode()
            assert ('class="notice"' in text) != ('class="form-stack"' in text), verb.name


def test_the_final_response_is_read_before_it_is_sent() -> None:
    case = assessed(make_dispute(now=timezone.now() - timedelta(days=2)), timezone.now())
    browser = browser_of(dana())
    address = reverse("admin:requests_dispute_verb", args=[case.pk, "answer"])
    assert "Two catalogs were sent" in browser.get(address).content.decode()
    assert browser.post(address, {"way": "email"}).status_code == 302
    case.refresh_from_db()
    assert case.state == "direct_final"


def test_a_complaint_is_recorded_by_its_form_with_the_letter_itself() -> None:
    browser = browser_of(dana())
    posted = {
        "arrival": "ana", "channel": "letter", "received_at": "2026-11-20T10:00",
        "category": "spam", "region": "ch", "name": "Bob Sample", "address": "1 Rue X\nGeneva",
        "complaint": "They go on writing.", "body_reference": "ANA-12",
        "evidence": io.BytesIO(b"%PDF-1.4 the letter"),
    }  # fmt: skip
    assert browser.post("/disputes/log/", posted | {"name": ""}).status_code == 422
    posted["evidence"] = io.BytesIO(b"%PDF-1.4 the letter")
    answer = browser.post("/disputes/log/", posted)
    case = Dispute.objects.get()
    assert answer["Location"] == page_of(case)
    assert (case.state, case.framework_code, case.direct_contact_missing) == (
        "ana_filed",
        "swiss_dpf",
        True,
    )
    page = browser.get(page_of(case)).content.decode()
    assert "No direct contact on record" in page
    assert "1 Rue X" in page
    assert "ANA-12" in page


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER, ADMINISTRATOR])
def test_whoever_has_no_part_in_disputes_sees_none(role: str) -> None:
    case = answered()
    browser = browser_of(make_user(role))
    assert browser.get(LIST).status_code == 403
    assert browser.get(page_of(case)).status_code in (403, 404)
    for name in ("timeline_pdf", "memo_pdf"):
        assert browser.get(reverse(f"disputes:{name}", args=[case.pk])).status_code == 403
    for name in ("log", "statistics", "statistics_csv", "certifications"):
        assert browser.get(reverse(f"disputes:{name}")).status_code == 403
    address = reverse("admin:requests_dispute_verb", args=[case.pk, "close"])
    assert browser.post(address).status_code in (403, 404)
    case.refresh_from_db()
    assert case.state == "direct_final"


def test_an_auditor_reads_and_decides_nothing() -> None:
    case = answered()
    browser = browser_of(make_user(AUDITOR))
    assert browser.get(page_of(case)).status_code == 200
    assert browser.get("/disputes/log/").status_code == 403
    browser.post(reverse("admin:requests_dispute_verb", args=[case.pk, "close"]))
    case.refresh_from_db()
    assert case.state == "direct_final"


def test_the_memo_names_each_condition_as_of_the_notice_and_leaves_a_leaf() -> None:
    case = unresolved()
    panel.receive_notice(case, noticed_at=day(85), by=dana(), now=day(85))
    answer = browser_of(dana()).get(reverse("disputes:memo_pdf", args=[case.pk]))
    text = text_of(answer.content)
    assert "Not open: 1 of 9 conditions" in text
    assert "the day of the notice" in text
    assert "Alice" not in text
    assert Leaf.objects.filter(object_id=case.pk, verb="dispute.export_memo").exists()
    timeline = browser_of(dana()).get(reverse("disputes:timeline_pdf", args=[case.pk]))
    assert "a notice of arbitration came; we object, because" in text_of(timeline.content)


def test_the_start_page_counts_what_is_owed_and_links_to_it() -> None:
    late = make_dispute(now=timezone.now() - timedelta(days=60))
    risky = eligible()
    body.determine(
        risky, upheld=True, remedies=["access"], due_on=day(90).date(), by=dana(), now=day(80)
    )
    body.refuse_remedy(risky, remedy=risky.remedies.get(), by=dana(), now=day(81))
    browser = browser_of(dana())
    page = browser.get("/").content.decode()
    assert "Disputes past a deadline" in page
    assert "persistent failure at risk" in page
    assert late.reference in browser.get(f"{LIST}?flag=late").content.decode()
    found = browser.get(f"{LIST}?flag=risk").content.decode()
    assert risky.reference in found
    assert late.reference not in found


def test_a_year_is_counted_in_the_dispute_bodys_shape() -> None:
    unresolved()
    open_case = eligible()
    body.resolve(open_case, remedies=["access"], due_on=day(99).date(), by=dana(), now=day(70))
    hr = make_dispute(arrival="ana", hr_data=True)
    body.find_ineligible(hr, because="hr_data", by=dana(), now=day(4))
    answered(now=day(45))
    make_dispute()
    found = statistics(2026)
    assert (found.total, found.eligible, found.ineligible, found.undecided) == (3, 2, 1, 0)
    assert found.direct_only == 2
    assert dict(found.outcomes)["Left unresolved"] == 1
    assert dict(found.remedies)["Give access"] == 1
    assert dict(found.types)["Catalog after opt-out"] == 3
    assert (found.days, found.median_days, found.answered_late) == ([4, 24, 34], "24", 0)
    assert statistics(2025).total == 0
    browser = browser_of(make_user(AUDITOR))
    assert "Left unresolved" in browser.get("/disputes/statistics/?year=2026").content.decode()
    table = browser.get("/disputes/statistics.csv?year=2026").content.decode().splitlines()
    assert table[0] == "year,section,measure,value"
    assert "2026,Eligibility,Eligible,2" in table


def test_a_certification_is_warned_of_90_60_and_30_days_before_it_ends() -> None:
    record = certifications.record_certification
    given = {
        "framework_code": "eu_dpf",
        "certified_on": day(0).date(),
        "fund_contribution_on": None,
    }
    with pytest.raises(Refused):
        record(**given, by=dana(), now=day(0))  # type: ignore[arg-type]
    record(**given, by=olivia(), now=day(0))  # type: ignore[arg-type]

    def step(days_before: int) -> list[int]:
        today = day(365 - days_before).date()
        return [alert.step for alert in certifications.alerts(today)]

    assert [step(left) for left in (91, 90, 61, 60, 30, -1)] == [[], [90], [90], [60], [30], [0]]
    with pytest.raises(Refused, match="Nobody could be certified"):
        record(
            framework_code="eu_shield",
            certified_on=day(0).date(),
            fund_contribution_on=None,
            by=olivia(),
            now=day(0),
        )


def test_a_certification_is_recorded_by_the_security_officer_and_packed_for_the_next() -> None:
    posted = {
        "framework_code": "swiss_dpf", "certified_on": "2026-01-15", "fund_contribution_on": "2026-01-16",
    }  # fmt: skip
    staff = browser_of(staff_in(DISPUTE_STAFF))
    staff.post("/disputes/certifications/", posted)
    assert not list(certifications.current())
    officer = browser_of(make_user(SECURITY_OFFICER))
    assert officer.post("/disputes/certifications/", posted).status_code == 302
    page = officer.get("/disputes/certifications/").content.decode()
    for said in ("15 January 2027", "Contribution on 16 January 2026", "2020 K Street NW"):
        assert said in page
