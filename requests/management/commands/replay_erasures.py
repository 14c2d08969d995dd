"""`manage.py replay_erasures`: after a restore of the main database, before anything is served from it."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from portal.models import User
from requests.erasures.replay import replay


class Command(BaseCommand):
    help = "Carry out again, in a restored database, the erasures that the journal has and it lacks (R41)."

    def handle(self, *args: Any, **options: Any) -> None:
        lines = people = 0
        for number, erased in replay(by=User.objects.system(), now=timezone.now()):
            lines, people = lines + 1, people + erased
            self.stdout.write(f"journal line {number}: {erased} people erased again")
        self.stdout.write(f"{lines} lines replayed, {people} people erased again.")
