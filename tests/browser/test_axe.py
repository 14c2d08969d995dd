"""The main pages as axe judges them (WCAG 2.2 AA), in light and dark, on a laptop and on a telephone."""

import os
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from consumers.profile import Profile
from portal.correspondence import verbs as correspondence
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER
from requests.erasures import verbs as erasures
from requests.inquiries import letters
from requests.optouts.verbs import log_opt_out
from tests.browser.conftest import LogIn
from tests.disputes.helpers import make_dispute
from tests.erasures.intake import ROWS, content, upload
from tests.erasures.people import ALICE, BOB, load
from tests.factories import PASSWORD, make_client, make_instruction, make_user, staff_in
from tests.inquiries.helpers import make_inquiry, triaged

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(databases=["default", "vault"], transaction=True),
]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Colours fade in the stock admin; axe shall see where they arrive.
RUN = """async () => {
  document.getAnimations().forEach(one => one.finish());
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, preload: false});
  return {
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    faults: found.violations.filter(one => ["serious", "critical"].includes(one.impact))
      .flatMap(one => one.nodes.map(node => [one.id, node.target.join(" "), node.failureSummary].join(" | "))),
  };
}"""
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


def faults_of(page: Page, name: str) -> Iterator[str]:
    """What is wrong with a page in each of its four looks; PICTURE_FOLDER=… keeps a picture of each."""
    for scheme, width in LOOKS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(AXE)
        found: dict[str, Any] = page.evaluate(RUN)
        yield from (f"{name}, {scheme}, {width}: {fault}" for fault in found["faults"])
        if found["wide"] > 0:
            yield f"{name}, {scheme}, {width}: wider than the window by {found['wide']} pixels"
        if folder := os.environ.get("PICTURE_FOLDER"):
            page.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)


def main_pages() -> dict[str, str]:
    """The addresses of the pages, by name, with a case of each kind on them."""
    now = timezone.now()
    adam = make_user(ACCOUNT_MANAGER, username="adam", first_name="Adam", last_name="Alvarez")
    client = make_client("Harbor Outfitters", managers=[adam], now=now)
    load(client, [ALICE, BOB], now=now)
    instruction = make_instruction(client, "erasure", now=now, is_standing=True)
    arrived: dict[str, Any] = {"received_at": now - timedelta(days=1), "by": adam, "now": now}
    opt_out = log_opt_out(
        client=client,
        address=Profile(email=ALICE.email),
        marketing_channel="mail",
        channel="email",
        text="No more catalogs, please.",
        **arrived,
    )
    erasure = erasures.log_erasure(
        client=client,
        instruction=instruction,
        people=[ALICE, BOB],
        channel="email",
        **arrived,
    )
    file = upload(client, content(*ROWS), now, instruction=instruction)
    waiting, inquiry = make_inquiry(now=now), triaged(make_inquiry(now=now), client, now=now)
    dispute = make_dispute(now=now - timedelta(days=47))
    letter = correspondence.draft(
        waiting,
        letters.ACKNOWLEDGEMENT,
        to=letters.sender(waiting),
        values=letters.values_of(waiting, now, next_step=letters.NEXT_STEP),
        by=staff_in(SECURITY_OFFICER),
        now=now,
    )
    case = "admin:requests_{}_change"
    return {
        "start": reverse("admin:index"),
        "worklist": f"{reverse('worklist')}?whose=all",
        "list": reverse("admin:requests_erasure_changelist"),
        "opt-out": reverse(case.format("optout"), args=[opt_out.pk]),
        "erasure": reverse(case.format("erasure"), args=[erasure.pk]),
        "inquiry": reverse(case.format("inquiry"), args=[inquiry.pk]),
        "dispute": reverse(case.format("dispute"), args=[dispute.pk]),
        "verb": f"{reverse(case.format('erasure'), args=[erasure.pk])[: -len('change/')]}verb/approve/",
        "upload": reverse("erasures:log_file_for", args=[client.pk]),
        "columns": reverse("erasures:columns", args=[file.pk]),
        "triage": reverse("inquiries:triage", args=[waiting.pk]),
        "letter": reverse("correspondence:letter", args=[letter.pk]),
        "template": reverse("correspondence:template", args=[letter.purpose]),
        "trail": reverse("access:trail"),
        "public": reverse("public:request"),
    }


def faults_of_logging_in(chromium: Browser, server: LiveServer) -> Iterator[str]:
    """The two pages before everything else, as somebody sees them who is set up already."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/login/")
    yield from faults_of(page, "log-in")
    page.get_by_label("Username").fill("olivia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Code").wait_for()
    yield from faults_of(page, "second-factor")
    context.close()


def test_everybody_can_use_the_main_pages_by_day_by_night_and_on_a_telephone(
    log_in: LogIn, chromium: Browser, live_server: LiveServer
) -> None:
    olivia = make_user(SECURITY_OFFICER, username="olivia", first_name="Olivia", last_name="Okafor")
    pages = main_pages()
    page = log_in(olivia)
    faults = list(faults_of_logging_in(chromium, live_server))
    for name, address in pages.items():
        answer = page.goto(f"{live_server.url}{address}")
        assert answer is not None
        assert answer.status == 200, name
        faults += faults_of(page, name)
    page.goto(f"{live_server.url}{reverse('consumers:search')}")
    page.get_by_label("Client").select_option(label="Harbor Outfitters")
    page.get_by_label("Reason").select_option(label="The client asked")
    page.get_by_label("E-mail").fill(str(ALICE.email))
    page.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="Who was found").wait_for()
    faults += faults_of(page, "search")
    assert not faults, "\n".join(faults)
