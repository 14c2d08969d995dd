"""An Administrator sets people up, and cannot become one of those who decide unseen."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from portal import outbox
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, SECURITY_OFFICER, roles_of
from portal.staff import record_staff
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

NEW_PASSWORD = "a new passphrase of some length"


@pytest.fixture
def ada() -> User:
    return make_user(ADMINISTRATOR, username="ada")


@pytest.fixture
def browser(ada: User) -> Browser:
    browser = Browser()
    browser.force_login(ada)
    return browser


def change(browser: Browser, user: User, *roles: str, **given: Any) -> int:
    """What a browser posts of the page of a member of staff."""
    groups = [Group.objects.get_or_create(name=role)[0].pk for role in roles]
    posted = {"username": user.username, "is_active": "on", "groups": groups} | given
    page = reverse("admin:portal_user_change", args=[user.pk])
    return browser.post(page, posted).status_code


def counts(verb: str) -> list[dict[str, int]]:
    return list(Leaf.objects.filter(verb=verb).order_by("id").values_list("counts", flat=True))


def told() -> list[list[str]]:
    mail.outbox.clear()
    outbox.send_due(timezone.now())
    return [message.to for message in mail.outbox]


def test_nobody_gives_themselves_a_role(browser: Browser, ada: User) -> None:
    assert change(browser, ada, ADMINISTRATOR, SECURITY_OFFICER) == 302
    assert roles_of(User.objects.get(pk=ada.pk)) == {ADMINISTRATOR}
    assert change(browser, ada, is_active="") == 302
    assert User.objects.get(pk=ada.pk).is_active
    page = browser.get(reverse("admin:portal_user_change", args=[ada.pk])).content.decode()
    assert 'name="groups"' not in page
    assert ADMINISTRATOR in page


def test_nobody_gives_themselves_a_role_by_another_way_either(ada: User) -> None:
    with pytest.raises(Refused) as refused:
        record_staff(
            ada,
            is_new=False,
            before=[ADMINISTRATOR],
            after=[ADMINISTRATOR, SECURITY_OFFICER],
            switched=False,
            by=ada,
            now=timezone.now(),
        )
    assert refused.value.code == "own_roles"


def test_the_ledger_keeps_which_roles_were_given_and_taken(browser: Browser) -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    assert change(browser, bob, AUDITOR) == 302
    assert counts("staff.change") == [{"gave.auditor": 1, "took.account_manager": 1}]
    assert change(browser, bob, AUDITOR, is_active="") == 302
    assert counts("staff.change")[1:] == [{"shut_out": 1}]
    assert change(browser, bob, AUDITOR) == 302
    assert counts("staff.change")[2:] == [{"let_in": 1}]
    assert told() == []


def test_the_officers_hear_of_a_new_one_and_of_one_who_ceases_to_be(browser: Browser) -> None:
    olivia = make_user(SECURITY_OFFICER, username="olivia")
    make_user(SECURITY_OFFICER, username="gone", is_active=False)
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    assert change(browser, bob, ACCOUNT_MANAGER, SECURITY_OFFICER, email=bob.email) == 302
    assert told() == [[bob.email], [olivia.email]]
    assert "bob) is a Security Officer" in mail.outbox[0].body
    assert change(browser, bob, ACCOUNT_MANAGER, email=bob.email) == 302
    assert told() == [[bob.email], [olivia.email]]
    assert "no Security Officer" in mail.outbox[0].body


def test_a_password_that_an_administrator_sets_is_recorded_and_told(browser: Browser) -> None:
    olivia = make_user(SECURITY_OFFICER, username="olivia")
    page = reverse("admin:auth_user_password_change", args=[olivia.pk])
    given = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert browser.post(page, given | {"password2": "another"}).status_code == 200
    assert counts("staff.set_password") == []
    assert browser.post(page, given).status_code == 302
    (leaf,) = Leaf.objects.filter(verb="staff.set_password")
    assert (leaf.object_id, leaf.actor.username) == (olivia.pk, "ada")
    assert told() == [[olivia.email]]
    assert NEW_PASSWORD not in mail.outbox[0].body


def test_whoever_changes_their_own_password_leaves_a_leaf_and_stays_logged_in() -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob", password=PASSWORD)
    browser, elsewhere = Browser(), Browser()
    for one in (browser, elsewhere):
        assert one.login(username="bob", password=PASSWORD)
    given = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    page = reverse("admin:password_change")
    assert browser.post(page, given | {"old_password": "wrong"}).status_code == 200
    assert counts("staff.change_password") == []
    assert browser.post(page, given).status_code == 302
    assert Leaf.objects.get(verb="staff.change_password").object_id == bob.pk
    assert told() == []
    assert browser.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302, "the session that a thief may have is over"


@pytest.mark.parametrize("field", ["is_superuser", "is_staff", "is_system", "user_permissions"])
def test_no_flag_of_django_is_given_by_a_form(browser: Browser, field: str) -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob")
    User.objects.filter(pk=bob.pk).update(is_staff=False)
    assert change(browser, bob, ACCOUNT_MANAGER, **{field: "on"}) == 302
    bob.refresh_from_db()
    assert (bob.is_superuser, bob.is_staff, bob.is_system) == (False, False, False)
    assert not bob.user_permissions.exists()


def test_a_superuser_without_a_role_may_do_nothing() -> None:
    User.objects.create_superuser("root", "root@example.com", None)
    # Past the model's own guard, as somebody with a database shell could do it.
    User.objects.filter(username="root").update(is_superuser=True)
    browser = Browser()
    browser.force_login(User.objects.get(username="root"))
    for name in ("index", "portal_user_changelist", "consumers_consumer_changelist"):
        answer = browser.get(reverse(f"admin:{name}"))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize("role", [ADMINISTRATOR, SECURITY_OFFICER, AUDITOR, ACCOUNT_MANAGER])
def test_nobody_edits_what_a_role_is(role: str) -> None:
    browser = Browser()
    browser.force_login(make_user(role))
    for name in ("auth_group_changelist", "auth_group_add"):
        assert browser.get(reverse(f"admin:{name}")).status_code == 403
    group = Group.objects.get(name=role)
    page = reverse("admin:auth_group_change", args=[group.pk])
    assert browser.post(page, {"name": "Nobody"}).status_code == 403


def test_a_role_or_access_that_is_taken_ends_at_the_next_request() -> None:
    bob = make_user(AUDITOR, username="bob")
    browser = Browser()
    browser.force_login(bob)
    page = reverse("admin:ledger_leaf_changelist")
    assert browser.get(page).status_code == 200
    bob.groups.set([Group.objects.get_or_create(name=ACCOUNT_MANAGER)[0]])
    assert browser.get(page).status_code == 403
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert browser.get("/").status_code == 302


def test_an_auditor_reads_staff_and_sees_no_password() -> None:
    bob = make_user(ACCOUNT_MANAGER, username="bob", password=PASSWORD)
    browser = Browser()
    browser.force_login(make_user(AUDITOR))
    page = browser.get(reverse("admin:portal_user_change", args=[bob.pk])).content.decode()
    assert bob.email in page
    assert bob.password not in page
    assert change(browser, bob, SECURITY_OFFICER) == 403
