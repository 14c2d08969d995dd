"""`manage.py state_diagrams`: write the diagrams of all state tables to docs/states."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal.cases.states import StateTable


def all_tables() -> list[StateTable]:
    """The tables of every `states` module of the project, by name."""
    found: dict[str, StateTable] = {}
    for config in apps.get_app_configs():
        if config.module is None or not Path(config.path).is_relative_to(settings.BASE_DIR):
            continue
        for info in pkgutil.walk_packages(config.module.__path__, f"{config.name}."):
            if info.name.endswith(".states"):
                module = importlib.import_module(info.name)
                tables = (one for one in vars(module).values() if isinstance(one, StateTable))
                found |= {table.name: table for table in tables}
    return [found[name] for name in sorted(found)]


def page(table: StateTable) -> str:
    """The page of one table: its diagram, and who may do what in which state."""
    lines = [
        f"# States of the {table.name}",
        "",
        "Made by `manage.py state_diagrams`; a test compares it with the code.",
        "",
        f"```mermaid\n{table.mermaid()}```",
        "",
        "| verb | from | to | who |",
        "| --- | --- | --- | --- |",
    ]
    for verb in table.transitions.values():
        sources = ", ".join(state for state in table.states if state in verb.sources)
        roles = ", ".join(sorted(verb.roles))
        lines.append(
            f"| {verb.verb} | {sources} | {verb.target or '(as the verb finds)'} | {roles} |"
        )
    return "\n".join(lines) + "\n"


def file_name(table: StateTable) -> str:
    """Where the page of a table lies in the folder."""
    return f"{table.name.replace(' ', '-')}.md"


class Command(BaseCommand):
    """See the module's docstring."""

    help = "Write the diagrams of all state tables."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", default=str(Path(settings.BASE_DIR) / "docs" / "states"))

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["to"])
        folder.mkdir(parents=True, exist_ok=True)
        for table in all_tables():
            (folder / file_name(table)).write_text(page(table), encoding="utf-8")
            self.stdout.write(file_name(table))
