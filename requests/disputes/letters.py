"""What is written in a dispute: the purposes, and whom the letters go to."""

from datetime import datetime
from typing import Final

from django.conf import settings

from portal.correspondence import Party, register_purpose
from portal.correspondence.purposes import EMAIL
from requests.disputes.frameworks import ANA, contact_on
from requests.disputes.models import Dispute, day_of

ACKNOWLEDGEMENT: Final = "disputes.acknowledgement"
FINAL_RESPONSE: Final = "disputes.final_response"
REPLY: Final = "disputes.reply_to_body"
OBJECTION: Final = "disputes.objection"

ARBITRATION: Final = (
    "If your complaint is still not resolved after that, you can ask for a review through your data protection "
    "authority and the U.S. Department of Commerce, and then, for what remains, invoke binding arbitration. "
    "Arbitration can grant access, correction, deletion or return of your data; it awards no money."
)
NO_ARBITRATION: Final = (
    "Binding arbitration is not open to this complaint, because no framework covers it."
)
_BODY_SAMPLE: Final = "Association of National Advertisers (ANA)\n2020 K Street NW, Suite 660"

register_purpose(
    ACKNOWLEDGEMENT,
    "Dispute: acknowledgement of a complaint",
    placeholders={
        "name": "Pat Sample",
        "reference": "DC-2026-000000",
        "received_on": "3 March 2026",
        "channel": "e-mail",
        "next_step": "We will answer by 17 April 2026.",
        "body_contact": _BODY_SAMPLE,
    },
    default_subject="We have received your complaint {reference}",
    default_body=(
        "Dear {name},\n\nwe received your complaint by {channel} on {received_on}. Its reference is {reference}.\n\n"
        "{next_step}\n\nIf you are not satisfied with our answer, you can turn to the dispute body below, free of "
        "charge:\n\n{body_contact}"
    ),
    required=frozenset({"reference", "body_contact"}),
)
register_purpose(
    FINAL_RESPONSE,
    "Dispute: final response",
    placeholders={
        "name": "Pat Sample",
        "reference": "DC-2026-000000",
        "received_on": "3 March 2026",
        "merits": "We looked at the mailings that you name. Two were sent after your opt-out.",
        "resolution": "Your address was taken out of every list on 10 March 2026.",
        "body_contact": _BODY_SAMPLE,
        "arbitration": ARBITRATION,
    },
    default_subject="Our answer to your complaint {reference}",
    default_body=(
        "Dear {name},\n\nyou complained to us on {received_on}. This is our answer.\n\n"
        "What we found:\n{merits}\n\nHow it is resolved:\n{resolution}\n\n"
        "If you are not satisfied, you can turn to our dispute body, free of charge:\n\n{body_contact}\n\n"
        "{arbitration}\n\nPlease quote {reference} whenever you write to us."
    ),
    required=frozenset({"merits", "resolution", "body_contact", "arbitration"}),
)
register_purpose(
    REPLY,
    "Dispute: reply to the dispute body",
    placeholders={
        "reference": "DC-2026-000000",
        "body_reference": "ANA-123",
        "noticed_on": "3 May 2026",
        "chronology": "On 3 March 2026 we received the complaint.",
        "merits": "Two mailings were sent after the opt-out.",
        "remedy_proposal": "We take the address out of every list.",
    },
    default_subject="Your case {body_reference}, our {reference}",
    default_body=(
        "To whom it may concern,\n\nwe received your notice on {noticed_on} and reply as follows.\n\n"
        "What happened:\n{chronology}\n\nOur assessment:\n{merits}\n\nWhat we propose:\n{remedy_proposal}\n\n"
        "Enclosed is our response pack with the chronology and the correspondence."
    ),
    channel="letter",
    required=frozenset({"chronology", "merits", "remedy_proposal"}),
)
register_purpose(
    OBJECTION,
    "Dispute: objection to a notice of arbitration",
    placeholders={
        "name": "Pat Sample",
        "reference": "DC-2026-000000",
        "notice_on": "3 June 2026",
        "unmet": "- Referral to the Department of Commerce closed or 90 days old: none is on record.",
    },
    default_subject="Your notice of arbitration, our {reference}",
    default_body=(
        "Dear {name},\n\nwe received your notice of arbitration on {notice_on} and have recorded it. We object to it "
        "for now, because not every step that Annex I asks for was taken:\n\n{unmet}\n\n"
        "You can give notice again once these steps are taken."
    ),
    required=frozenset({"unmet"}),
)


def complainant(case: Dispute) -> Party:
    """Who complained, as sealed with the case; empty where it was erased."""
    name, email, lines = case.unseal_content().get("complainant", ["", "", []])
    return Party(name, email, tuple(lines))


def _free(case: Dispute, now: datetime) -> tuple[Party, dict[str, str]]:
    return complainant(case), common(case, now)


register_purpose(
    "disputes.letter",
    "Dispute: any other letter to the complainant",
    placeholders={
        "name": "Pat Sample",
        "reference": "DC-2026-000000",
        "received_on": "3 March 2026",
    },
    default_subject="Your complaint {reference}",
    default_body="Dear {name},\n\nyou complained to us on {received_on}.\n\n(Write your letter here.)",
    case_kinds=frozenset({"requests.dispute"}),
    values=_free,
)


def is_unreachable(to: Party, way: str) -> bool:
    """Whether a letter cannot reach `to` by `way` ("email" or "letter")."""
    return not (to.email if way == EMAIL else to.address_lines)


def dispute_body(now: datetime) -> Party:
    """The dispute body at the address that it has today."""
    return Party(f"{ANA.name} ({ANA.short})", "", ANA.address_on(day_of(now)).lines)


def common(case: Dispute, now: datetime) -> dict[str, str]:
    """What every letter to the complainant may say."""
    return {
        "name": complainant(case).name or "Sir or Madam",
        "reference": case.reference,
        "received_on": f"{day_of(case.complained_at or case.received_at):%-d %B %Y}",
        "body_contact": contact_on(day_of(now)),
        "arbitration": ARBITRATION if case.framework else NO_ARBITRATION,
        "channel": case.get_channel_display().lower(),
        "company": settings.COMPANY_NAME,
    }
