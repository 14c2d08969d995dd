"""A year of disputes as the dispute body reports it: how many, about what, how long, with what result (document 17)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from statistics import mean, median

from django.db.models import QuerySet

from requests.disputes.models import Complaint, Dispute, Outcome, Remedy, day_of
from requests.disputes.verbs import company_zone

Row = tuple[str, int]


@dataclass(frozen=True)
class Statistics:
    """The figures of one year. Days are calendar days, from the notice to the end of the body's case."""

    year: int
    total: int
    direct_only: int
    eligible: int
    ineligible: int
    undecided: int
    types: list[Row]
    outcomes: list[Row]
    remedies: list[Row]
    days: list[int]
    answer_days: list[int]
    answered_late: int

    @property
    def mean_days(self) -> str:
        return _number(mean(self.days)) if self.days else "none closed"

    @property
    def median_days(self) -> str:
        return _number(median(self.days)) if self.days else "none closed"

    @property
    def median_answer_days(self) -> str:
        return _number(median(self.answer_days)) if self.answer_days else "none answered"

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(section, measure, value), line by line as the CSV has them."""
        yield from (
            ("Total", "Complaints filed with the dispute body", str(self.total)),
            ("Total", "Complaints that stayed with the company", str(self.direct_only)),
            ("Eligibility", "Eligible", str(self.eligible)),
            ("Eligibility", "Ineligible", str(self.ineligible)),
            ("Eligibility", "Not decided yet", str(self.undecided)),
        )
        for section, rows in (
            ("Type", self.types),
            ("Outcome", self.outcomes),
            ("Remedy", self.remedies),
        ):
            yield from ((section, name, str(number)) for name, number in rows)
        yield from (
            ("Time to process", "Mean days", self.mean_days),
            ("Time to process", "Median days", self.median_days),
            ("Our own answers", "Median days", self.median_answer_days),
            ("Our own answers", "Sent after their time", str(self.answered_late)),
        )


def statistics(year: int) -> Statistics:
    """The figures of the complaints that the dispute body gave notice of in `year`, by the company's days.

    A complaint that never went there counts among `direct_only` in the year of its receipt.
    """
    zone = company_zone()
    begin = datetime.combine(datetime(year, 1, 1, tzinfo=UTC).date(), time.min, tzinfo=zone)
    end = datetime.combine(datetime(year + 1, 1, 1, tzinfo=UTC).date(), time.min, tzinfo=zone)
    filed = list(Dispute.objects.filter(noticed_at__gte=begin, noticed_at__lt=end))
    direct = Dispute.objects.filter(received_at__gte=begin, received_at__lt=end)
    eligible = sum(one.eligible_at is not None for one in filed)
    ineligible = sum(one.body_outcome == Outcome.INELIGIBLE for one in filed)
    answered = [one for one in direct if one.answered_at and one.complained_at]
    return Statistics(
        year=year,
        total=len(filed),
        direct_only=direct.filter(noticed_at__isnull=True).count(),
        eligible=eligible,
        ineligible=ineligible,
        undecided=len(filed) - eligible - ineligible,
        types=_counted((one.category for one in filed), Complaint.choices),
        outcomes=_counted((one.body_outcome for one in filed), Outcome.choices),
        remedies=_counted(_remedies(filed).values_list("kind", flat=True), Remedy.Kind.choices),
        days=_days((one.noticed_at, one.body_closed_at) for one in filed),
        answer_days=_days((one.complained_at, one.answered_at) for one in answered),
        answered_late=sum(
            one.is_answer_late(one.answered_at) for one in answered if one.answered_at
        ),
    )


def _remedies(filed: list[Dispute]) -> "QuerySet[Remedy]":
    return Remedy.objects.filter(dispute__in=filed, origin=Remedy.Origin.BODY)


def _counted(codes: Iterable[str], choices: Iterable[tuple[str, str]]) -> list[Row]:
    """Every choice with how often it occurs, also those that do not: a report says 0."""
    found = Counter(codes)
    return [(label, found[code]) for code, label in choices]


def _days(spans: Iterable[tuple[datetime | None, datetime | None]]) -> list[int]:
    return sorted((day_of(end) - day_of(begin)).days for begin, end in spans if begin and end)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
