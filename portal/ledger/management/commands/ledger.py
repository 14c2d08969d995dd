"""manage.py ledger verify|seal|status|key|accept-restore"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal import ledger
from portal.errors import Refused
from portal.ledger import keychange, signing
from portal.ledger.checkpoints import note_of
from portal.ledger.errors import LedgerBroken
from portal.ledger.models import Checkpoint, Leaf
from portal.models import User


class Command(BaseCommand):
    """The ledger on the command line."""

    help = "Verify or seal the ledger, show where it stands, or print its public key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand each."""
        commands = parser.add_subparsers(dest="command", required=True)
        verify = commands.add_parser("verify", help="recompute everything; exit code 1 on a fault")
        verify.add_argument("--json", action="store_true", help="print the report as JSON")
        commands.add_parser("seal", help="seal all leaves that are not sealed yet")
        commands.add_parser("status", help="sizes, and the last checkpoint as a signed note")
        key = commands.add_parser("key", help="print the public key for those who verify")
        key.add_argument(
            "--create", action="store_true", help="make a key if there is none, and let it sign"
        )
        key.add_argument("--by", default="", help="your user name, where it replaces another key")
        key.add_argument("--pem", action="store_true", help="print it as PEM, for openssl")

        restore = commands.add_parser("accept-restore", help="seal on after a restored backup")
        restore.add_argument("--by", required=True, help="your user name, for the ledger")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand."""
        try:
            getattr(self, f"_{options['command'].replace('-', '_')}")(options)
        except (LedgerBroken, Refused) as fault:
            raise CommandError(str(fault)) from None

    def _verify(self, options: dict[str, Any]) -> None:
        report = ledger.verify()
        if options["json"]:
            findings = [vars(item) for item in report.findings]
            self.stdout.write(json.dumps({**vars(report), "findings": findings, "ok": report.ok}))
        else:
            self._tell(report)
        if not report.ok:
            raise CommandError(f"The ledger is not intact: {len(report.findings)} findings.")

    def _tell(self, report: "ledger.verification.Report") -> None:
        for finding in report.findings:
            self.stdout.write(self.style.ERROR(f"{finding.code}: {finding.sentence}"))
        for warning in report.warnings:
            self.stdout.write(self.style.WARNING(f"warning: {warning}"))
        self.stdout.write(
            f"{report.size} leaves under {report.checkpoints} checkpoints examined,"
            f" {report.unsealed} not sealed yet."
        )
        if report.ok:
            self.stdout.write(self.style.SUCCESS("The ledger is intact."))

    def _seal(self, options: dict[str, Any]) -> None:
        checkpoint = ledger.seal(now=timezone.now())
        self.stdout.write(note_of(checkpoint) if checkpoint else "Nothing to seal.")

    def _accept_restore(self, options: dict[str, Any]) -> None:
        by = self._person(options["by"])
        checkpoint = ledger.accept_restore(by=by, now=timezone.now())
        self.stdout.write(note_of(checkpoint) if checkpoint else "Nothing to seal.")

    def _person(self, name: str) -> User:
        by = User.objects.filter(username=name, is_active=True).first()
        if by is None:
            raise CommandError("There is no active member of staff of this name.")
        return by

    def _status(self, options: dict[str, Any]) -> None:
        waiting = Leaf.objects.filter(leaf_index=None).count()
        last = Checkpoint.objects.order_by("-size").first()
        self.stdout.write(f"{last.size if last else 0} leaves sealed, {waiting} waiting.")
        if last:
            self.stdout.write(note_of(last))

    def _key(self, options: dict[str, Any]) -> None:
        path: Path = settings.LEDGER_KEY_PATH
        if options["create"]:
            key = self._other_key(path, options["by"])
        elif path.exists():
            key = signing.load_key(path, settings.LEDGER_ORIGIN)
        else:
            raise CommandError("There is no key yet; `ledger key --create` makes one.")
        show = signing.public_pem(key.public) if options["pem"] else ""
        self.stdout.write(show or signing.verifier_key(key.origin, key.public))

    def _other_key(self, path: Path, by: str) -> signing.SigningKey:
        """The key, made if there is none; accepted by name where another one signed before."""
        last = Checkpoint.objects.order_by("-size").first()
        person = self._person(by) if last else None
        key = signing.create_key(path, settings.LEDGER_ORIGIN)
        if last and person and bytes(last.public_key) != key.public:
            keychange.accept(key.public, by=person, now=timezone.now())
        return key
