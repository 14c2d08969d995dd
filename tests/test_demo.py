"""The demo that `make run` loads."""

from datetime import datetime

import pytest
from django.core.management import CommandError, call_command

from clients.models import Client, Instruction, MailDrop
from portal.models import User
from portal.roles import ALL_ROLES
from requests import demo

pytestmark = pytest.mark.django_db(databases=["default", "vault"])


def test_loading_the_demo_twice_makes_everything_once(now: datetime) -> None:
    for _ in range(2):
        list(demo.load(now))
    assert Client.objects.count() == 3
    assert MailDrop.objects.count() == 15
    assert Instruction.objects.filter(state="approved").count() == 3
    assert {role for role, *_ in demo.logins()} == set(ALL_ROLES)
    assert all(
        User.objects.get(username=username).check_password(password)
        for _, username, password in list(demo.logins())[:1]
    )


def test_the_demo_is_refused_outside_of_the_demo() -> None:
    with pytest.raises(CommandError, match="PORTAL_DEMO"):
        call_command("loaddemo")
