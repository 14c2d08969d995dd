"""`manage.py demologins`: how to log in to the demo as each role, with the codes of this moment."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from portal.access.demo import next_code
from portal.models import User
from requests import demo


class Command(BaseCommand):
    help = "Print the demo's log-ins with their one-time codes of this moment. Only with PORTAL_DEMO=1."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            return
        there = User.objects.in_bulk(field_name="username")
        now = timezone.now()
        for role, username, password in demo.logins():
            if username in there:
                code = next_code(there[username], now=now) or "(wait half a minute)"
                self.stdout.write(f"  {role:<18} {username:<8} {password}  {code}")
        self.stdout.write(
            "  The last column is the code of the second step, good for half a minute."
        )
        self.stdout.write("  Fresh ones, in a second terminal: make codes")
