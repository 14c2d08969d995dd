"""The demo that `make run` loads."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from clients.models import Client, Instruction, MailDrop
from consumers.models import Consumer, Purchase
from portal.models import User
from portal.roles import ALL_ROLES
from requests import demo
from requests.models import Erasure

pytestmark = pytest.mark.django_db(databases=["default", "vault"], transaction=True)


def test_loading_the_demo_twice_makes_everything_once() -> None:
    for _ in range(2):
        list(demo.load(timezone.now))
    assert Client.objects.count() == 3
    assert Consumer.objects.count() == 6_000
    assert Purchase.objects.count() > 10_000
    assert set(Erasure.objects.values_list("state", flat=True)) == {
        "matched",
        "no_match",
        "recalled",
        "rejected",
        "on_hold",
        "approved",
    }
    assert MailDrop.objects.count() == 15
    assert Instruction.objects.filter(state="approved").count() == 6
    assert {role for role, *_ in demo.logins()} == set(ALL_ROLES)
    assert all(
        User.objects.get(username=username).check_password(password)
        for _, username, password in list(demo.logins())[:1]
    )


def test_the_demo_is_refused_outside_of_the_demo(settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="PORTAL_DEMO"):
        call_command("loaddemo")
