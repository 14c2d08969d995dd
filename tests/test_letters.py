"""Documents as PDF: tagged, in memory, and silent about their content when they fail."""

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from portal import letters
from portal.letters import LetterFailed, render_pdf

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
STATEMENT: dict[str, Any] = {
    "title": "Catalogs after your opt-out",
    "company": "Example Company",
    "client": "Example Client",
    "reference": "CS-2026-000001",
    "written_on": "24 November 2026",
    "address": ["Alice Example", "1 Main Street", "Boston MA 02210"],
    "brand": "",
    "opted_out_on": "20 November 2026",
    "final_on": "20 May 2027",
    "tail": [{"name": "Spring", "locked_on": "1 November 2026", "mailed_on": "22 November 2026"}],
    "violations": 0,
    "contact": "the privacy office",
}


def test_a_document_is_tagged_for_screen_readers_and_fit_for_archives() -> None:
    pdf = render_pdf("tail_statement.typ", STATEMENT, made_at=AT)
    assert pdf.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf


def test_the_same_data_and_time_give_the_same_bytes() -> None:
    assert render_pdf("tail_statement.typ", STATEMENT, made_at=AT) == render_pdf(
        "tail_statement.typ", STATEMENT, made_at=AT
    )


def test_a_value_is_text_and_never_markup() -> None:
    evil = {**STATEMENT, "title": '#panic("run") $ * _ @x <y> \\ `z` //'}
    assert render_pdf("tail_statement.typ", evil, made_at=AT).startswith(b"%PDF-")


def test_a_letter_that_no_font_has_costs_the_claim_and_not_the_document(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unknown = "\u0001-Alice"
    with caplog.at_level(logging.WARNING):
        pdf = render_pdf("tail_statement.typ", {**STATEMENT, "address": [unknown]}, made_at=AT)
    assert b"pdfuaid" not in pdf
    assert b"/StructTreeRoot" in pdf
    assert "Alice" not in caplog.text


def test_a_failure_names_the_template_and_no_value() -> None:
    broken = {**STATEMENT, "tail": "Alice Example"}
    with pytest.raises(LetterFailed) as failed:
        render_pdf("tail_statement.typ", broken, made_at=AT)
    assert "Alice" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


@pytest.mark.parametrize("name", ["../x.typ", "/etc/passwd", "nothing.typ", "tail_statement"])
def test_only_templates_of_the_folder_are_rendered(name: str) -> None:
    with pytest.raises(LetterFailed):
        render_pdf(name, {})


def test_nothing_is_written_to_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("TMPDIR", str(empty))
    before = {path.name for path in letters.FOLDER.iterdir()}
    render_pdf("tail_statement.typ", STATEMENT, made_at=AT)
    assert {path.name for path in letters.FOLDER.iterdir()} == before
    assert not list(empty.iterdir())
