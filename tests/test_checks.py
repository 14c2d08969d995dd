"""What is missing in the set-up is found before anybody works with it, and nothing is shown meanwhile."""

from typing import Any

import pytest
import pytest_django
from django.contrib import admin
from django.test import Client as Browser
from django.urls import reverse

from clients.models import Instruction
from portal import checks
from portal.admin import PortalAdmin, PortalAdminSite
from portal.roles import SECURITY_OFFICER
from tests.factories import log_instruction, make_client, make_user


def test_the_portal_as_it_is_has_no_fault() -> None:
    assert checks.reach_is_known(None) == []
    assert checks.lists_ask_for_reach(None) == []


@pytest.mark.django_db(databases=["default", "vault"])
def test_a_list_shows_nothing_while_nobody_has_said_whose_rows_are_whose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instruction = log_instruction(make_client())
    browser, address = Browser(), reverse("admin:clients_instruction_changelist")
    browser.force_login(make_user(SECURITY_OFFICER))
    assert instruction.reference in browser.get(address).content.decode()
    monkeypatch.setattr(PortalAdminSite, "within_reach", None)
    assert instruction.reference not in browser.get(address).content.decode()
    page = reverse("admin:clients_instruction_change", args=[instruction.pk])
    assert browser.get(page).status_code == 404
    (fault,) = checks.reach_is_known(None)
    assert fault.id == "portal.E003"


@pytest.mark.parametrize("base", [PortalAdmin, admin.ModelAdmin])
def test_an_admin_class_that_forgets_the_client_is_found(
    base: "type[admin.ModelAdmin[Instruction]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = type("ForgetfulAdmin", (base,), {"client_path": ""})
    registry: Any = admin.site._registry
    monkeypatch.setitem(registry, Instruction, forgetful(Instruction, admin.site))
    (fault,) = checks.lists_ask_for_reach(None)
    assert fault.id == "portal.E004"
    assert "clients.Instruction" in fault.msg


@pytest.mark.parametrize(
    ("url", "is_fault"),
    [
        ("", False),
        ("imaps://privacy:p%40ss@mail.example.com/INBOX", False),
        ("pop3://privacy:secret@mail.example.com", True),
        ("imaps://mail.example.com", True),
        ("imaps://privacy:secret@mail.example.com:none", True),
    ],
)
def test_a_mailbox_that_cannot_be_one_is_found_and_its_password_not_told(
    url: str, is_fault: bool, settings: pytest_django.Settings
) -> None:
    settings.PRIVACY_IMAP_URL = url
    found = checks.mailbox_url_is_one(None)
    assert [one.id for one in found] == ["portal.E005"] * is_fault
    assert "secret" not in repr(found)
