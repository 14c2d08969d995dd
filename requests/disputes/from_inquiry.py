"""An inquiry that turns out to be a complaint under a framework becomes a dispute, with its words and its receipt."""

from datetime import datetime

from django.db import transaction

from portal.correspondence import Party
from portal.errors import Refused
from portal.models import User
from requests.disputes.models import Arrival, Dispute
from requests.disputes.verbs import open_dispute
from requests.inquiries.endings import link_dispute
from requests.inquiries.models import Inquiry


def open_from_inquiry(
    inquiry: Inquiry, *, category: str, region: str, by: User, now: datetime, hr_data: bool = False
) -> Dispute:
    """Take an inquiry on as a dispute. Its clocks run from the inquiry's receipt (R44), and the inquiry waits for it.

    Raises Refused where the inquiry cannot be handed over, or its words were destroyed; nothing is stored then.
    """
    content = inquiry.unseal_content()
    if not content:
        raise Refused(
            "The words of this inquiry were destroyed; record a new complaint.", code="erased"
        )
    name, email, lines = content.get("sender", ["", "", []])
    said = "\n\n".join(part for part in (content.get("subject"), content.get("text")) if part)
    with transaction.atomic():
        case = open_dispute(
            complainant=Party(name, email, tuple(lines)),
            complaint=said,
            category=category,
            region=region,
            channel=inquiry.channel,
            received_at=inquiry.received_at,
            arrival=Arrival.DIRECT,
            hr_data=hr_data,
            inquiry_id=inquiry.pk,
            by=by,
            now=now,
        )
        link_dispute(inquiry, dispute_id=case.pk, by=by, now=now)
    return case
