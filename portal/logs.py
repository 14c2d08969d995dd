"""Log lines that cannot hold personal data.

Invariants: a line holds the time, the level, the logger, the message, and for an exception its type and
the places it passed through, never its text or the values of variables, though a library puts them into its
message; of a page its route, never its address, into which anybody can type anything; what looks like an e-mail
address, a long number or a quoted database row in a third party's message is masked all the same.
"""

import logging
import re
import time
import traceback
from collections.abc import Mapping
from typing import Any

_ADDRESS = re.compile(r"[^\s@<>'\"=]+@[^\s@<>'\"]+\.[^\s@<>'\"]+")
_NUMBER = re.compile(r"(?<![\w-])\+?\d[\d ().-]{7,}\d(?![\w-])")
_DETAIL = re.compile(r"(DETAIL|CONTEXT|HINT):.*", re.DOTALL)


def scrub(text: str) -> str:
    """Mask what looks like a person's value in `text`."""
    text = _DETAIL.sub(r"\1: [left out]", text)
    text = _ADDRESS.sub("[e-mail]", text)
    return _NUMBER.sub("[number]", text)


_OURS = ("portal", "clients", "consumers", "requests")
_REQUEST_LINE = re.compile(r"([A-Z]+) \S.*", re.DOTALL)
# What Celery tells of a task that failed; its exception is written as a `repr`, which holds its text.
_TASK_FAULT = {"exc", "traceback", "args", "kwargs"}


class NoPersonalData(logging.Filter):
    """Scrubs the finished message, whatever library wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".")[0] not in _OURS:
            record.args = _harmless(record)
        record.msg = scrub(record.getMessage())
        record.args = None
        return True


def _harmless(record: logging.LogRecord) -> Any:
    """The arguments of another's message without exceptions' texts and pages' addresses."""
    if isinstance(record.args, Mapping):
        told = dict(record.args)
        if told.keys() >= _TASK_FAULT:
            told |= dict.fromkeys(_TASK_FAULT, "") | {"exc": str(told["exc"]).partition("(")[0]}
        return told
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    route = f"/{match.route}" if match else "[no such page]"
    return tuple(_without_address(argument, route) for argument in record.args or ())


def _without_address(argument: object, route: str) -> object:
    if isinstance(argument, BaseException):
        return type(argument).__name__
    if isinstance(argument, str) and argument.startswith("/"):
        return route
    if (
        isinstance(argument, str)
        and (line := _REQUEST_LINE.fullmatch(argument))
        and "/" in argument
    ):
        return f"{line[1]} {route}"
    return argument


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
