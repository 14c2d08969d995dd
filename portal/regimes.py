"""The deadlines of the field as dated records: how long, by whom, from which source, since when. Pure.

Invariants:
- Every number stands here once, with its regime, its source and the days between which it holds (domain.md).
- Nothing here computes: `portal.clocks` does. None of this is legal advice.
- A jurisdiction is "*" (everywhere), a region of a client ("us", "eea", "uk", "ch", "ca") or a part of one
  ("us-ca"). A rule of a part is asked wherever the region is, because a client's file does not say who lives
  where, and the earliest deadline wins.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

EVERYWHERE: Final = "*"
CANADA: Final = "ca"


class Unit(StrEnum):
    """What a rule counts."""

    CALENDAR_DAYS = "calendar_days"
    BUSINESS_DAYS = "business_days"
    MONTHS = "months"


@dataclass(frozen=True)
class Rule:
    """One deadline. `code` stands in the case and the ledger, `name` is what staff read.

    It counts `amount` of `unit` from the day of receipt, which is not counted itself. `extension` more of the
    same unit may be added by a notice that is sent in time (0: never). Waiting for the consumer stops it only
    where `pausable`: that is a property of the regime (R43). It is asked for what was received from
    `holds_from` until `holds_until`, both included.
    """

    code: str
    name: str
    amount: int
    unit: Unit
    jurisdiction: str
    source: str
    holds_from: date | None = None
    holds_until: date | None = None
    pausable: bool = False
    extension: int = 0

    def holds_on(self, day: date) -> bool:
        """Whether the rule is asked for what was received on `day`."""
        begun = self.holds_from is None or self.holds_from <= day
        return begun and (self.holds_until is None or day <= self.holds_until)

    def applies_in(self, regions: Collection[str]) -> bool:
        """Whether the rule concerns a client whose consumers live in `regions`."""
        region = self.jurisdiction.partition("-")[0]
        return self.jurisdiction == EVERYWHERE or region in regions


DAYS, BUSINESS, MONTHS = Unit.CALENDAR_DAYS, Unit.BUSINESS_DAYS, Unit.MONTHS

# ----------------------------------------------------------------------------------------- opt-outs

POLICY_OPT_OUT = Rule(
    "policy_opt_out", "policy", 10, DAYS, EVERYWHERE, "Privacy policy 2020, How to opt out"
)
CAN_SPAM = Rule(
    "can_spam", "CAN-SPAM", 10, BUSINESS, "us", "R22, 15 USC 7704(a)(4)(A)", date(2004, 1, 1)
)
CASL = Rule("casl", "CASL", 10, BUSINESS, CANADA, "R22, CASL 11(3)", date(2014, 7, 1))
ONE_CLICK = Rule(
    "gmail_one_click",
    "Gmail and Yahoo one-click",
    2,
    DAYS,
    EVERYWHERE,
    "R22, Gmail and Yahoo sender requirements, RFC 8058",
    date(2024, 6, 1),
)
TCPA = Rule("tcpa", "TCPA", 10, BUSINESS, "us", "R27, 47 CFR 64.1200(a)(10)", date(2025, 4, 11))
CCPA_SALE = Rule(
    "ccpa_sale",
    "CCPA sale or sharing",
    15,
    BUSINESS,
    "us-ca",
    "R30, CCPA regulations 7026(f)",
    date(2020, 8, 14),
)
DMA_MAIL = Rule("dma_mail", "DMA guidelines", 30, DAYS, "us", "R31, DMA ethical guidelines")
GDPR_OBJECTION = Rule(
    "gdpr_objection",
    "GDPR",
    1,
    MONTHS,
    "eea",
    "R28, GDPR 21(3) and 12(3)",
    date(2018, 5, 25),
)
UK_OBJECTION = Rule(
    "uk_gdpr_objection", "UK GDPR", 1, MONTHS, "uk", "R28, UK GDPR 21(3)", date(2021, 1, 1)
)

OPT_OUT_RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "email": (POLICY_OPT_OUT, CAN_SPAM, CASL, GDPR_OBJECTION, UK_OBJECTION),
    "sms": (POLICY_OPT_OUT, TCPA, CASL, GDPR_OBJECTION, UK_OBJECTION),
    "telephone": (POLICY_OPT_OUT, TCPA, GDPR_OBJECTION, UK_OBJECTION),
    "mail": (POLICY_OPT_OUT, DMA_MAIL, GDPR_OBJECTION, UK_OBJECTION),
    "web": (POLICY_OPT_OUT, CCPA_SALE, GDPR_OBJECTION, UK_OBJECTION),
}
"""The rules of an opt-out by marketing channel. One-click joins in for e-mail where it was one."""

# ----------------------------------------------------------------------------- requests of consumers

GDPR_REQUEST = Rule(
    "gdpr_request",
    "GDPR",
    1,
    MONTHS,
    "eea",
    "R43, GDPR 12(3)",
    date(2018, 5, 25),
    pausable=True,
    extension=2,
)
UK_REQUEST = Rule(
    "uk_gdpr_request",
    "UK GDPR",
    1,
    MONTHS,
    "uk",
    "R43, UK GDPR 12(3)",
    date(2021, 1, 1),
    pausable=True,
    extension=2,
)
SWISS_REQUEST = Rule(
    "swiss_fadp", "Swiss FADP", 30, DAYS, "ch", "FADP 25(7)", date(2023, 9, 1), pausable=True
)
CCPA_REQUEST = Rule(
    "ccpa_request",
    "CCPA",
    45,
    DAYS,
    "us-ca",
    "R43, CCPA regulations 7021(b): regardless of time required to verify",
    date(2020, 1, 1),
    extension=45,
)
CCPA_CONFIRM = Rule(
    "ccpa_confirm",
    "CCPA confirmation",
    10,
    BUSINESS,
    "us-ca",
    "R43, CCPA regulations 7021(a)",
    date(2020, 8, 14),
)
IOWA_REQUEST = Rule(
    "iowa_request", "Iowa", 90, DAYS, "us-ia", "R43, Iowa Code 715D.3", date(2025, 1, 1)
)
ERASURE_RULES: Final = (GDPR_REQUEST, UK_REQUEST, SWISS_REQUEST, CCPA_REQUEST, IOWA_REQUEST)

# ------------------------------------------------------------------ routing, complaints and disputes

FORWARD = Rule("forward", "house rule", 2, BUSINESS, EVERYWHERE, "R2")
ACKNOWLEDGE = Rule("acknowledge", "house rule", 2, BUSINESS, EVERYWHERE, "R7")
COMPLAINT = Rule(
    "framework_complaint", "Privacy Shield and DPF", 45, DAYS, EVERYWHERE, "R8, DPF III.11.d.i"
)
ANA_REPLY = Rule("ana_reply", "house rule", 10, BUSINESS, EVERYWHERE, "R15")

# ----------------------------------------------------------------------------------------- catalogs

CATALOG_TAIL = Rule(
    "catalog_tail",
    "policy",
    6,
    MONTHS,
    EVERYWHERE,
    "R35; privacy policy 2020: catalogs may come for six months after the opt-out",
)

ALL_RULES: Final = tuple(
    {
        rule.code: rule
        for rule in (
            *(rule for rules in OPT_OUT_RULES.values() for rule in rules),
            *(ONE_CLICK, *ERASURE_RULES, CCPA_CONFIRM),
            *(FORWARD, ACKNOWLEDGE, COMPLAINT, ANA_REPLY, CATALOG_TAIL),
        )
    }.values()
)
