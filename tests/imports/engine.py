"""How the tests of the engine get an import to where they need it, by the real verbs."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from clients.models import Client
from consumers import mapping as mappings
from consumers.imports import batches, runner, samples, verbs
from consumers.imports.models import ImportJob
from consumers.mapping import Mapping
from consumers.models import BlindIndex, Consumer
from consumers.profile import Profile
from consumers.vaulting import open_profiles
from portal import vault
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from tests.factories import NOW, make_client, make_instruction, make_user, staff_in

DATA = Path(__file__).parent.parent / "data"
FEBRL, CDNOW = DATA / "febrl4a.csv", DATA / "cdnow_master.txt"
HEADER = "customer_id,first_name,surname,email,phone,street,city,state,zip"


def ready_client(**settings: Any) -> Client:
    """A client with a standing instruction to process."""
    client = make_client(managers=[make_user(ACCOUNT_MANAGER)], **settings)
    make_instruction(client)
    return client


def manager_of(client: Client) -> User:
    """The client's account manager."""
    user: User = client.assignments.get().user
    return user


def officer() -> User:
    """The Security Officer."""
    return staff_in(SECURITY_OFFICER)


def upload(
    client: Client, content: bytes | str | Path, kind: str = "consumers", *, now: datetime = NOW
) -> ImportJob:
    """An uploaded import."""
    if isinstance(content, Path):
        content = content.read_bytes()
    stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return verbs.create_import(
        client=client, kind=kind, upload=stream, by=manager_of(client), now=now
    )


def start(
    job: ImportJob, *, now: datetime = NOW, mapping: Mapping | None = None, **options: Any
) -> ImportJob:
    """A queued import, with the mapping that the columns suggest unless another is given."""
    mapping = mapping or verbs.columns(job).mapping
    verbs.start_import(job, mapping=mapping, by=manager_of(job.client), now=now, **options)
    return job


def bring_in(
    client: Client, content: bytes | str | Path, kind: str = "consumers", **options: Any
) -> ImportJob:
    """An import that has run."""
    job = start(upload(client, content, kind), **options)
    assert runner.run_job(job, clock())
    return job


def clock(start: datetime = NOW) -> Callable[[], datetime]:
    """A clock that moves on by a second at each look, as the database's rows need no real time."""
    looks = [start]

    def look() -> datetime:
        looks[0] += timedelta(seconds=1)
        return looks[0]

    return look


def people(*rows: str) -> str:
    """A file of consumers with `HEADER`."""
    return "\n".join((HEADER, *rows)) + "\n"


def profiles(client: Client) -> dict[str, Profile]:
    """The stored profiles by external id or, without one, by e-mail address."""
    found = open_profiles(Consumer.objects.filter(client=client, state="active"))
    return {p.external_id or p.email or p.surname or "": p for p in found.values()}


def suggestion(headers: list[str], kind: str) -> Mapping:
    """The mapping that these columns suggest."""
    return mappings.suggest(headers, kind=kind)


def joined(limit: int | None = None) -> bytes:
    """The joined people as a file."""
    target = io.BytesIO()
    samples.write_joined(FEBRL, target, limit=limit)
    return target.getvalue()


def small_batches(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let batches be so small that a few rows make several of them."""
    monkeypatch.setattr(runner, "batches", partial(batches.batches, size=size))


def id_of(client: Client, name: str) -> UUID:
    """The id of the person whose external id is `name`."""
    digest = vault.indexer(client.pk).digest("external_id", name)
    found: UUID = BlindIndex.objects.get(client_id=client.pk, kind=3, digest=digest).consumer_id
    return found


def make_manager() -> User:
    """An account manager who has no clients yet."""
    return make_user(ACCOUNT_MANAGER)
