"""The ladder of a dispute, rung by rung (R7 to R20), with the boundary tests of domain.md."""

from datetime import date, timedelta
from email import message_from_bytes, policy

import pytest
from django.db import IntegrityError, transaction

from portal.cases import files, timekeeping
from portal.cases.models import CaseFile
from portal.correspondence.models import Letter
from portal.errors import Refused
from portal.house import HOUSE_ID
from portal.ledger.models import Leaf
from portal.roles import ACCOUNT_MANAGER, AUDITOR
from requests.disputes import body, panel, sweep, verbs
from requests.disputes.models import Dispute, Remedy
from requests.disputes.timeline import timeline
from tests.disputes.helpers import (
    DAY_0,
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
from tests.factories import make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def kinds_of(case: Dispute) -> dict[str, date]:
    return {view.kind: view.due_on for view in timekeeping.views(case)}


def test_a_complaint_is_the_houses_own_sealed_and_runs_45_days() -> None:
    case = make_dispute()
    assert (case.client_id, case.state, case.framework_code) == (HOUSE_ID, "direct_open", "eu_dpf")
    assert kinds_of(case) == {"acknowledge": date(2026, 3, 5), "response": date(2026, 4, 17)}
    stored = repr(Dispute.objects.filter(pk=case.pk).values().get())
    assert "Alice" not in stored
    assert case.unseal_content()["complainant"][0] == "Alice Example"
    with pytest.raises(Refused, match="cannot be paused"):
        timekeeping.pause(case, "response", reason="identity", by=dana(), now=day(3))
    with pytest.raises(Refused, match="cannot be extended"):
        timekeeping.extend(case, "response", reason="complexity", by=dana(), now=day(3))


def test_a_case_of_2020_keeps_the_privacy_shields_terms() -> None:
    case = make_dispute(received_at=DAY_0.replace(year=2020))
    assert case.framework_code == "eu_shield"
    outside = make_dispute(region="us")
    assert (outside.framework, outside.due_rule) == (None, "acknowledge")


def test_the_acknowledgement_names_reference_receipt_next_step_and_dispute_body() -> None:
    case = make_dispute()
    verbs.acknowledge(case, way="email", by=dana(), now=day(1))
    text = sent_text(case)
    for said in (case.reference, "3 March 2026", "17 April 2026", "2020 K Street NW", "e-mail"):
        assert said in text
    assert "acknowledge" not in [view.kind for view in timekeeping.running(case)]
    with pytest.raises(Refused, match="already"):
        verbs.acknowledge(case, way="email", by=dana(), now=day(1))


def sent_text(case: Dispute) -> str:
    letter = Letter.objects.filter(case_id=case.pk).latest("drafted_at")
    assert letter.copy_id
    with files.open_content(CaseFile.objects.get(pk=letter.copy_id)) as kept:
        message = message_from_bytes(kept.read(), policy=policy.SMTP)
    return str(message.get_content())


def test_no_answer_goes_out_without_an_assessment_and_a_resolution() -> None:
    case = make_dispute()
    with pytest.raises(Refused, match="Assess the merits"):
        verbs.answer(case, way="email", by=dana(), now=day(10))
    with pytest.raises(Refused, match="both"):
        verbs.assess(case, merits="True.", resolution=" ", by=dana(), now=day(10))
    assert not Letter.objects.filter(case_id=case.pk).exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Dispute.objects.filter(pk=case.pk).update(answered_at=day(10))


def test_the_final_response_holds_merits_resolution_dispute_body_and_arbitration() -> None:
    case = answered()
    text = sent_text(case)
    for said in ("Two catalogs", "taken out of every list", "2020 K Street NW", "no money"):
        assert said in text.replace("\n", " ")
    assert (case.state, timekeeping.running(case)) == ("direct_final", [])


def test_day_45_is_in_time_and_day_46_late_whether_or_not_the_sweep_ran() -> None:
    assert answered(now=day(45)).state == "direct_final"
    late = assessed(make_dispute(), day(46))
    with pytest.raises(Refused, match="late one"):
        verbs.answer(late, way="email", by=dana(), now=day(46))
    verbs.answer_late(late, way="email", by=dana(), now=day(46))
    assert late.state == "direct_lapsed"
    told = [one.sentence for one in timeline(late, day(46))]
    assert "On 17 April 2026 the time for our own answer ended without one." in told
    assert "after its time was over" in told[-1]
    early = assessed(make_dispute(), day(45))
    with pytest.raises(Refused, match="in time"):
        verbs.answer_late(early, way="email", by=dana(), now=day(45))


def test_the_sweep_lapses_on_day_46_and_only_once() -> None:
    case = make_dispute()
    assert sweep.lapse_due(day(45)) == 0
    assert sweep.lapse_due(day(46)) == 1
    assert sweep.lapse_due(day(46)) == 0
    case.refresh_from_db()
    assert case.state == "direct_lapsed"
    with pytest.raises(Refused, match="never answered"):
        verbs.close(case, by=dana(), now=day(50))


def test_a_letter_of_the_dispute_body_on_day_3_is_accepted() -> None:
    case = make_dispute()
    body.receive_ana_notice(case, noticed_at=day(3), by=dana(), now=day(3))
    assert case.state == "ana_filed"
    assert not case.direct_contact_missing
    assert kinds_of(case)["reply"] == date(2026, 3, 20)
    assert kinds_of(case)["response"] == date(2026, 4, 17)


def test_a_case_that_begins_at_the_dispute_body_is_recorded_and_flagged() -> None:
    case = make_dispute(arrival="ana", body_reference="ANA-9")
    assert (case.state, case.direct_contact_missing) == ("ana_filed", True)
    assert "first that we heard" in timeline(case, day(400))[0].sentence
    known = make_dispute(arrival="ana", complained_at=day(-50))
    assert not known.direct_contact_missing
    assert kinds_of(known)["response"] < kinds_of(known)["reply"]


def test_human_resources_data_is_never_eligible() -> None:
    case = make_dispute(arrival="ana", hr_data=True)
    with pytest.raises(Refused, match="human resources"):
        body.find_eligible(case, by=dana(), now=day(1))
    with pytest.raises(Refused, match="choose that reason"):
        body.find_ineligible(case, because="frivolous", by=dana(), now=day(1))
    body.find_ineligible(case, because="hr_data", by=dana(), now=day(1))
    assert case.state == "ana_ineligible"
    with pytest.raises(IntegrityError), transaction.atomic():
        Dispute.objects.filter(pk=case.pk).update(eligible_at=day(1))


def test_the_reply_to_the_dispute_body_encloses_the_chronology_and_stops_its_clock() -> None:
    case = eligible()
    body.reply_to_body(case, by=dana(), now=day(55))
    assert timekeeping.running(case) == []
    assert case.body_replied_at == day(55)
    letter = Letter.objects.filter(case_id=case.pk, purpose="disputes.reply_to_body").get()
    content = letter.unseal_content()
    assert content["to"][2] == ["2020 K Street NW, Suite 660", "Washington, DC 20006"]
    assert "On 3 March 2026 we received a complaint" in content["body"]
    assert CaseFile.objects.filter(pk__in=letter.attachments, kind="enclosure").count() == 1


def test_remedies_are_performed_by_one_and_verified_by_another_before_it_closes() -> None:
    case = eligible()
    due_on = day(90).date()
    body.determine(
        case,
        upheld=True,
        remedies=["deletion", "compensation"],
        due_on=due_on,
        by=dana(),
        now=day(80),
    )
    assert case.state == "remedy_due"
    first, second = case.remedies.all()
    body.perform_remedy(case, remedy=first, by=dana(), now=day(81))
    with pytest.raises(Refused, match="second person"):
        body.verify_remedy(case, remedy=first, by=dana(), now=day(81))
    with pytest.raises(IntegrityError), transaction.atomic():
        Remedy.objects.filter(pk=first.pk).update(verified_at=day(81), verified_by=dana())
    body.verify_remedy(case, remedy=first, by=olivia(), now=day(82))
    for verb in (verbs.close, body.verify_all):
        with pytest.raises(Refused):
            verb(case, by=dana(), now=day(82))
    body.perform_remedy(case, remedy=second, by=olivia(), now=day(83))
    body.verify_remedy(case, remedy=second, by=dana(), now=day(84))
    assert case.state == "remedy_verified"
    verbs.close(case, by=dana(), now=day(85))
    assert case.state == "closed"


def test_a_refused_remedy_puts_the_company_at_risk_and_goes_to_the_ftc_first() -> None:
    case = eligible()
    body.determine(
        case, upheld=True, remedies=["access"], due_on=day(90).date(), by=dana(), now=day(80)
    )
    (remedy,) = case.remedies.all()
    body.refuse_remedy(case, remedy=remedy, by=olivia(), now=day(85))
    assert case.persistent_failure_risk
    panel.refer_to_ftc(case, by=dana(), now=day(95))
    with pytest.raises(Refused, match="not verified"):
        verbs.close(case, by=dana(), now=day(96))
    body.perform_remedy(case, remedy=remedy, by=dana(), now=day(97))
    body.verify_remedy(case, remedy=remedy, by=olivia(), now=day(98))
    assert (case.state, case.persistent_failure_risk) == ("remedy_verified", False)


def test_another_cases_remedy_is_unknown_and_a_finding_for_us_has_none() -> None:
    case, other = eligible(), eligible()
    for one in (case, other):
        body.resolve(one, remedies=["access"], due_on=day(90).date(), by=dana(), now=day(80))
    with pytest.raises(Refused, match="no such remedy"):
        body.perform_remedy(case, remedy=other.remedies.get(), by=dana(), now=day(81))
    third = eligible()
    with pytest.raises(Refused, match="for the company"):
        body.determine(
            third, upheld=False, remedies=["access"], due_on=day(90).date(), by=dana(), now=day(80)
        )


def test_a_notice_after_the_company_and_the_dispute_body_alone_is_objected_to_with_the_condition() -> (
    None
):
    case = unresolved()
    panel.receive_notice(case, noticed_at=day(85), by=dana(), now=day(85))
    assert (case.state, case.unmet) == ("objected", ["commerce"])
    assert "arbitration" not in kinds_of(case)
    panel.send_objection(case, way="email", by=dana(), now=day(86))
    assert "Referral to the Department of Commerce closed or 90 days old" in sent_text(case)
    assert "Department of Commerce was neither closed" in timeline(case, day(400))[-2].sentence


def test_a_notice_can_be_recorded_on_every_rung_before_a_panel_and_as_the_first_word() -> None:
    first = make_dispute(arrival="notice")
    assert first.state == "objected"
    assert set(first.unmet) == {"direct", "dispute_body", "commerce"}
    closed = answered()
    verbs.close(closed, by=dana(), now=day(60))
    panel.receive_notice(closed, noticed_at=day(70), by=dana(), now=day(70))
    assert (closed.state, closed.closed_at) == ("objected", None)


def test_after_90_days_of_review_arbitration_is_open_and_runs_to_a_verified_award() -> None:
    case = in_review()
    with pytest.raises(Refused, match="Department of Commerce"):
        panel.find_arbitrable(case, by=dana(), now=day(190))
    panel.find_arbitrable(case, by=dana(), now=day(191))
    panel.receive_notice(case, noticed_at=day(195), by=dana(), now=day(195))
    assert (case.state, case.unmet) == ("notice_received", [])
    assert kinds_of(case)["arbitration"] == (day(195) + timedelta(days=90)).date()
    panel.form_panel(case, by=dana(), now=day(200))
    due_on = day(260).date()
    with pytest.raises(Refused, match="no money"):
        panel.record_award(case, remedies=["compensation"], due_on=due_on, by=dana(), now=day(250))
    panel.record_award(case, remedies=["deletion"], due_on=due_on, by=dana(), now=day(250))
    (remedy,) = case.remedies.all()
    body.perform_remedy(case, remedy=remedy, by=dana(), now=day(251))
    body.verify_remedy(case, remedy=remedy, by=olivia(), now=day(252))
    assert case.state == "award_performed"
    verbs.close(case, by=dana(), now=day(253))
    sentences = [one.sentence for one in timeline(case, day(400))]
    assert (
        sentences[0] == "On 3 March 2026 we received a complaint (catalog after opt-out) by e-mail."
    )
    assert sentences[-1].endswith("we closed the case.")


def test_a_review_that_was_closed_opens_arbitration_earlier_and_a_settlement_bars_it() -> None:
    case = in_review()
    panel.close_review(case, by=dana(), now=day(110))
    panel.note_bars(case, bars=["settled"], by=dana(), now=day(110))
    with pytest.raises(Refused, match="settlement"):
        panel.find_arbitrable(case, by=dana(), now=day(111))
    panel.note_bars(case, bars=[], by=dana(), now=day(112))
    panel.find_arbitrable(case, by=dana(), now=day(112))
    assert case.state == "arbitration_eligible"


@pytest.mark.parametrize("role", [ACCOUNT_MANAGER, AUDITOR])
def test_who_has_no_part_in_disputes_opens_and_changes_none(role: str) -> None:
    with pytest.raises(Refused):
        make_dispute(by=make_user(role))
    with pytest.raises(Refused):
        verbs.withdraw(make_dispute(), text="By telephone.", by=make_user(role), now=day(1))
    assert Leaf.objects.filter(verb="dispute.log", outcome="refused").count() == 1
