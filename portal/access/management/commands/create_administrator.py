"""`manage.py create_administrator`: the first member of staff, who sets up everybody else.

The password is asked for at the terminal, so that it stands in no history and no list of processes.
"""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from portal import ledger
from portal.models import User
from portal.roles import ADMINISTRATOR


class Command(BaseCommand):
    help = "Make an Administrator. Asks for the password; the second factor is set up at the first log-in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--email", required=True, help="Where notices about this account go.")
        parser.add_argument(
            "--another",
            action="store_true",
            help="Although there is an Administrator who could do it on the pages.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["another"] and _administrators():
            raise CommandError(
                "There is an Administrator, who sets up others on the page Users. "
                "If nobody can log in as one any more, add --another."
            )
        user = User(username=options["username"], email=options["email"], is_staff=True)
        user.set_password(_password(user))
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        _store(user)
        self.stdout.write(f"{user} can log in now, and sets up the second step there.")


def _administrators() -> bool:
    return User.objects.filter(is_active=True, groups__name=ADMINISTRATOR).exists()


def _password(user: User) -> str:
    if not sys.stdin.isatty():
        raise CommandError("Run this at a terminal: it asks for a password.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise CommandError("These two are not the same.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return password


@transaction.atomic
def _store(user: User) -> None:
    user.save()
    user.groups.add(Group.objects.get(name=ADMINISTRATOR))
    ledger.record(
        verb="staff.add",
        by=User.objects.system(),
        object_kind="portal.user",
        object_id=user.pk,
        counts={"gave.administrator": 1},
        now=timezone.now(),
    )
