"""Runs verbs in child processes, each of which can be told to kill itself: `python -m tests.killing.server MODULE`.

Sets Django up once, then forks a child for every verb that is asked for on its standard input. A child is a real
process with its own database sessions, because the server itself never opens one; SIGKILL gives it no chance
to tidy.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django

Message = dict[str, Any]
LOADED_LATE = (
    "celery.app.amqp",
    "celery.app.task",
    "celery.contrib.django.task",
    "kombu.transport.redis",
)
"""What the first hint to a worker loads: here once, rather than in each child."""


def main(module: str) -> None:
    """Answer the test until it closes the pipe."""
    django.setup()
    for late in LOADED_LATE:
        importlib.import_module(late)
    verbs = importlib.import_module(module).VERBS
    children: dict[str, BaseProcess] = {}
    fork = multiprocessing.get_context("fork")
    with TemporaryDirectory() as folder:
        for line in sys.stdin:
            message = json.loads(line)
            name = message["name"]
            log = Path(folder) / name
            if message["do"] == "start":
                log.unlink(missing_ok=True)
                children[name] = fork.Process(target=_child, args=(verbs, message, log))
                children[name].start()
            else:
                answer = _ended(children.pop(name), log, message["limit"])
                print(json.dumps(answer), flush=True)


def _ended(child: BaseProcess, log: Path, limit: float) -> dict[str, Any]:
    """What a child has come to. One that hangs writes down where it stands, and is killed."""
    child.join(limit)
    hung = ""
    if child.is_alive():
        os.kill(child.pid or 0, signal.SIGUSR1)
        child.join(1)
        hung = _stood(log).read_text() or "(nothing was written)"
        child.kill()
        child.join()
    return {"status": child.exitcode, "hung": hung, **_told(log)}


def _stood(log: Path) -> Path:
    return log.with_name(f"{log.name}.stood")


def _told(log: Path) -> dict[str, Any]:
    told: dict[str, Any] = {"steps": [], "result": None, "error": ""}
    for line in log.read_text().splitlines() if log.exists() else []:
        kind, _, text = line.partition(" ")
        if kind == "step":
            told["steps"].append(text)
        else:
            told[kind] = json.loads(text)
    return told


def _child(verbs: dict[str, Callable[[Message], Any]], message: Message, log: Path) -> None:
    from django.db import connections

    opened = [one.alias for one in connections.all(initialized_only=True) if one.connection]
    assert not opened, f"The server has opened {opened}; its children would share that session."
    os.environ["PGAPPNAME"] = message["session"]
    _enter(message["folders"])
    with log.open("a", buffering=1) as file, _stood(log).open("w") as stood:
        faulthandler.register(signal.SIGUSR1, file=stood)
        if message.get("is_watched", True):
            _watch(message["kill_at"], file.write)
        if message["kill_after"]:
            _trap(message["kill_after"], message["nth"])
        try:
            result = verbs[message["verb"]](message)
            file.write(f"result {json.dumps(result, default=str)}\n")
        except Exception as error:
            file.write(f"error {json.dumps(repr(error))}\n")
            raise


def _enter(folders: dict[str, str]) -> None:
    """Work in the folders of the test, and hold nothing of the one before."""
    from django.conf import settings

    from portal.vault import held

    for name, folder in folders.items():
        setattr(settings, name, type(getattr(settings, name))(folder))
    held.forget_all()


def _watch(kill_at: int | None, write: Callable[[str], object]) -> None:
    """Write the vault's steps down, and die at the one with this number."""
    from portal.vault import steps

    passed = 0

    def hook(name: str) -> None:
        nonlocal passed
        write(f"step {name}\n")
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    steps.hook = hook


def _trap(target: str, nth: int) -> None:
    """Die after the nth call of "package.module:function"."""
    module_name, _, name = target.partition(":")
    module: Any = importlib.import_module(module_name)
    real, calls = getattr(module, name), 0

    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        result = real(*args, **kwargs)
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, deadly)


if __name__ == "__main__":
    main(sys.argv[1])
