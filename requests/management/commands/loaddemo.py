"""`manage.py loaddemo`: the fictional clients and staff of the demo."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from requests import demo


class Command(BaseCommand):
    help = "Load the demo, or go on with a load that was cut short. Only with PORTAL_DEMO=1."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo's passwords are public: set PORTAL_DEMO=1 to load it.")
        for sentence in demo.load(timezone.now):
            self.stdout.write(sentence)
