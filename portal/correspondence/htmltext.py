"""The words of a piece of HTML that a stranger wrote, in time that grows with its length only. Pure."""

import html
import re
from typing import Final

LONGEST: Final = 1_000_000
_CLOSING: Final = {
    "<!--": re.compile("-->"),
    **{
        f"<{name}": re.compile(f"</{name}[^<>]*>", re.IGNORECASE)
        for name in ("script", "style", "head", "title")
    },
}
_OPENING = re.compile(r"<!--|<(?:script|style|head|title)(?=[\s>/])", re.IGNORECASE)
_BREAK = re.compile(r"</?(?:p|div|br|tr|table|li|ul|ol|h[1-6]|blockquote|hr)\b[^<>]*>", re.I)
_LINK = re.compile(
    r"<a\b[^<>]{0,500}?\bhref\s*=\s*[\"']?(https?://[^\"'\s<>]{1,300})[^<>]{0,500}>", re.I
)
# It stops at the next "<" too, so that a row of them costs no more than a row of letters.
_TAG = re.compile(r"<[^<>]*>")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n\s*\n\s*")


def text_of_html(source: str) -> str:
    """What a reader would see, with the addresses of links beside their words."""
    shown = _BREAK.sub("\n", _without_hidden(source[:LONGEST].replace("\n", " ")))
    shown = html.unescape(_TAG.sub("", _LINK.sub(r"[\1] ", shown)))
    lines = _BLANKS.sub(" ", shown).split("\n")
    return _LINES.sub("\n\n", "\n".join(line.strip() for line in lines)).strip()


def _without_hidden(source: str) -> str:
    """Without comments, scripts, styles and the head; what is never closed is left out to the end."""
    shown, at = [], 0
    while opening := _OPENING.search(source, at):
        shown.append(source[at : opening.start()])
        closing = _CLOSING[opening[0].lower()].search(source, opening.end())
        if closing is None:
            return "".join(shown)
        at = closing.end()
    return "".join([*shown, source[at:]])
