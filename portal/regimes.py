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


UNIT_WORDS: Final = {
    Unit.CALENDAR_DAYS: "calendar day",
    Unit.BUSINESS_DAYS: "business day",
    Unit.MONTHS: "month",
}


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
    "iowa_request",
    "Iowa",
    90,
    DAYS,
    "us-ia",
    "R43, Iowa Code 715D.3",
    date(2025, 1, 1),
    extension=45,
)


def _state(code: str, name: str, source: str, since: date) -> Rule:
    """A state's law that gives 45 days, and 45 more with a notice inside the first (R43)."""
    return Rule(
        f"{code}_request", name, 45, DAYS, f"us-{code}", f"R43, {source}", since, extension=45
    )


OTHER_STATES: Final = (
    _state("va", "Virginia", "Va. Code 59.1-577", date(2023, 1, 1)),
    _state("co", "Colorado", "C.R.S. 6-1-1306", date(2023, 7, 1)),
    _state("ct", "Connecticut", "Conn. Gen. Stat. 42-518", date(2023, 7, 1)),
    _state("ut", "Utah", "Utah Code 13-61-203", date(2023, 12, 31)),
    _state("tx", "Texas", "Tex. Bus. & Com. Code 541.052", date(2024, 7, 1)),
    _state("or", "Oregon", "ORS 646A.576", date(2024, 7, 1)),
    _state("mt", "Montana", "Mont. Code 30-14-2808", date(2024, 10, 1)),
    _state("de", "Delaware", "6 Del. C. 12D-104", date(2025, 1, 1)),
    _state("ne", "Nebraska", "Neb. Rev. Stat. 87-1108", date(2025, 1, 1)),
    _state("nh", "New Hampshire", "RSA 507-H:4", date(2025, 1, 1)),
    _state("nj", "New Jersey", "N.J.S.A. 56:8-166.7", date(2025, 1, 15)),
    _state("tn", "Tennessee", "Tenn. Code 47-18-3304", date(2025, 7, 1)),
    _state("mn", "Minnesota", "Minn. Stat. 325M.14", date(2025, 7, 31)),
    _state("md", "Maryland", "Md. Code, Com. Law 14-4705", date(2025, 10, 1)),
    _state("in", "Indiana", "Ind. Code 24-15-3", date(2026, 1, 1)),
    _state("ky", "Kentucky", "KRS 367.3615", date(2026, 1, 1)),
    _state("ri", "Rhode Island", "R.I. Gen. Laws 6-48.1-5", date(2026, 1, 1)),
)
ERASURE_RULES: Final = (GDPR_REQUEST, UK_REQUEST, SWISS_REQUEST, CCPA_REQUEST, IOWA_REQUEST)
"""What an erasure on a client's instruction is asked: no other state's law is ever the earliest."""

REQUEST_RULES: Final = (*ERASURE_RULES, *OTHER_STATES)
"""The laws under which a consumer's own request may fall; triage says which (R43)."""

# ------------------------------------------------------------------ routing, complaints and disputes

FORWARD = Rule("forward", "house rule", 2, BUSINESS, EVERYWHERE, "R2")
ACKNOWLEDGE = Rule("acknowledge", "house rule", 2, BUSINESS, EVERYWHERE, "R7")
COMPLAINT = Rule(
    "framework_complaint", "Privacy Shield and DPF", 45, DAYS, EVERYWHERE, "R8, DPF III.11.d.i"
)
ANA_REPLY = Rule("ana_reply", "house rule", 10, BUSINESS, EVERYWHERE, "R15")
COMMERCE_REVIEW = Rule(
    "commerce_review", "Annex I", 90, DAYS, EVERYWHERE, "R17(c), DPF Annex I; 90 days from memory"
)
ARBITRATION = Rule(
    "arbitration", "Annex I", 90, DAYS, EVERYWHERE, "R20, DPF Annex I; a target, from memory"
)
RECERTIFICATION = Rule("recertification", "framework", 12, MONTHS, EVERYWHERE, "R12, DPF III.6")
INQUIRY = Rule(
    "inquiry", "house rule", 30, DAYS, EVERYWHERE, "What falls under no law is answered in a month"
)

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
            *(ONE_CLICK, *REQUEST_RULES, CCPA_CONFIRM),
            *(FORWARD, ACKNOWLEDGE, INQUIRY, COMPLAINT, ANA_REPLY, CATALOG_TAIL),
            *(COMMERCE_REVIEW, ARBITRATION, RECERTIFICATION),
        )
    }.values()
)
RULE_OF: Final = {rule.code: rule for rule in ALL_RULES}
"""Every rule by its code, as a case's clock keeps it."""
