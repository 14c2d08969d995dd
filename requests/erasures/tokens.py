"""The tokens of an erasure: they stop a re-import from the moment of approval on (R39)."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import models

from consumers.models import Consumer, SuppressionToken
from consumers.vaulting import open_profiles, suppression_tokens
from portal import vault
from requests.erasures.models import Erasure


def suppress(erasure: Erasure, consumer_ids: Iterable[UUID], *, now: datetime) -> None:
    """Write the tokens of these people; idempotent. Give a few thousand at once."""
    rows = Consumer.objects.filter(client_id=erasure.client_id, pk__in=list(consumer_ids))
    indexer = vault.indexer(erasure.client_id)
    tokens = [
        SuppressionToken(
            client_id=erasure.client_id,
            kind=kind,
            token=token,
            reason=SuppressionToken.Reason.ERASED,
            case_id=erasure.pk,
            since=now,
        )
        for profile in open_profiles(rows).values()
        for kind, token in suppression_tokens(indexer, profile)
    ]
    SuppressionToken.objects.bulk_create(tokens, ignore_conflicts=True, batch_size=5000)


def lift(erasure: Erasure) -> int:
    """Remove exactly the tokens of this case: it was called back before anything was destroyed."""
    removed, _ = of_case(erasure).delete()
    return removed


def of_case(erasure: Erasure) -> "models.QuerySet[SuppressionToken]":
    """The tokens that this case wrote."""
    return SuppressionToken.objects.filter(client_id=erasure.client_id, case_id=erasure.pk)
