"""Sensitive data that a client sent although we never accept it: reported, never kept (R49, R50).

Invariants: an incident holds the place, the kind, a count and at most a masked value; of a column refused
by its name not even that. One incident a case, place, kind and column, however often it occurs.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, QuerySet

from consumers.imports.models import SensitiveIncident
from consumers.readers import Row
from consumers.sensitive import Finding
from portal import ledger, outbox
from portal.cases.models import Case
from portal.cases.references import next_reference
from portal.models import User
from portal.roles import SECURITY_OFFICER

MESSAGE = "import.sensitive"
COLUMN, VALUE = SensitiveIncident.Place.COLUMN, SensitiveIncident.Place.VALUE


class Seen(NamedTuple):
    """Occurrences of one kind at one place in a batch."""

    first_row: int
    occurrences: int = 0
    masked: str = ""


Place = tuple[str, str, str]


class Columns:
    """Counts the values in columns that are refused by their names; the values are never looked at."""

    def __init__(self, headers: Sequence[str], refused: dict[str, str]) -> None:
        self.places = [(at, h, refused[h]) for at, h in enumerate(headers) if h in refused]
        self.headers = headers

    def seen(self, rows: Iterable[Row]) -> dict[Place, Seen]:
        """How many rows of a batch hold anything in each refused column."""
        found: dict[Place, Seen] = {}
        for at, header, reason in self.places:
            held = [r.number for r in rows if len(r.values) > at and r.values[at].strip()]
            if held:
                found[COLUMN, reason, header] = Seen(held[0], len(held))
        return found

    def findings(self, found: Iterable[tuple[int, Finding]]) -> dict[Place, Seen]:
        """Sensitive values in other columns, counted by place."""
        seen: dict[Place, Seen] = {}
        for number, finding in found:
            column = self.headers[finding.column] if 0 <= finding.column < len(self.headers) else ""
            place = (VALUE, str(finding.kind), column)
            before = seen.get(place, Seen(number, 0, finding.masked[:40]))
            seen[place] = before._replace(occurrences=before.occurrences + 1)
        return seen


def of_case(case: Case) -> "QuerySet[SensitiveIncident]":
    """The incidents of the file of `case`, oldest first."""
    found = SensitiveIncident.objects.filter(client_id=case.client_id, case_id=case.pk)
    return found.order_by("found_at", "pk")


def report(case: Case, found: dict[Place, Seen], by: User, now: datetime) -> None:
    """Store what a batch met, in its transaction: a new incident, or one more occurrence of it."""
    for (place, kind, column), seen in found.items():
        same = of_case(case).filter(place=place, kind=kind, column=column)
        if not same.update(occurrences=F("occurrences") + seen.occurrences):
            _report_new(case, (place, kind, column), seen, by, now)


def _report_new(case: Case, where: Place, seen: Seen, by: User, now: datetime) -> None:
    place, kind, column = where
    incident = SensitiveIncident.objects.create(
        reference=next_reference("SI", now),
        client_id=case.client_id,
        case_kind=case._meta.label_lower,
        case_id=case.pk,
        case_reference=case.reference,
        place=place,
        kind=kind,
        column=column,
        first_row=seen.first_row,
        occurrences=seen.occurrences,
        masked=seen.masked,
        found_at=now,
    )
    ledger.record(
        verb=MESSAGE,
        by=by,
        client_id=case.client_id,
        object_kind="consumers.sensitiveincident",
        object_id=incident.pk,
        reason=kind,
        now=now,
    )
    outbox.put(MESSAGE, incident.pk, now=now)


_TEXT = """{incident}: the client {client} sent data that we never accept ({kind}).

Case: {case}
It was refused and nothing of it was kept. Inform the client, and record that you did, on the page of the
incident in the portal.

{company}
"""


class NobodyToInform(Exception):
    """No Security Officer has an e-mail address; the start page shows the message as stuck."""


@outbox.handler(
    MESSAGE,
    says="Tell the Security Officers of sensitive data",
    about="consumers.sensitiveincident",
)
def tell_security_officers(incident_id: UUID, now: datetime) -> None:
    """Tell the Security Officers of an incident, by references only."""
    incident = SensitiveIncident.objects.select_related("client").get(pk=incident_id)
    officers = User.objects.filter(is_active=True, groups__name=SECURITY_OFFICER).exclude(email="")
    to = sorted(set(officers.values_list("email", flat=True)))
    if not to:
        raise NobodyToInform
    text = _TEXT.format(
        incident=incident.reference,
        client=incident.client.code,
        kind=incident.kind,
        case=incident.case_reference,
        company=settings.COMPANY_NAME,
    )
    EmailMessage(f"Sensitive data in a file: {incident.reference}", text, to=to).send()
