"""Log lines that cannot hold personal data.

Invariants: a line holds the time, the level, the logger, the message, and for an exception its type and
the places it passed through, never its text or the values of variables; what looks like an e-mail address,
a long number or a quoted database row in a third party's message is masked all the same.
"""

import logging
import re
import time
import traceback

_ADDRESS = re.compile(r"[^\s@<>'\"=]+@[^\s@<>'\"]+\.[^\s@<>'\"]+")
_NUMBER = re.compile(r"(?<![\w-])\+?\d[\d ().-]{7,}\d(?![\w-])")
_DETAIL = re.compile(r"(DETAIL|CONTEXT|HINT):.*", re.DOTALL)


def scrub(text: str) -> str:
    """Mask what looks like a person's value in `text`."""
    text = _DETAIL.sub(r"\1: [left out]", text)
    text = _ADDRESS.sub("[e-mail]", text)
    return _NUMBER.sub("[number]", text)


class NoPersonalData(logging.Filter):
    """Scrubs the finished message, whatever library wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = scrub(record.getMessage())
        record.args = None
        return True


class LineFormatter(logging.Formatter):
    """One line a record, UTC, and an exception as its type and its path."""

    def format(self, record: logging.LogRecord) -> str:
        at = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        line = f"{at}Z {record.levelname.lower()} {record.name}: {record.msg}"
        if record.exc_info and record.exc_info[0]:
            frames = traceback.extract_tb(record.exc_info[2])
            path = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames[-8:])
            line += f" [{record.exc_info[0].__name__} at {path}]"
        return line

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        return time.gmtime(seconds)
