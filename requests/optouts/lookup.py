"""Whether one address is kept out, and by what; and which opt-outs are about a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from consumers.models import SuppressionToken
from consumers.profile import Profile
from consumers.vaulting import Digest
from requests.optouts.effect import holding, reaching, selecting, tokens_of
from requests.optouts.models import OptOut


@dataclass(frozen=True)
class Suppressed:
    """The answer for one address. True where it is kept out; `cases` are the ids that do so, oldest first."""

    reasons: tuple[str, ...] = ()
    cases: tuple[UUID, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reasons)

    @property
    def explanation(self) -> str:
        """Why, in words of which none is about the person."""
        if not self:
            return "Not suppressed."
        labels = dict(SuppressionToken.Reason.choices)
        return f"Suppressed: {', '.join(str(labels[reason]).lower() for reason in self.reasons)}."


def is_suppressed(
    client_id: UUID, channel: str, brand_id: UUID | None, address: Profile
) -> Suppressed:
    """Whether `address`, in its normal form, is kept out of `channel` for what is sent for a brand (None: all).

    Asked before an address is selected for anything (R23). One token that fits is enough.
    """
    rows = SuppressionToken.objects.filter(
        holding(client_id, tokens_of(client_id, address)), selecting(channel, brand_id)
    ).order_by("id")
    found = list(rows.values_list("reason", "case_id"))
    return Suppressed(
        tuple(dict.fromkeys(reason for reason, _ in found)),
        tuple(dict.fromkeys(case_id for _, case_id in found)),
    )


def known_by(client_id: UUID, tokens: Iterable[Digest]) -> "QuerySet[OptOut]":
    """The opt-outs whose address is one of the tokens, matched or not; an erasure forgets their contents."""
    cases = SuppressionToken.objects.filter(
        holding(client_id, tokens), reason=SuppressionToken.Reason.OPT_OUT
    ).values("case_id")
    return OptOut.objects.filter(client_id=client_id, pk__in=cases)


def others_in_force(opt_out: OptOut) -> "QuerySet[OptOut]":
    """Other opt-outs in force of the same address that reach the same channel and brand, or wider."""
    mine = SuppressionToken.objects.filter(client_id=opt_out.client_id, case_id=opt_out.pk)
    tokens = [(row.kind, bytes(row.token)) for row in mine]
    if not tokens:
        return OptOut.objects.none()
    cases = (
        SuppressionToken.objects.filter(
            holding(opt_out.client_id, tokens),
            reaching(opt_out.marketing_channel, opt_out.brand_id),
            reason=SuppressionToken.Reason.OPT_OUT,
        )
        .exclude(case_id=opt_out.pk)
        .values("case_id")
    )
    return OptOut.objects.filter(client_id=opt_out.client_id, pk__in=cases).order_by("logged_at")
