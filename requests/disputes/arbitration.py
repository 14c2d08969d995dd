"""Whether binding arbitration is open to a complainant: each condition, met or not, with its evidence (R17). Pure.

Invariants:
- Annex I asks for three steps; the company's policy names two of them, and each condition says whether it does.
- Nothing here decides: a Notice can always be recorded; one that meets not every condition is objected to, with
  the unmet ones named (R18).
- A step is judged by what had been done on the day that is asked about, the day of the Notice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from requests.disputes.frameworks import Framework

SOURCE: Final = "R17, Annex I"
BARS: Final = {
    "arbitrated": "Arbitrated before",
    "judgment": "Decided by a final judgment",
    "settled": "Settled between the parties",
    "dpa_panel": "A matter for a data protection authority's panel",
}
"""What rules arbitration out, whatever steps were taken (R17). Human resources data does, too."""
UNBARRED: Final = {
    "arbitrated": "Never arbitrated before",
    "judgment": "No final judgment",
    "settled": "No settlement between the parties",
    "dpa_panel": "Not before a panel of data protection authorities",
}


@dataclass(frozen=True)
class Facts:
    """What a case knows about its steps. `direct_due_on` is the last day of the 45; `review_due_on` of the 90."""

    framework: Framework | None = None
    complained_on: date | None = None
    direct_due_on: date | None = None
    answered_on: date | None = None
    body_noticed_on: date | None = None
    body_closed_on: date | None = None
    dpa_referred_on: date | None = None
    review_began_on: date | None = None
    review_due_on: date | None = None
    review_closed_on: date | None = None
    hr_data: bool = False
    bars: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Condition:
    """One condition of R17: whether it is met, by what, where it stands, and whether the policy names it."""

    code: str
    name: str
    met: bool
    evidence: str
    source: str
    in_policy: bool


def arbitration_conditions(facts: Facts, on: date) -> list[Condition]:
    """Every condition of binding arbitration as it stands on `on`, in the order of the ladder (R17, R21)."""
    return [
        _offered(facts, on),
        _direct(facts, on),
        _body(facts, on),
        _commerce(facts, on),
        *_bars(facts),
    ]


def unmet(conditions: Iterable[Condition]) -> list[Condition]:
    """Those that are not met."""
    return [one for one in conditions if not one.met]


def _offered(facts: Facts, on: date) -> Condition:
    framework = facts.framework
    if framework is None:
        met, evidence = False, "No framework covers this complaint."
    elif framework.has_arbitration_on(on):
        met = True
        evidence = f"The {framework.name} offers it since {_told(framework.arbitration_from)}."
    else:
        met = False
        evidence = f"The {framework.name} offers it only since {_told(framework.arbitration_from)}."
    return Condition("framework", "The framework offers arbitration", met, evidence, "R21", True)


def _direct(facts: Facts, on: date) -> Condition:
    met, evidence = False, "No direct complaint to the company is on record."
    if facts.complained_on is not None and facts.complained_on <= on:
        began = f"Complaint received on {_told(facts.complained_on)}"
        if facts.answered_on is not None and facts.answered_on <= on:
            met, evidence = True, f"{began}, final response on {_told(facts.answered_on)}."
        elif facts.direct_due_on is not None and facts.direct_due_on < on:
            met = True
            evidence = (
                f"{began}; the 45 days ended on {_told(facts.direct_due_on)} without an answer."
            )
        else:
            evidence = f"{began}; neither answered nor 45 days old."
    name = "Complaint to the company, answered or 45 days old"
    return Condition("direct", name, met, evidence, f"{SOURCE}, C.1; R8", True)


def _body(facts: Facts, on: date) -> Condition:
    met, evidence = False, "The dispute body was not used."
    if facts.body_noticed_on is not None and facts.body_noticed_on <= on:
        evidence = f"Its notice came on {_told(facts.body_noticed_on)}; its case is still open."
        if facts.body_closed_on is not None and facts.body_closed_on <= on:
            met, evidence = (
                True,
                f"The dispute body closed its case on {_told(facts.body_closed_on)}.",
            )
    name = "Dispute body used and its case closed"
    return Condition("dispute_body", name, met, evidence, f"{SOURCE}, C.2", True)


def _commerce(facts: Facts, on: date) -> Condition:
    met, evidence = (
        False,
        "No referral by a data protection authority to the Department of Commerce is on record.",
    )
    if facts.review_began_on is not None and facts.review_began_on <= on:
        began = f"With the Department of Commerce since {_told(facts.review_began_on)}"
        if facts.review_closed_on is not None and facts.review_closed_on <= on:
            met, evidence = True, f"{began}; closed on {_told(facts.review_closed_on)}."
        elif facts.review_due_on is not None and facts.review_due_on < on:
            met, evidence = True, f"{began}; the 90 days ended on {_told(facts.review_due_on)}."
        else:
            evidence = f"{began}; neither closed nor 90 days old."
    elif facts.dpa_referred_on is not None and facts.dpa_referred_on <= on:
        evidence = (
            f"With the data protection authority since {_told(facts.dpa_referred_on)}; "
            "not yet with the Department of Commerce."
        )
    name = "Referral to the Department of Commerce closed or 90 days old"
    return Condition("commerce", name, met, evidence, f"{SOURCE}, C.3; 90 days from memory", False)


def _bars(facts: Facts) -> list[Condition]:
    standing = [
        Condition(
            f"not_{code}",
            UNBARRED[code],
            code not in facts.bars,
            "Staff noted that it is."
            if code in facts.bars
            else "Nothing of the kind is on record.",
            f"{SOURCE}, B and C",
            False,
        )
        for code in BARS
    ]
    hr = Condition(
        "not_hr_data",
        "No human resources data",
        not facts.hr_data,
        "The complaint is about human resources data." if facts.hr_data else "Consumer data.",
        "R13, R17",
        False,
    )
    return [*standing, hr]


def _told(day: date) -> str:
    return f"{day:%-d %B %Y}"
