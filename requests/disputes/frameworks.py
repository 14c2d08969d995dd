"""The frameworks and the dispute body as dated records: what held when, by which source. Pure.

Invariants:
- A case keeps the terms of the day of its complaint: one of 2020 the Privacy Shield's, one of today the Data
  Privacy Framework's (R11, R13).
- The duty to answer complaints outlives a framework's validity: until its successor begins, complaints from its
  region stay under it, because the company still keeps the data that it received then.
- Every record names its source; "from memory" says that nobody has confirmed it. None of this is legal advice.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

EEA: Final = "eea"
UK: Final = "uk"
SWITZERLAND: Final = "ch"
REGION_NAMES: Final = {
    EEA: "European Economic Area",
    UK: "United Kingdom",
    SWITZERLAND: "Switzerland",
    "us": "United States",
    "other": "Elsewhere",
}


@dataclass(frozen=True)
class Framework:
    """One framework of the U.S. Department of Commerce. It takes complaints of `regions` from `begins_on` until
    a successor begins; transfers could rest on it until `valid_until`, included (None: still).

    `arbitration_from` is the first day on which its binding arbitration could be asked for (R21).
    """

    code: str
    name: str
    regions: frozenset[str]
    begins_on: date
    arbitration_from: date
    source: str
    valid_until: date | None = None

    def is_valid_on(self, day: date) -> bool:
        """Whether transfers could rest on it on `day`."""
        return self.begins_on <= day and (self.valid_until is None or day <= self.valid_until)

    def has_arbitration_on(self, day: date) -> bool:
        """Whether binding arbitration under it could be asked for on `day` (R21)."""
        return self.arbitration_from <= day


EU_SHIELD = Framework(
    "eu_shield",
    "EU-U.S. Privacy Shield",
    frozenset({EEA, UK}),
    date(2016, 8, 1),
    date(2017, 9, 1),
    "R11; ended for transfers by the Court of Justice, C-311/18, on 16 July 2020; first days from memory",
    valid_until=date(2020, 7, 15),
)
SWISS_SHIELD = Framework(
    "swiss_shield",
    "Swiss-U.S. Privacy Shield",
    frozenset({SWITZERLAND}),
    date(2017, 4, 12),
    date(2018, 4, 2),
    "R11, R21; 83 FR 13951: its arbitrators were first invited on 2 April 2018; first day and end from memory",
    valid_until=date(2020, 9, 7),
)
EU_DPF = Framework(
    "eu_dpf",
    "EU-U.S. Data Privacy Framework",
    frozenset({EEA}),
    date(2023, 7, 10),
    date(2023, 7, 10),
    "R11; Commission decision (EU) 2023/1795 of 10 July 2023",
)
UK_DPF = Framework(
    "uk_dpf",
    "UK Extension to the EU-U.S. Data Privacy Framework",
    frozenset({UK}),
    date(2023, 10, 12),
    date(2023, 10, 12),
    "R11; UK regulations in force on 12 October 2023, from memory",
)
SWISS_DPF = Framework(
    "swiss_dpf",
    "Swiss-U.S. Data Privacy Framework",
    frozenset({SWITZERLAND}),
    date(2024, 9, 15),
    date(2024, 9, 15),
    "R11, R21; Swiss recognition in force on 15 September 2024",
)
FRAMEWORKS: Final = (EU_SHIELD, SWISS_SHIELD, EU_DPF, UK_DPF, SWISS_DPF)
FRAMEWORK_OF: Final = {one.code: one for one in FRAMEWORKS}


def framework_on(region: str, day: date) -> Framework | None:
    """The framework whose terms a complaint from `region` keeps that was received on `day`, or None (R11)."""
    begun = [one for one in FRAMEWORKS if region in one.regions and one.begins_on <= day]
    return max(begun, key=lambda one: one.begins_on, default=None)


@dataclass(frozen=True)
class Address:
    """Where a dispute body is reached, from a day on."""

    holds_from: date
    lines: tuple[str, ...]
    online: str
    source: str


@dataclass(frozen=True)
class DisputeBody:
    """An independent recourse mechanism; its addresses, the oldest first. It is free to consumers (R13)."""

    code: str
    name: str
    short: str
    addresses: tuple[Address, ...]

    def address_on(self, day: date) -> Address:
        """The address as of `day`; before the first one, the first."""
        held = [one for one in self.addresses if one.holds_from <= day]
        return held[-1] if held else self.addresses[0]


ANA = DisputeBody(
    "ana",
    "Association of National Advertisers",
    "ANA",
    (
        Address(
            date(2020, 1, 1),
            ("Attn: Privacy Shield", "225 Reinekers Lane, Suite 325", "Alexandria, VA 22314"),
            "https://thedma.org/resources/consumer-resources/privacyshield-consumers/",
            "Privacy policy, effective 1 January 2020",
        ),
        Address(
            EU_DPF.begins_on,
            ("2020 K Street NW, Suite 660", "Washington, DC 20006"),
            "https://www.ana.net/content/show/id/accountability-privacy-shield-consumers",
            "R13, ana.net; the day of the move is not published, and is taken as the framework's first",
        ),
    ),
)


def contact_on(day: date, body: DisputeBody = ANA) -> str:
    """How a consumer reaches the dispute body, as letters of `day` say it: name, address, page."""
    address = body.address_on(day)
    return "\n".join((f"{body.name} ({body.short})", *address.lines, address.online))
