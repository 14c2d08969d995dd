"""An inquiry's way: acknowledged, triaged, handed off, answered, responded, closed; and its other ends."""

from datetime import date, timedelta
from typing import Any

import pytest

from clients.models import Client
from consumers.models import Consumer
from consumers.profile import Profile
from portal import outbox
from portal.cases import files, thread, timekeeping
from portal.correspondence.models import Letter
from portal.correspondence.verbs import letters_of, party_of
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER
from requests.inquiries import branches, endings, identity, letters, verbs
from requests.inquiries.branches import branches_of
from requests.inquiries.models import Inquiry, InquiryBranch
from requests.models import OptOut
from tests.erasures.people import ALICE as ALICE_ON_FILE
from tests.erasures.people import load
from tests.factories import NOW, make_client, make_user
from tests.inquiries.helpers import (
    WORDS,
    answered,
    make_inquiry,
    message,
    officer,
    responded,
    routed,
    triaged,
)

pytestmark = pytest.mark.django_db(databases=["default", "vault"])
LATER = NOW + timedelta(days=3)


def clock(case: Any, kind: str = "response") -> timekeeping.ClockView:
    view = timekeeping.view(case, kind)
    assert view is not None
    return view


def body_of(letter: Letter) -> str:
    return str(letter.unseal_content()["body"])


def test_the_acknowledgement_names_what_it_must_and_stops_its_clock() -> None:
    case = make_inquiry(message_id="<7@example.com>")
    made = letters.proposed(case, letters.ACKNOWLEDGEMENT, NOW, next_step=letters.NEXT_STEP)
    verbs.acknowledge(case, message=made, by=officer(), now=NOW)
    (letter,) = letters_of(case)
    text = body_of(letter)
    for said in (
        case.reference,
        "24 November 2026",
        "e-mail",
        "forward it",
        "2020 K Street",
        "ANA",
    ):
        assert said in text
    assert letter.unseal_content()["in_reply_to"] == "<7@example.com>"
    assert case.state == "acknowledged"
    assert clock(case, "acknowledge").standing.stopped_at == NOW
    assert outbox.send_due(NOW)
    with pytest.raises(Refused, match="must be “Received”"):
        verbs.acknowledge(case, message=made, by=officer(), now=NOW)
    assert len(letters_of(case)) == 1


def test_what_was_said_on_the_telephone_is_noted_and_nothing_is_sent() -> None:
    case = make_inquiry(channel="telephone")
    verbs.acknowledge(case, message=message(way="told"), by=officer(), now=NOW)
    assert letters_of(case) == []
    assert [entry.text for entry in thread.entries(case)] == ["About your inquiry\n\nWhat we say."]


def test_triage_names_the_law_and_each_client_gets_a_clock_of_its_own() -> None:
    harbor, alpine = make_client("Harbor"), make_client("Alpine", time_zone="Europe/Berlin")
    case = triaged(make_inquiry(), harbor, alpine)
    assert (case.state, case.due_rule) == ("triaged", "acknowledge")
    assert clock(case).due_on == date(2027, 1, 8)
    assert clock(case, "acknowledge").clock.rules == ["acknowledge", "ccpa_confirm"]
    first, second = branches_of(case)
    assert (first.client, second.client) == (harbor, alpine)
    assert clock(second).clock.time_zone == "Europe/Berlin"
    triaged(case, harbor, kind="access", regime="gdpr_request")
    assert (case.kind, len(branches_of(case))) == ("access", 2)
    assert {clock(one).rule.code for one in branches_of(case)} == {"gdpr_request"}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"regime": "policy_opt_out"}, "regime"),
        ({"kind": "cake"}, "kind"),
        ({"urgency": ""}, "kind"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        triaged(make_inquiry(), **wrong)
    assert refused.value.code == code


def test_an_opt_out_is_honoured_at_once_without_a_client_s_word() -> None:
    client = make_client("Harbor")
    case = triaged(make_inquiry(), client, kind="opt_out", regime="inquiry")
    (branch,) = branches_of(case)
    opt_out = OptOut.objects.get(client_id=client.pk)
    assert branches.followed_case(branch) == opt_out
    assert opt_out.state != "received"
    assert opt_out.received_at == case.received_at
    endings.ready(case, by=officer(), now=NOW)
    assert "your opt-out was honoured" in endings.outcomes_in_words(case)
    responded(case)
    endings.close(case, by=officer(), now=NOW)
    branch.refresh_from_db()
    assert (branch.state, branch.outcome) == ("closed", "complied")


def test_an_opt_out_by_letter_is_honoured_from_the_address_that_staff_type() -> None:
    client = make_client("Harbor")
    case = triaged(make_inquiry(), kind="other", regime="inquiry")
    verbs.honour_opt_out(
        case,
        clients=[client],
        address=Profile(telephone="+16175550123"),
        marketing_channel="telephone",
        by=officer(),
        now=NOW,
    )
    assert OptOut.objects.get().marketing_channel == "telephone"
    assert branches_of(case)[0].followed_kind == "requests.optout"


def test_the_people_are_found_across_clients_and_join_their_branches() -> None:
    harbor, alpine = make_client("Harbor"), make_client("Alpine")
    load(harbor, [ALICE_ON_FILE], now=NOW)
    load(alpine, [ALICE_ON_FILE], now=NOW)
    case = triaged(make_inquiry(), harbor)
    people = list(Consumer.objects.select_related("client"))
    verbs.choose_people(case, people=people, by=officer(), now=NOW)
    verbs.choose_people(case, people=people, by=officer(), now=NOW)
    assert {(one.client_id, one.consumer_id) for one in branches_of(case)} == {
        (one.client_id, one.pk) for one in people
    }


def test_the_hand_off_tells_the_client_what_was_written_and_how_many_days_are_left() -> None:
    client = make_client("Harbor")
    case = routed(make_inquiry(), client, now=LATER)
    (branch,) = branches_of(case)
    assert (case.state, branch.state) == ("awaiting_client", "handed_off")
    (letter,) = letters_of(branch)
    assert party_of(letter).email == "charlie@example.com"
    text = body_of(letter)
    for said in (WORDS, "CCPA", "8 January 2027", "42 days", "Erasure", "not checked"):
        assert said in text
    assert thread.entries(branch)[0].text == f"My data\n\n{WORDS}"
    assert clock(case, "forward").standing.stopped_at == LATER
    assert [one.purpose for one in letters_of(case)] == [letters.REFERRAL]


def test_nothing_is_handed_off_to_nobody_and_then_nothing_is_sent() -> None:
    client = make_client("Harbor")
    client.contacts.all().delete()
    case = triaged(make_inquiry(), client)
    with pytest.raises(Refused, match="no contact"):
        verbs.route(case, message=message(), by=officer(), now=NOW)
    case.refresh_from_db()
    assert (case.state, letters_of(case)) == ("triaged", [])


def test_the_response_is_ready_when_the_last_client_has_answered_and_closing_needs_every_branch() -> (
    None
):
    case = routed(make_inquiry(), make_client("Harbor"), make_client("Alpine"))
    first, second = branches_of(case)
    branches.answer(first, outcome="complied", denial="", text="Done.", by=officer(), now=NOW)
    case.refresh_from_db()
    assert case.state == "awaiting_client"
    with pytest.raises(Refused, match="Alpine has not answered"):
        endings.ready(case, by=officer(), now=NOW)
    with pytest.raises(Refused, match="ground"):
        branches.answer(second, outcome="denied", denial="", text="", by=officer(), now=NOW)
    branches.answer(second, outcome="denied", denial="exempt", text="", by=officer(), now=LATER)
    case.refresh_from_db()
    assert (case.state, case.outcome) == ("response_ready", "partly")
    assert endings.outcomes_in_words(case) == (
        "Harbor: complied with in whole.\nAlpine: denied (the law exempts this data)."
    )
    responded(case)
    assert clock(case).standing.stopped_at == NOW
    endings.close(case, by=officer(), now=LATER)
    assert {one.state for one in branches_of(case)} == {"closed"}
    assert case.due_at is None


def test_an_account_manager_answers_for_own_clients_only() -> None:
    manager = make_user(ACCOUNT_MANAGER)
    case = routed(make_inquiry(), make_client("Harbor", managers=[manager]), make_client("Alpine"))
    own, other = branches_of(case)
    assert own.assignee == manager
    with pytest.raises(Refused, match="among yours"):
        branches.answer(other, outcome="complied", denial="", text="", by=manager, now=NOW)
    branches.answer(own, outcome="complied", denial="", text="", by=manager, now=NOW)
    with pytest.raises(Refused):
        endings.withdraw(case, by=manager, now=NOW)


@pytest.mark.parametrize(
    ("regime", "shifts"), [("gdpr_request", True), ("ccpa_request", False), ("swiss_fadp", True)]
)
def test_waiting_for_proof_stops_only_what_may_be_stopped(regime: str, shifts: bool) -> None:
    client = make_client("Harbor")
    load(client, [ALICE_ON_FILE], now=NOW)
    case = triaged(make_inquiry(), client, regime=regime)
    person = Consumer.objects.select_related("client").get()
    verbs.choose_people(case, people=[person], by=officer(), now=NOW)
    due = [clock(one).due_on for one in (case, *branches_of(case))]
    identity.ask_identity(
        case,
        fields=["postcode"],
        contested="email",
        message=message("Tell us {asked}. {pause}"),
        by=officer(),
        now=NOW,
    )
    assert body_of(letters_of(case)[0]).startswith("Tell us postcode. Our time to answer you")
    assert bool(clock(case).standing.paused_since) is shifts
    verbs.add_reply(
        case, channel="email", sender=message().to, subject="", text="02210",
        received_at=LATER, by=User.objects.system(), now=LATER, original=b"a passport",
    )  # fmt: skip
    assert clock(case).standing.paused_since is None
    proof = files.of_case(case)[-1]
    identity.settle_identity(
        case,
        given=Profile(email="alice@example.com"),
        verified=True,
        proofs=[proof],
        by=officer(),
        now=LATER,
    )
    after = [clock(one).due_on for one in (case, *branches_of(case))]
    assert after == [day + timedelta(days=3 if shifts else 0) for day in due]
    assert (case.state, case.identity) == ("triaged", "verified")
    proof.refresh_from_db()
    assert proof.sealed is None


def test_the_contested_field_proves_nothing_and_neither_does_what_nobody_holds() -> None:
    client = make_client("Harbor")
    load(client, [ALICE_ON_FILE], now=NOW)
    case = triaged(make_inquiry(), client, kind="rectification")
    verbs.choose_people(
        case, people=list(Consumer.objects.select_related("client")), by=officer(), now=NOW
    )
    ask: dict[str, Any] = {"message": message(), "by": officer(), "now": NOW}
    with pytest.raises(Refused, match="contests"):
        identity.ask_identity(case, fields=["email"], contested="email", **ask)
    identity.ask_identity(case, fields=["postcode"], contested="email", **ask)
    for given, contested in (
        (Profile(email="alice@example.com"), "email"),
        (Profile(postcode="99999"), ""),
    ):
        with pytest.raises(Refused, match="proves nothing"):
            identity.settle_identity(
                case, given=given, contested=contested, verified=True, by=officer(), now=NOW
            )


def test_a_duplicate_shares_the_identity_of_the_first_and_its_clock_never_stops() -> None:
    first, second = make_inquiry(), make_inquiry(text="Did you get my message?")
    before = clock(second).due_at
    endings.mark_duplicate(second, first=first, by=officer(), now=NOW)
    assert endings.identity_of(second) == Inquiry.Identity.UNCHECKED
    assert clock(second).standing.is_running
    endings.take_back(second, by=officer(), now=LATER)
    assert (second.state, second.duplicate_of_id, clock(second).due_at) == (
        "received",
        None,
        before,
    )


def test_an_inquiry_of_somebody_else_shuts_nobody_out() -> None:
    forged, genuine = make_inquiry(), make_inquiry()
    endings.mark_duplicate(genuine, first=forged, by=officer(), now=NOW)
    with pytest.raises(Refused, match="no duplicate itself"):
        endings.mark_duplicate(make_inquiry(), first=genuine, by=officer(), now=NOW)
    with pytest.raises(Refused, match="take them back"):
        endings.mark_duplicate(forged, first=make_inquiry(), by=officer(), now=NOW)
    endings.reject(forged, denial="identity", message=message(), by=officer(), now=NOW)
    genuine.refresh_from_db()
    assert (genuine.state, genuine.duplicate_of) == ("received", None)
    with pytest.raises(Refused, match="is over"):
        endings.mark_duplicate(genuine, first=forged, by=officer(), now=NOW)


def test_an_extension_is_told_in_time_and_moves_the_clients_clocks_too() -> None:
    case = routed(make_inquiry(), make_client("Harbor"))
    said = message("Until {reason}.")
    verbs.extend(case, reason="complexity", message=said, by=officer(), now=LATER)
    assert {clock(one).due_on for one in (case, *branches_of(case))} == {date(2027, 2, 22)}
    notice = letters_of(case)[0]
    assert body_of(notice) == "Until the request is complex."
    assert clock(case).events[-1].notice == notice.pk
    with pytest.raises(Refused, match="only once"):
        verbs.extend(case, reason="complexity", message=said, by=officer(), now=LATER)


def test_no_law_no_extension() -> None:
    case = triaged(make_inquiry(), kind="complaint", regime="framework_complaint")
    assert clock(case).due_on == date(2027, 1, 8)
    with pytest.raises(Refused, match="cannot be extended"):
        verbs.extend(case, reason="complexity", message=message(), by=officer(), now=NOW)


def test_a_rejection_tells_the_ground_and_the_way_to_appeal_and_can_be_reopened() -> None:
    case = routed(make_inquiry(), make_client("Harbor"))
    with pytest.raises(Refused, match="Tell the consumer"):
        endings.reject(case, denial="unfounded", message=None, by=officer(), now=NOW)
    made = letters.proposed(case, letters.REJECTION, NOW, ground="{ground}")
    endings.reject(case, denial="unfounded", message=made, by=officer(), now=NOW)
    (letter,) = [one for one in letters_of(case) if one.purpose == letters.REJECTION]
    text = body_of(letter)
    assert "manifestly unfounded" in text
    assert "look at it again" in text
    assert (case.state, case.outcome, case.due_at) == ("rejected", "denied", None)
    assert branches_of(case)[0].state == "dropped"
    endings.reopen(case, by=officer(), now=LATER)
    assert (case.state, case.denial) == ("reopened", "")
    assert clock(case).due_on == date(2027, 1, 8)


def test_advertising_is_rejected_without_a_letter() -> None:
    case = make_inquiry()
    endings.reject(case, denial="no_request", message=None, by=officer(), now=NOW)
    assert (case.state, letters_of(case)) == ("rejected", [])


def test_a_withdrawal_ends_the_clients_parts_without_making_a_response_ready() -> None:
    case = routed(make_inquiry(), make_client("Harbor"), make_client("Alpine"))
    branches.answer(
        branches_of(case)[0], outcome="complied", denial="", text="", by=officer(), now=NOW
    )
    endings.withdraw(case, by=officer(), now=NOW)
    assert case.state == "withdrawn"
    assert sorted(one.state for one in branches_of(case)) == ["closed", "dropped"]


def test_what_followed_is_of_the_same_client_and_must_be_done_before_the_part_closes() -> None:
    from tests.factories import log_instruction

    harbor, alpine = make_client("Harbor"), make_client("Alpine")
    case = routed(make_inquiry(), harbor)
    (branch,) = branches_of(case)
    with pytest.raises(Refused, match="another client"):
        branches.follow(branch, case=log_instruction(alpine, "erasure"), by=officer(), now=NOW)
    instruction = log_instruction(harbor, "erasure")
    branches.follow(branch, case=instruction, by=officer(), now=NOW)
    answered(case)
    branch.refresh_from_db()
    with pytest.raises(Refused, match=f"{instruction.reference} followed"):
        branches.close(branch, by=officer(), now=NOW)


def test_dropping_the_last_client_that_is_missing_makes_the_response_ready() -> None:
    case = routed(make_inquiry(), make_client("Harbor"), make_client("Alpine"))
    first, second = branches_of(case)
    branches.answer(first, outcome="no_data", denial="", text="", by=officer(), now=NOW)
    branches.drop(second, by=officer(), now=NOW)
    case.refresh_from_db()
    assert (case.state, case.outcome) == ("response_ready", "no_data")


def test_an_ended_client_is_named_no_more() -> None:
    client = make_client("Harbor")
    Client.objects.filter(pk=client.pk).update(ended_at=NOW)
    client.refresh_from_db()
    with pytest.raises(Refused, match="no longer"):
        triaged(make_inquiry(), client)
    assert not InquiryBranch.objects.exists()
