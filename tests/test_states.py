"""State tables: what they promise of themselves, and their diagrams in the docs."""

import io
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

from portal.cases.models import Case
from portal.cases.states import StateTable, transition_of
from portal.errors import Refused
from portal.management.commands.state_diagrams import all_tables, file_name, page
from portal.roles import ALL_ROLES, SYSTEM

TABLES = all_tables()
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
FOLDER = Path(settings.BASE_DIR) / "docs" / "states"


def test_every_kind_of_case_has_its_table_among_those_that_are_drawn() -> None:
    used = {model.TABLE.name for model in apps.get_models() if issubclass(model, Case)}
    assert used
    assert used <= {table.name for table in TABLES}


@each_table
def test_the_page_in_the_docs_is_what_the_table_says(table: StateTable) -> None:
    written = (FOLDER / file_name(table)).read_text(encoding="utf-8")
    assert table.mermaid() in written
    assert written == page(table), "run manage.py state_diagrams"


def test_no_page_is_left_of_a_table_that_is_gone() -> None:
    assert {path.name for path in FOLDER.glob("*.md")} == {file_name(table) for table in TABLES}


def test_the_command_writes_every_page(tmp_path: Path) -> None:
    call_command("state_diagrams", to=str(tmp_path), stdout=io.StringIO())
    assert {path.name for path in tmp_path.glob("*.md")} == {file_name(table) for table in TABLES}


@each_table
def test_every_state_can_be_reached(table: StateTable) -> None:
    targets = {verb.target for verb in table.transitions.values()} | {table.initial}
    # A verb that decides the target itself names it in its code; all tables list such states as sources.
    decides = any(verb.target is None for verb in table.transitions.values())
    unreached = set(table.states) - targets
    named = {state for verb in table.transitions.values() for state in verb.sources}
    assert not unreached or (decides and unreached <= named | table.final)


@each_table
def test_a_state_without_a_way_out_is_final(table: StateTable) -> None:
    left = {
        state
        for verb in table.transitions.values()
        for state in verb.sources
        if verb.target not in (None, state)
    }
    decided = {s for v in table.transitions.values() if v.target is None for s in v.sources}
    assert set(table.states) - left - decided <= table.final


@each_table
def test_every_verb_is_given_to_roles_that_exist(table: StateTable) -> None:
    for verb in table.transitions.values():
        assert verb.roles
        assert verb.roles <= {*ALL_ROLES, SYSTEM}


def test_a_refusal_says_which_state_it_is_in_and_which_it_would_need() -> None:
    table = StateTable(
        "letter",
        {"drafted": "Drafted", "sent": "Sent"},
        [transition_of("send", ["drafted"], "sent", ["Auditor"])],
        initial="drafted",
        final=["sent"],
    )
    with pytest.raises(Refused, match="is “Sent”; to send it, it must be “Drafted”") as refused:
        table.check("send", "sent")
    assert refused.value.code == "state"
    assert not table.permits("send", "sent")


def test_a_table_that_names_an_unknown_state_is_not_made() -> None:
    with pytest.raises(ValueError, match="burnt"):
        StateTable(
            "letter",
            {"drafted": "Drafted"},
            [transition_of("burn", ["drafted"], "burnt", ["Auditor"])],
            initial="drafted",
            final=[],
        )


def test_a_table_that_lists_a_verb_twice_is_not_made() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        StateTable(
            "letter",
            {"drafted": "Drafted", "sent": "Sent"},
            [
                transition_of("send", ["drafted"], "sent", ["Auditor"]),
                transition_of("send", ["sent"], "sent", ["Auditor"]),
            ],
            initial="drafted",
            final=["sent"],
        )
