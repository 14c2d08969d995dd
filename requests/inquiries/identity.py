"""Whether the inquiry comes from whom it is about: matched against what is held, then destroyed (R43, R45, R46)."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from consumers.models import Consumer
from consumers.profile import Profile
from consumers.vaulting import open_profiles
from portal.cases.models import CaseFile
from portal.cases.verbs import transition
from portal.errors import Refused
from portal.models import User
from portal.retire import hint
from requests.inquiries import branches, deadlines, letters
from requests.inquiries.models import Inquiry

ASKABLE: Final = {
    "email": "e-mail address",
    "telephone": "telephone number",
    "postcode": "postcode",
    "street": "street with its number",
    "external_id": "customer number",
}
"""What the person can be asked for; it is held already, and nothing new is collected (R46)."""
PROOF: Final = "identity"
ANSWER_WITHIN: Final = timedelta(days=14)


def ask_identity(
    inquiry: Inquiry,
    *,
    fields: Collection[str],
    contested: str,
    message: letters.Message,
    by: User,
    now: datetime,
) -> None:
    """Ask for what is held already, never for the field that is contested (document 3).

    The response's clock waits only where the law allows it; elsewhere it runs on (R43).
    """
    with transition(inquiry, "ask_identity", by=by, now=now) as locked:
        check_can_ask(fields, contested)
        letters.send(
            locked,
            letters.ASK_IDENTITY,
            message,
            by=by,
            now=now,
            **ask_values(locked, fields, now),
        )
        locked.identity, locked.identity_asked_at = Inquiry.Identity.ASKED, now
        deadlines.let_wait(locked, deadlines.IDENTITY, by=by, now=now)


def check_can_ask(fields: Collection[str], contested: str) -> None:
    """Raise Refused where there is nothing to ask, or the contested field would prove itself."""
    if not fields or not set(fields) <= ASKABLE.keys():
        raise Refused("Choose what to ask for.", code="nothing_asked")
    if contested in fields:
        raise Refused(
            f"The {ASKABLE[contested]} is what the request contests, so it proves nothing. Ask for something else.",
            code="contested",
        )


def ask_values(inquiry: Inquiry, fields: Collection[str], now: datetime) -> dict[str, str]:
    """What the request says: what is asked, whether the time to answer waits, and until when."""
    runs_on = deadlines.why_no_pause(inquiry, now)
    return {
        "asked": ", ".join(ASKABLE[name] for name in ASKABLE if name in fields),
        "pause": "Our time to answer you runs on meanwhile."
        if runs_on
        else "Our time to answer you waits for your reply.",
        "expires_on": f"{now + ANSWER_WITHIN:%-d %B %Y}",
    }


def matching(inquiry: Inquiry, given: Profile) -> list[str]:
    """Which of the given values are held of every person of the inquiry; names of fields, never values."""
    people = Consumer.objects.filter(
        pk__in=[one.consumer_id for one in branches.branches_of(inquiry) if one.consumer_id],
        state=Consumer.State.ACTIVE,
    )
    held = list(open_profiles(people).values())
    asked = [name for name in ASKABLE if getattr(given, name)]
    return [
        name
        for name in asked
        if held and all(_same(getattr(given, name), getattr(one, name)) for one in held)
    ]


def settle_identity(
    inquiry: Inquiry,
    *,
    given: Profile,
    verified: bool,
    contested: str = "",
    proofs: Sequence[CaseFile] = (),
    by: User,
    now: datetime,
) -> list[str]:
    """Say whether the proof was enough. What was given is compared and forgotten; `proofs` are destroyed (R46).

    Returns the names of the fields that agreed. Raises Refused where it is said to be verified although nothing
    but the contested field agrees. After a failure the duplicates go on by themselves (R45).
    """
    from requests.inquiries.endings import free_duplicates

    with transition(inquiry, "settle_identity", by=by, now=now) as locked:
        agreed = [name for name in matching(locked, given) if name != contested]
        if verified and not agreed:
            raise Refused(
                "None of this agrees with what is held of the person, so it proves nothing.",
                code="no_match",
            )
        locked.identity = Inquiry.Identity.VERIFIED if verified else Inquiry.Identity.FAILED
        destroy_proofs(locked, proofs)
        deadlines.go_on(locked, by=by, now=now)
        if not verified:
            free_duplicates(locked, now=now)
    return agreed


def destroy_proofs(inquiry: Inquiry, proofs: Sequence[CaseFile]) -> None:
    """Empty files that served as proof; the sweep shreds their keys and removes their bytes."""
    of_case = CaseFile.objects.filter(client_id=inquiry.client_id, case_id=inquiry.pk)
    if of_case.filter(pk__in=[one.pk for one in proofs]).update(sealed=None):
        transaction.on_commit(hint)


def _same(given: str, held: str | None) -> bool:
    return held is not None and " ".join(given.casefold().split()) == " ".join(
        held.casefold().split()
    )
