"""Showing a person's values unmasked: each time with a reason, each time in the ledger."""

from datetime import datetime

from clients.access import check_reach
from clients.recording import recorded
from consumers.models import Consumer
from consumers.profile import Profile
from consumers.search import REASONS
from consumers.vaulting import open_profiles
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, check_role


def reveal(consumer: Consumer, *, reason: str, by: User, now: datetime) -> Profile:
    """The person's profile, unmasked. Raises Refused without a reason, for an auditor, for the erased."""
    with recorded(
        "consumer.reveal",
        by=by,
        now=now,
        client_id=consumer.client_id,
        object_kind="consumers.consumer",
        object_id=consumer.pk,
    ) as leaf:
        check_role(by, SECURITY_OFFICER, ACCOUNT_MANAGER)
        check_reach(by, consumer.client_id)
        if reason not in REASONS:
            raise Refused(
                "Say why you must see these values; the reason goes into the ledger.",
                code="no_reason",
            )
        profile = open_profiles([consumer]).get(consumer.pk)
        if profile is None:
            raise Refused("This person was erased; there is nothing left to show.", code="erased")
        leaf.reason = reason
    return profile
