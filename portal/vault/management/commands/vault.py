"""`manage.py vault check | roll | status`."""

from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal import leftovers, vault


class Command(BaseCommand):
    """Look after the keys."""

    help = "Check, roll or show the key trees of the clients."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("check", help="open every page; exit 1 on any fault")
        verbs.add_parser("status", help="show every client's tree in numbers")
        roll = verbs.add_parser("roll", help="replace roots, which seals earlier erasures")
        which: argparse._MutuallyExclusiveGroup = roll.add_mutually_exclusive_group(required=True)
        which.add_argument("--client", type=UUID, help="the id of one client")
        which.add_argument("--all", action="store_true", help="every client")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "check":
            self._check()
        elif options["verb"] == "roll":
            self._roll(options["client"])
        else:
            self._status()

    def _check(self) -> None:
        report = vault.check()
        for fault in report.faults:
            self.stderr.write(fault)
        self.stdout.write(
            f"{report.clients} clients, {report.pages} pages, {report.slots_used} keys handed out,"
            f" {report.shredded} shredded, {report.journalled} erasures journalled,"
            f" {len(report.faults)} faults"
        )
        self._tell_leftovers()
        if report.faults:
            raise CommandError("The vault has faults.", returncode=1)

    def _tell_leftovers(self) -> None:
        """Files that crashes have left without a row are no fault of the vault, but nobody can open them."""
        found = leftovers.find(timezone.now())
        self.stdout.write(
            f"{found.files} sealed files older than a day, of which no row names {found.total}"
        )
        if found.are_too_many:
            self.stderr.write(
                "These are too many to be left from crashes, so none is removed. Is the media folder"
                " the one of this database?"
            )

    def _roll(self, client_id: UUID | None) -> None:
        active = [found.client_id for found in vault.status() if found.state == "active"]
        failed = 0
        for chosen in [client_id] if client_id else active:
            try:
                gone = vault.roll(chosen)
            except vault.VaultError as error:
                failed += 1
                self.stderr.write(f"client {chosen} was not rolled: {error}")
            else:
                self.stdout.write(f"client {chosen}: root {gone} destroyed, root {gone + 1} in use")
        if failed:
            raise CommandError(f"{failed} clients were not rolled.", returncode=1)

    def _status(self) -> None:
        for found in vault.status():
            self.stdout.write(
                f"client {found.client_id}: {found.state}, root {found.root_generation},"
                f" {found.pages} pages, {found.slots_used} keys handed out,"
                f" {found.shredded} shredded" + (", PENDING RECOVERY" if found.pending else "")
            )
