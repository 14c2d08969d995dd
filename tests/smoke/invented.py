"""Somebody who does not exist, with unmistakable values, and what the staff of a client do about them.

Everything goes through the pages of a running portal, and is carried out by its workers.
"""

import csv
import io
import re
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from consumers.imports import samples
from requests.demo import PASSWORD
from tests.smoke.browsing import Browser, Forms, Upload
from tests.smoke.person import ROOT, Person

CLIENT = "Southern Cross Records"
OTHERS = 1000
_SECONDS = 120

ROW = {
    "customer_id": "qx-7741093-kvyx",
    "email": "zephyrine.q@kvyxmail.example.com",
    # Reserved by Australia's regulator for drama.
    "telephone": "0491 570 156",
    "rec_id": "rec-kvyx-90417-org",
    "given_name": "zephyrine",
    "surname": "quackenwhistle",
    "street_number": "4711",
    "address_1": "vlindertuin parade",
    "address_2": "xylographers nook",
    "suburb": "dromedaris heights",
    "postcode": "4223",
    "state": "nsw",
    "date_of_birth": "19310829",
    "occupation": "cymbalom polisher",
    "email_opt_in": "yes",
    "phone_opt_in": "no",
}
ITEM, ORDER = "theremin with nine valves", "ord-kvyx-55190"
PAGE, REFERRER = "/pavilion/mauve-harpsichord", "https://kvyx.example.com/spinet"
WORDS = "No more of the kakapo serenade, please."
LETTER, LETTER_NAME = b"An ocelot sang my barcarole. Z. Quackenwhistle", "from-quackenwhistle.txt"
ANSWER = "We told Zephyrine that the bassoon parcels end."

VALUES = {
    "external id": ROW["customer_id"],
    "e-mail": ROW["email"],
    "e-mail's domain": "kvyxmail.example",
    "telephone as given": ROW["telephone"],
    "telephone, national": "0491570156",
    "telephone, international": "61491570156",
    "telephone, spaced": "61 491 570 156",
    "record id": ROW["rec_id"],
    "given name": ROW["given_name"],
    "surname": ROW["surname"],
    "misspelt given name": "zefyrine",
    "misspelt surname": "quackenwistle",
    "street": ROW["address_1"],
    "second line": ROW["address_2"],
    "town": ROW["suburb"],
    "occupation": ROW["occupation"],
    "item": ITEM,
    "order": ORDER,
    "page": PAGE,
    "referrer": REFERRER,
    "words": "kakapo serenade",
    "letter": "sang my barcarole",
    "letter's name": LETTER_NAME,
    "answer": "bassoon parcels",
} | {
    f"birthday {number}": written
    for number, written in enumerate(
        (
            *("19310829", "1931-08-29", "29.08.1931", "29/08/1931", "08/29/1931", "29-08-1931"),
            *("8/29/1931", "29/8/1931", "29 august 1931", "29 aug 1931", "august 29, 1931"),
            *("aug 29, 1931", "1931, 8, 29"),
        )
    )
}


def people() -> bytes:
    """A client's file: the first thousand of the published people, and the invented one among them."""
    rows = [person for person, _ in zip(samples.joined_people(_FEBRL), range(OTHERS), strict=False)]
    rows.insert(OTHERS // 2, ROW)
    return _csv(list(ROW), rows)


def purchases() -> bytes:
    """Two purchases of the invented person."""
    row = {"customer_id": ROW["customer_id"], "date": "2025-03-14", "item": ITEM, "amount": "19.31"}
    return _csv([*row, "order_number"], [row | {"order_number": ORDER}, row])


def web_events() -> bytes:
    """A visit of the invented person."""
    row = {"email": ROW["email"], "date": "2025-03-14T10:11:12", "event": "view", "url": PAGE}
    return _csv([*row, "referrer"], [row | {"referrer": REFERRER}])


_FEBRL = ROOT / "tests" / "data" / "febrl4a.csv"


def _csv(headers: list[str], rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, headers, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


class Staff:
    """Adam, who looks after the client, and Olivia, the Security Officer, each at a browser."""

    def __init__(self, person: Person) -> None:
        self.adam = person.log_in("adam", PASSWORD)
        self.olivia = person.log_in("olivia", PASSWORD)
        self.client_id = Forms(self.adam.get("/imports/")).options["client"][CLIENT]
        self.consumer_id = self.opt_out_id = self.erasure_id = self.reference = ""

    def import_file(self, kind: str, content: bytes, **chosen: str) -> str:
        """Import a file of the client; the page of its result."""
        columns = content.decode().splitlines()[0].split(",")
        file = {"file": Upload(f"{ROW['surname']} {kind}.csv", content)}
        self.adam.submit("/imports/", {"client": CLIENT, "kind": kind}, file)
        meant = {f"column-{columns.index(column)}": meaning for column, meaning in chosen.items()}
        self.adam.submit(_path(self.adam), {"country": "AU", **meant})
        return wait_for(self.adam, _path(self.adam), "Finished")

    def bring_in(self) -> None:
        """The person, what they bought and where they looked."""
        told = {"occupation": "demographics.occupation", "email_opt_in": "opt_in.email"}
        result = self.import_file(
            "consumers",
            people(),
            **told,
            phone_opt_in="opt_in.telephone",
            customer_id="external_id",
        )
        assert "Refused" in result
        self.import_file("purchases", purchases())
        self.import_file("web_events", web_events())

    def find(self) -> str:
        """Search for the person by a misspelt name and the address; the page with the answers."""
        return self.adam.submit(
            "/consumers/search/",
            {
                "client": CLIENT,
                "reason": "The client asked",
                "given_name": "Zefyrine",
                "surname": "Quackenwistle",
                "street": f"{ROW['street_number']} {ROW['address_1']}",
                "postcode": ROW["postcode"],
            },
        )

    def look(self) -> None:
        """Find the person, and have their values shown."""
        found = re.search(r"/consumers/consumer/([0-9a-f-]{36})/", self.find())
        assert found, "nobody was found"
        self.consumer_id = found[1]
        page = self.adam.submit(
            f"/consumers/consumer/{found[1]}/change/", {"reason": "The client asked"}
        )
        assert ROW["email"] in page
        assert "<dt>Purchases</dt><dd>2</dd>" in page

    def err(self) -> None:
        """What people do wrong: a value in the address of a page, in the wrong field, in the wrong form."""
        self.adam.get(f"/requests/optout/?q={ROW['email']}")
        self.adam.submit(
            "/consumers/search/",
            {"client": CLIENT, "reason": "The client asked", "email": "@" + ROW["email"]},
        )
        for path in (
            f"/consumers/{ROW['surname']}/",
            f"/consumers/consumer/{ROW['email']}/change/",
        ):
            try:
                self.adam.get(path)
            except AssertionError:
                continue
        with_name = {"username": ROW["email"], "password": ROW["surname"]}
        Browser(self.adam.site).submit("/", with_name)

    def opt_out(self) -> None:
        """Log the person's letter, and what they were told."""
        self.adam.submit(
            f"/optouts/log/{self.client_id}/every/",
            {
                "email": ROW["email"],
                "given_name": ROW["given_name"],
                "surname": ROW["surname"],
                "street": f"{ROW['street_number']} {ROW['address_1']}",
                "postcode": ROW["postcode"],
                "channel": "Letter",
                "received_at": _yesterday(),
                "text": f"{WORDS} {ROW['given_name']} {ROW['surname']}",
            },
            {"evidence": Upload(LETTER_NAME, LETTER, "text/plain")},
        )
        self.opt_out_id = _id_in(_path(self.adam))
        path = f"/requests/optout/{self.opt_out_id}/verb/confirm/"
        self.adam.submit(path, {"channel": "E-mail", "text": f"{ANSWER} {ROW['email']}"})
        assert ANSWER in self.adam.page

    def log_erasure(self) -> None:
        """Log the client's instruction to erase the person."""
        path = f"/erasures/log/{self.client_id}/"
        offered = Forms(self.adam.get(path)).options["instruction"].values()
        self.adam.submit(
            path,
            {
                "instruction": max(offered, key=len),
                "external_id": ROW["customer_id"],
                "given_name": ROW["given_name"],
                "surname": ROW["surname"],
            },
        )
        self.erasure_id = _id_in(_path(self.adam))
        assert self.consumer_id in self.adam.page
        found = re.search(r"ER-\d{4}-\d+", self.adam.page)
        assert found
        self.reference = found[0]

    def approve_and_wait(self) -> str:
        """Olivia approves; a worker carries it out. The case's page with the certificate."""
        page = f"/requests/erasure/{self.erasure_id}"
        self.olivia.submit(f"{page}/verb/approve/", {"confirmation": self.reference})
        return wait_for(self.olivia, f"{page}/change/", "Certified on")

    def read_certificate(self) -> None:
        """The signed certificate; and the pages of the person and of the opt-out, which say that they were erased."""
        assert self.reference in self.adam.get(f"/erasures/{self.erasure_id}/certificate.json")
        assert "was erased" in self.adam.get(f"/consumers/consumer/{self.consumer_id}/change/")
        self.adam.get(f"/requests/optout/{self.opt_out_id}/change/")


def wait_for(browser: Browser, path: str, words: str) -> str:
    """The page at `path` once it says `words`."""
    end = time.monotonic() + _SECONDS
    while words not in (page := browser.get(path)):
        assert time.monotonic() < end, f"{path} does not say: {words}"
        time.sleep(0.3)
    return page


def _path(browser: Browser) -> str:
    return urlsplit(browser.address).path


def _id_in(path: str) -> str:
    found = re.search(r"[0-9a-f-]{36}", path)
    assert found, f"no case at {path}"
    return found[0]


def _yesterday() -> str:
    return f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M}"
