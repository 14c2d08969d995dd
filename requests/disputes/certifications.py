"""The company's certifications: recorded, watched, and packed for the next one (R12, R20, document 18)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from django.conf import settings

from clients.recording import recorded
from portal.clocks import deadline
from portal.errors import Refused
from portal.models import User
from portal.regimes import RECERTIFICATION
from portal.roles import SECURITY_OFFICER, check_role
from requests.disputes.frameworks import ANA, FRAMEWORK_OF
from requests.disputes.models import Certification, day_of
from requests.disputes.verbs import company_zone

ALERTS: Final = (90, 60, 30)
"""So many days before a certification ends it is warned of (R12)."""


@dataclass(frozen=True)
class Alert:
    """A certification that ends soon or has ended."""

    certification: Certification
    ends_on: date
    days_left: int

    @property
    def step(self) -> int:
        """The nearest of the warnings that it has passed: 90, 60, 30, or 0 where it has ended."""
        return (
            min((one for one in ALERTS if self.days_left <= one), default=0)
            if self.days_left >= 0
            else 0
        )

    @property
    def is_urgent(self) -> bool:
        return self.step <= min(ALERTS)

    @property
    def sentence(self) -> str:
        name = self.certification.get_framework_code_display()
        if self.days_left < 0:
            return f"Certification under the {name} ended on {self.ends_on:%-d %B %Y}"
        return f"Certification under the {name} ends within {self.step} days, on {self.ends_on:%-d %B %Y}"


def ends_on(certification: Certification) -> date:
    """The day by which it must be made again: twelve months after it was made (R12)."""
    noon = datetime.combine(certification.certified_on, time(12), tzinfo=company_zone())
    return deadline(RECERTIFICATION, noon, company_zone()).due_on


def current() -> list[Certification]:
    """The newest certification of each framework that transfers may still rest on."""
    newest: dict[str, Certification] = {}
    for row in Certification.objects.order_by("certified_on"):
        newest[row.framework_code] = row
    return [row for code, row in newest.items() if FRAMEWORK_OF[code].valid_until is None]


def alerts(today: date) -> Iterator[Alert]:
    """The certifications that end within 90 days, or have ended."""
    for row in current():
        end = ends_on(row)
        left = (end - today).days
        if left <= max(ALERTS):
            yield Alert(row, end, left)


def record_certification(
    *,
    framework_code: str,
    certified_on: date,
    fund_contribution_on: date | None,
    by: User,
    now: datetime,
) -> Certification:
    """Record a certification, with the contribution to the arbitral fund that goes with it (R12, R20)."""
    row = Certification(
        framework_code=framework_code,
        certified_on=certified_on,
        fund_contribution_on=fund_contribution_on,
        recorded_at=now,
        recorded_by=by,
    )
    with recorded(
        "certification.record",
        by=by,
        now=now,
        object_kind=row._meta.label_lower,
        object_id=row.pk,
    ):
        check_role(by, SECURITY_OFFICER)
        _check(row, now)
        row.save(force_insert=True)
    return row


def _check(row: Certification, now: datetime) -> None:
    framework = FRAMEWORK_OF[row.framework_code]
    today = day_of(now)
    if row.certified_on > today or (row.fund_contribution_on or today) > today:
        raise Refused("It cannot be in the future.", code="in_future")
    if not framework.is_valid_on(row.certified_on):
        raise Refused(
            f"Nobody could be certified under the {framework.name} on that day.",
            code="not_in_force",
        )
    if Certification.objects.filter(
        framework_code=row.framework_code, certified_on=row.certified_on
    ).exists():
        raise Refused("This certification is on record already.", code="recorded")


def pack(row: Certification, now: datetime) -> list[tuple[str, str]]:
    """What the next certification is asked (document 18): (question, what we know)."""
    address = ANA.address_on(day_of(now))
    paid = row.fund_contribution_on
    return [
        ("Framework", row.get_framework_code_display()),
        ("Last certified", f"{row.certified_on:%-d %B %Y}"),
        ("Due again by", f"{ends_on(row):%-d %B %Y}"),
        ("Organization", settings.COMPANY_NAME),
        ("Contact office", f"Security Officer, {settings.PRIVACY_MAILBOX}"),
        ("Activities", "Processing of consumers' data for clients, who are the controllers"),
        ("Data covered", "Consumer data; no human resources data"),
        ("Statutory body", "Federal Trade Commission"),
        ("Verification method", "Self-assessment"),
        ("Independent recourse mechanism", f"{ANA.name}, {', '.join(address.lines)}"),
        ("Its page for consumers", address.online),
        (
            "Arbitral fund",
            f"Contribution on {paid:%-d %B %Y}" if paid else "No contribution on record",
        ),
    ]
