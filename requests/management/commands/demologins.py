"""`manage.py demologins`: how to log in to the demo as each role."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.models import User
from requests import demo


class Command(BaseCommand):
    help = "Print the demo's log-ins, if its users are there."

    def handle(self, *args: Any, **options: Any) -> None:
        there = set(User.objects.values_list("username", flat=True))
        for role, username, password in demo.logins():
            if username in there:
                self.stdout.write(f"  {role:<18} {username:<8} {password}")
