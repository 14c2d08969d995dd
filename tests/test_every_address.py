"""Every address of the portal, also one that is added later, tried with the ids of another client.

Whatever stands between "/" and "/" is filled with each of the other client's things, by every method, by an
account manager of another client, by one whose assignment was just removed, and by a stranger.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from clients.drops import plan_drop
from clients.models import Brand, Client, Instruction
from clients.verbs import save_brand, unassign_manager
from consumers.models import Consumer, ImportJob, SuppressionToken
from consumers.profile import Profile
from portal.cases.models import CaseFile
from portal.models import User
from portal.roles import (
    ACCOUNT_MANAGER,
    ADMINISTRATOR,
    AUDITOR,
    DISPUTE_STAFF,
    SECURITY_OFFICER,
)
from requests.erasures import verbs as erasures
from requests.models import CatalogSuppression, Erasure
from requests.optouts.verbs import log_opt_out
from tests.erasures.people import ALICE, load, with_quarantined_row
from tests.factories import make_client, make_instruction, make_user, staff_in

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

MARKS = ("Zanzibar", "alice", "archer", "cust-000001")
VERBS = ("approve", "withdraw", "hold", "close", "stop", "move")
"""Some of each kind of case. Another client's case must be unknown before its verb is looked at."""
OPEN = (
    "login/",
    "logout/",
    "healthz",
    "jsi18n/",
    "password_change/",
    "password_change/done/",
    "privacy/request/",
    "",
)
"""What shows nothing of a client to anybody, or is one's own; the start page is asked apart."""


def patterns(
    resolver: URLResolver, before: str = ""
) -> Iterator[tuple[str, dict[str, Any], URLPattern]]:
    """Every route as text, with the names and converters of its parameters."""
    for one in resolver.url_patterns:
        if not isinstance(one.pattern, RoutePattern):
            continue  # the catch-all, which only adds a slash
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from patterns(one, route)
        else:
            yield route, one.pattern.converters, one


@pytest.fixture
def theirs(now: datetime) -> Client:
    """A client with one of everything."""
    manager = make_user(ACCOUNT_MANAGER, username="amira")
    admin = staff_in(ADMINISTRATOR)
    client = make_client("Zanzibar Traders", managers=[manager], now=now)
    save_brand(Brand(client=client, name="Zanzibar Brand"), by=admin, now=now)
    plan_drop(
        client=client,
        name="Zanzibar catalog",
        mail_date=(now + timedelta(days=4000)).date(),
        lead_days=21,
        by=manager,
        now=now,
    )
    load(client, [ALICE], now=now)
    log_opt_out(
        client=client,
        address=Profile(email="alice@example.com"),
        marketing_channel="",
        channel="email",
        received_at=now,
        text="Alice Archer of Zanzibar",
        by=manager,
        now=now,
    )
    erasures.log_erasure(
        client=client,
        instruction=make_instruction(client, Instruction.Kind.ERASURE),
        people=[Profile(email="alice@example.com")],
        channel="email",
        received_at=now,
        by=manager,
        now=now,
    )
    with_quarantined_row(client, ALICE, now=now)
    return client


def ids_of(client: Client) -> list[str]:
    """The ids of everything that belongs to the client, of every kind."""
    mine = {"client_id": client.pk}
    kinds: tuple[Any, ...] = (
        Instruction, Consumer, ImportJob, Erasure, CatalogSuppression, CaseFile, SuppressionToken,
    )  # fmt: skip
    rows = [row for kind in kinds for row in kind.objects.filter(**mine)[:1]]
    rows += client.mail_drops.all()
    opt_outs = type(CatalogSuppression.objects.get().opt_out).objects.filter(**mine)
    return [str(client.pk), *(str(row.pk) for row in [*rows, *opt_outs])]


def addresses(ids: list[str]) -> Iterator[str]:
    """Every address that can be made of the routes and these ids."""
    for route, converters, _ in patterns(get_resolver()):
        choices = [list(_values(name, converter, ids)) for name, converter in converters.items()]
        for chosen in product(*choices):
            yield "/" + _filled(route, dict(zip(converters, chosen, strict=True)))


def _values(name: str, converter: Any, ids: list[str]) -> Iterator[str]:
    if name == "verb":
        yield from VERBS
    elif name == "what":
        yield from ("email", "mail", "every")
    elif name == "file_id":
        yield from [one for one in ids if _is_file(one)][:1]
    elif name in ("app_label", "url"):
        yield "clients"
    else:
        yield from (one for one in ids if _fits(converter, one))


def _fits(converter: Any, value: str) -> bool:
    try:
        converter.to_python(value)
    except ValueError:
        return False
    return True


def _is_file(value: str) -> bool:
    try:
        return CaseFile.objects.filter(pk=UUID(value)).exists()
    except ValueError:
        return False


def _filled(route: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        begin = route.index("<")
        end = route.index(">") + 1
        assert route[begin:end].rstrip(">").rpartition(":")[2].strip("<") == name
        route = route[:begin] + value + route[end:]
    return route


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def unseen(browser: Browser, address: str, posted: dict[str, Any] | None) -> None:
    answer = browser.get(address) if posted is None else browser.post(address, posted)
    assert answer.status_code in (200, 302, 400, 403, 404, 405, 422), (address, answer.status_code)
    content = b"".join(answer) if answer.streaming else answer.content
    text = content.decode(errors="replace").lower() + answer.headers.get("Location", "").lower()
    assert not [mark for mark in MARKS if mark.lower() in text], address


def state_of_everything(client: Client) -> list[Any]:
    """What would have changed had anything been done to the client."""
    mine = {"client_id": client.pk}
    return [
        list(Instruction.objects.filter(**mine).values_list("state", "used_by_case")),
        list(Erasure.objects.filter(**mine).values_list("state", "approved_by")),
        list(ImportJob.objects.filter(**mine).values_list("state", "instruction")),
        list(client.mail_drops.values_list("state", "mail_date")),
        list(CatalogSuppression.objects.filter(**mine).values_list("state", "has_violation")),
        Consumer.objects.filter(**mine, state="active").count(),
        SuppressionToken.objects.filter(**mine).count(),
        CaseFile.objects.filter(**mine).count(),
        list(client.assignments.values_list("user", flat=True)),
        Client.objects.filter(pk=client.pk).values_list("name", "ended_at").get(),
    ]


POSTED = {
    "confirmation": "ER-2026-000001", "finding": "x", "reason": "client_asked", "text": "x",
    "name": "Taken", "channel": "email", "ground": "litigation", "confirmed": "on",
    "received_at": "2026-11-20T10:00", "email": "somebody@example.com",
}  # fmt: skip


@pytest.mark.parametrize("who", ["of another client", "just unassigned"])
def test_no_address_tells_or_does_anything_of_another_client(
    theirs: Client, now: datetime, who: str
) -> None:
    user = User.objects.get(username="amira")
    if who == "just unassigned":
        browser = browser_of(user)
        assert "Zanzibar" in browser.get("/clients/client/").content.decode()
        unassign_manager(theirs, user, by=staff_in(ADMINISTRATOR), now=now)
    else:
        user = make_user(ACCOUNT_MANAGER, DISPUTE_STAFF, username="adam")
        make_client("Harbor Outfitters", managers=[user])
        browser = browser_of(user)
    before = state_of_everything(theirs)
    tried = 0
    for address in addresses(ids_of(theirs)):
        if address.strip("/") in {one.strip("/") for one in OPEN}:
            continue
        unseen(browser, address, None)
        if not address.endswith(("/history/", "/delete/", ".json", ".pdf")):
            unseen(browser, address, POSTED | {"client": theirs.pk})
        tried += 1
    unseen(browser, "/", None)
    assert tried > 300
    assert state_of_everything(theirs) == before


def test_no_address_is_open_to_a_stranger(theirs: Client) -> None:
    browser = Browser()
    for address in addresses(ids_of(theirs)):
        if address.strip("/") in {one.strip("/") for one in OPEN}:
            continue
        for answer in (browser.get(address), browser.post(address, POSTED)):
            if answer.status_code == 302:
                assert answer["Location"].startswith("/login/"), address
            else:
                assert answer.status_code in (200, 403, 405), (address, answer.status_code)
                assert answer.headers.get("HX-Refresh") or answer.status_code != 200, address


def test_no_address_lets_an_auditor_or_administrator_decide(theirs: Client) -> None:
    before = state_of_everything(theirs)
    for role in (AUDITOR, ADMINISTRATOR):
        browser = browser_of(make_user(role))
        for address in addresses(ids_of(theirs)):
            if "/verb/" in address or "/do/" in address or "/log/" in address:
                browser.post(address, POSTED | {"client": theirs.pk})
    # An administrator plans and moves mailings, which is no decision about a person.
    after = state_of_everything(theirs)
    assert after[:3] + after[4:] == before[:3] + before[4:]


def test_the_walk_meets_what_it_must(theirs: Client) -> None:
    """It can fail: the Security Officer sees the marks on many of the very same addresses."""
    browser = browser_of(make_user(SECURITY_OFFICER))
    seen = 0
    for address in addresses(ids_of(theirs)):
        answer = browser.get(address)
        content = b"".join(answer) if answer.streaming else answer.content
        seen += answer.status_code == 200 and b"Zanzibar" in content
    assert seen > 15, seen
