"""Letters and documents as PDF, set by typst from the templates in `templates/letters`.

Invariants:
- Data reach a template as JSON and are shown as text: nothing in a value is ever run as markup.
- A document is made in memory; neither it nor its data touch the disk.
- Documents are tagged (PDF/UA-1) and fit for archives (PDF/A-2a). Where a name has a letter that no font of
  this machine can show, the document is still made, tagged but without that claim.
- An error names the template only: typst's own error quotes the text that it failed on.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import typst
from django.conf import settings

log = logging.getLogger(__name__)
FOLDER: Final = Path(settings.BASE_DIR) / "templates" / "letters"
STANDARDS: "Final[list[typst.PDFStandard]]" = ["ua-1", "a-2a"]
_NAME = re.compile(r"[a-z][a-z0-9_]*\.typ")


class LetterFailed(RuntimeError):
    """A document that could not be made. The text names its template and nothing of its content."""


def render_pdf(template: str, data: Mapping[str, Any], *, made_at: datetime | None = None) -> bytes:
    """The PDF of `template` ("tail_statement.typ") filled with `data`, which must fit into JSON.

    A template reads it with `#let data = json(bytes(sys.inputs.data))`. `made_at` (aware) is the document's
    date of creation; the same data and time give the same bytes. Raises LetterFailed.
    """
    if not _NAME.fullmatch(template) or not (FOLDER / template).is_file():
        raise LetterFailed("There is no such template of a letter.")
    try:
        return _compile(template, data, made_at, STANDARDS)
    except typst.TypstError:
        log.warning("%s does not keep to PDF/UA and is made without it", template)
    try:
        return _compile(template, data, made_at, [])
    except typst.TypstError:
        # Raised anew outside of the handler, so that no chained error carries the text either.
        pass
    raise LetterFailed(f"The letter {template} could not be set.")


def _compile(
    template: str,
    data: Mapping[str, Any],
    made_at: datetime | None,
    standards: "list[typst.PDFStandard]",
) -> bytes:
    compiler = typst.Compiler(
        str(FOLDER / template),
        root=str(FOLDER),
        font_paths=_fonts(),
        sys_inputs={"data": orjson.dumps(dict(data)).decode()},
    )
    # The wheel takes whole seconds at a fixed offset only, not a zone by its name.
    stamp = (made_at or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    pdf = compiler.compile(format="pdf", pdf_standards=standards, pdf_tags=True, timestamp=stamp)
    if not isinstance(pdf, bytes):
        raise LetterFailed(f"The letter {template} gave no document.")
    return pdf


@cache
def _fonts() -> typst.Fonts:
    """The wheel's own fonts, and those of the machine for letters that they lack; looked for once."""
    return typst.Fonts(include_system_fonts=True)
