"""Which of many addresses may not be selected for a mail drop (R23)."""

from collections.abc import Collection
from uuid import UUID

from clients.models import MailDrop
from consumers.models import MarketingChannel, SuppressionToken
from consumers.vaulting import Digest
from requests.optouts.effect import selecting


def suppressed_among(client_id: UUID, drop: MailDrop, tokens: Collection[Digest]) -> set[Digest]:
    """Those of the (kind, token) pairs that are suppressed for `drop`. Raises ValueError for another client's.

    Ask for some thousands at a time, and leave out a person of whom any token is in the answer.
    """
    if drop.client_id != client_id:
        raise ValueError("The drop is another client's.")
    rows = SuppressionToken.objects.filter(
        selecting(MarketingChannel.MAIL, drop.brand_id),
        client_id=client_id,
        kind__in={kind for kind, _ in tokens},
        token__in=[token for _, token in tokens],
    ).values_list("kind", "token")
    return {(kind, bytes(token)) for kind, token in rows} & set(tokens)
