"""Documents about a case, made anew each time and kept nowhere."""

from datetime import datetime

from django.conf import settings

from portal.cases import thread
from portal.cases.models import CaseNote
from portal.letters import render_pdf
from requests.disputes.arbitration import arbitration_conditions, unmet
from requests.disputes.models import Dispute, day_of
from requests.disputes.timeline import timeline


def memo_pdf(case: Dispute, *, now: datetime) -> bytes:
    """The arbitration readiness memo: each condition of R17, its evidence, met or not (document 12).

    It looks at the day of the notice where there is one, else at today.
    """
    on = day_of(case.notice_at or now)
    standing = arbitration_conditions(case.arbitration_facts(), on)
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


def chronology_pdf(case: Dispute, *, now: datetime) -> bytes:
    """The timeline as a document that one can read aloud."""
    return render_pdf(
        "dispute_timeline.typ",
        {
            "title": f"What happened in {case.reference}",
            "company": settings.COMPANY_NAME,
            "reference": case.reference,
            "sections": [],
            "sentences": [one.sentence for one in timeline(case, now)],
            "written_on": f"{day_of(now):%-d %B %Y}",
        },
        made_at=now,
    )


def response_pack_pdf(case: Dispute, values: dict[str, str], *, now: datetime) -> bytes:
    """What is enclosed with our reply: the chronology, our assessment, the remedy, the correspondence (document 11).

    `values` are those of the reply's letter. What staff only noted stays with us.
    """
    said = [
        {
            "title": f"{entry.note.get_direction_display()} on {day_of(entry.note.at):%-d %B %Y}, "
            f"{entry.note.get_channel_display().lower()}",
            "text": entry.text,
        }
        for entry in thread.entries(case)
        if entry.text and entry.note.direction != CaseNote.Direction.INTERNAL
    ]
    complaint = case.unseal_content().get("complaint", "")
    return render_pdf(
        "dispute_timeline.typ",
        {
            "title": f"Response pack to {values['body_reference']}",
            "company": settings.COMPANY_NAME,
            "reference": case.reference,
            "sentences": [one.sentence for one in timeline(case, now)],
            "sections": [
                {"title": "Our assessment", "text": values["merits"]},
                {"title": "Remedy that we propose", "text": values["remedy_proposal"]},
                {"title": "The complaint", "text": complaint},
                *said,
            ],
            "written_on": f"{day_of(now):%-d %B %Y}",
        },
        made_at=now,
    )
