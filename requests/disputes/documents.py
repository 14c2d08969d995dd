"""Documents about a case, made anew each time and kept nowhere."""

from datetime import datetime

from django.conf import settings

from portal.letters import render_pdf
from requests.disputes.arbitration import unmet
from requests.disputes.models import Dispute, day_of
from requests.disputes.panel import conditions


def memo_pdf(case: Dispute, *, now: datetime) -> bytes:
    """The arbitration readiness memo: each condition of R17, its evidence, met or not (document 12).

    It looks at the day of the notice where there is one, else at today.
    """
    on = day_of(case.notice_at or now)
    standing = conditions(case, on)
    missing = unmet(standing)
    return render_pdf(
        "arbitration_memo.typ",
        {
            "title": f"Arbitration readiness of {case.reference}",
            "company": settings.COMPANY_NAME,
            "reference": case.reference,
            "on": f"{on:%-d %B %Y}",
            "is_notice": case.notice_at is not None,
            "framework": case.framework.name if case.framework else "None covers this complaint",
            "is_open": not missing,
            "unmet": [one.name for one in missing],
            "conditions": [
                {
                    "name": one.name,
                    "met": one.met,
                    "evidence": one.evidence,
                    "source": one.source,
                    "in_policy": one.in_policy,
                }
                for one in standing
            ],
            "written_on": f"{day_of(now):%-d %B %Y}",
        },
        made_at=now,
    )
