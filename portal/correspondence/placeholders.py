"""Placeholders in staff's texts: `{reference}` and nothing else. Pure.

Invariant: a text is data. No expression, filter or lookup exists, so that a template cannot reach anything
that its purpose does not offer, and a value that holds braces is never filled in again.
"""

import re
from collections.abc import Collection, Mapping

from portal.errors import Refused

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_STRAY = re.compile(r"\{[^{}\n]{0,40}\}?")


def names_in(text: str) -> set[str]:
    """The names of the placeholders of `text`."""
    return set(_PLACEHOLDER.findall(text))


def check(text: str, known: Collection[str]) -> None:
    """Raise Refused with what to do where `text` has a placeholder that is not known, or a brace that is none."""
    offered = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
    if unknown := sorted(names_in(text) - set(known)):
        wrong = ", ".join(f"{{{name}}}" for name in unknown)
        raise Refused(f"There is no {wrong} here. You can use: {offered}.", code="placeholder")
    if _STRAY.search(_PLACEHOLDER.sub("", text)):
        raise Refused(
            f"A brace opens a placeholder that is not complete. You can use: {offered}.",
            code="placeholder",
        )


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with its placeholders replaced, each once. Raises KeyError with the name of one without a value."""
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], text)
