"""The worklist: the soonest first, own clients only, and many cases given at once."""

from datetime import timedelta

import pytest
from django.test import Client as Browser

from portal.cases.assigning import assign
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, DISPUTE_STAFF, SECURITY_OFFICER
from requests.optouts.models import OptOut
from tests.factories import NOW, log_instruction, make_client, make_user, staff_in
from tests.optouts.helpers import make_opt_out

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


@pytest.fixture
def officer() -> User:
    return staff_in(SECURITY_OFFICER)


@pytest.fixture
def case() -> OptOut:
    row = make_opt_out(make_client())
    OptOut.objects.update(assignee=None)
    row.refresh_from_db()
    return row


def post(browser: Browser, to: str, *cases: OptOut) -> str:
    chosen = {"to": to, "case": [f"requests.optout:{case.pk}" for case in cases]}
    return browser.post("/work/", chosen, follow=True).text


def test_every_kind_is_in_one_list_the_soonest_first(
    client: Browser, officer: User, case: OptOut
) -> None:
    instruction = log_instruction(case.client)
    instruction.due_at = case.due_at - timedelta(days=400) if case.due_at else None
    instruction.save(update_fields=["due_at"])
    client.force_login(officer)
    text = client.get("/work/?whose=all").text
    assert 0 < text.index(instruction.reference) < text.index(case.reference)
    assert text.index("Overdue") < text.index(instruction.reference)
    only = client.get("/work/?whose=all&kind=requests.optout").text
    assert instruction.reference not in only
    assert case.reference not in client.get("/work/?whose=mine").text
    assert case.reference in client.get("/work/?whose=nobody").text


def test_an_account_manager_sees_and_gives_the_cases_of_own_clients_only(
    client: Browser, officer: User, case: OptOut
) -> None:
    stranger = make_user(ACCOUNT_MANAGER)
    client.force_login(stranger)
    assert case.reference not in client.get("/work/?whose=all").text
    assert case.reference not in post(client, stranger.username, case)
    case.refresh_from_db()
    assert case.assignee is None


def test_many_cases_are_given_at_once_and_each_leaves_a_leaf(
    client: Browser, officer: User, case: OptOut
) -> None:
    other = make_opt_out(case.client)
    OptOut.objects.update(assignee=None)
    client.force_login(officer)
    assert "2 cases given to" in post(client, officer.username, case, other)
    assert Leaf.objects.filter(verb="optout.assign").count() == 2
    assert case.reference in client.get("/work/").text
    assert "1 case given to nobody" in post(client, "nobody", case)
    case.refresh_from_db()
    assert case.assignee is None


def test_nothing_is_given_without_a_choice(client: Browser, officer: User, case: OptOut) -> None:
    client.force_login(officer)
    assert "Choose to whom" in post(client, "no-such-person", case)
    assert "Tick the cases first" in post(client, officer.username)
    assert "0 cases" not in post(client, officer.username, case)


@pytest.mark.parametrize(
    ("role", "says"),
    [(ACCOUNT_MANAGER, "does not look after the client"), (DISPUTE_STAFF, "can do nothing about")],
)
def test_a_case_is_given_only_to_somebody_who_can_work_on_it(
    officer: User, case: OptOut, role: str, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        assign(case, to=make_user(role), by=officer, now=NOW)


def test_an_auditor_reads_the_list_and_gives_nothing(
    client: Browser, officer: User, case: OptOut
) -> None:
    auditor = make_user(AUDITOR)
    client.force_login(auditor)
    page = client.get("/work/?whose=all").text
    assert case.reference in page
    assert 'name="to"' not in page
    post(client, officer.username, case)
    case.refresh_from_db()
    assert case.assignee is None
    with pytest.raises(Refused):
        assign(case, to=officer, by=auditor, now=NOW)


def test_a_closed_case_is_given_to_nobody_any_more(officer: User, case: OptOut) -> None:
    OptOut.objects.filter(pk=case.pk).update(state="closed", closed_at=NOW)
    with pytest.raises(Refused, match="is closed"):
        assign(case, to=officer, by=officer, now=NOW)


@pytest.mark.parametrize("key", ["", "requests.optout", "auth.user:1", "requests.optout:x"])
def test_what_names_no_case_is_passed_over(client: Browser, officer: User, key: str) -> None:
    client.force_login(officer)
    answer = client.post("/work/", {"to": officer.username, "case": [key]}, follow=True)
    assert answer.status_code == 200
