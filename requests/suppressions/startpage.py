"""Catalog suppressions on the start page and on a consumer's page; and the ear for moved drops."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.urls import reverse

from clients.access import within_reach
from clients.models import MailDrop
from consumers.models import Consumer
from consumers.related import Related, related_provider
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, has_role
from portal.startpage import Due, due_provider
from requests.suppressions.models import CatalogSuppression, SuppressedDrop
from requests.suppressions.schedule import on_drop_changed
from requests.suppressions.verbs import STILL_TO_MAIL

__all__ = ["due", "on_drop_changed", "suppressions_of"]


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """Violations: open cases that have one, and the mailings that would be one and can still be stopped."""
    if not has_role(user, SECURITY_OFFICER, ACCOUNT_MANAGER):
        return
    cases = CatalogSuppression.objects.filter(closed_at__isnull=True, has_violation=True)
    url = reverse("admin:requests_catalogsuppression_changelist")
    label = "Catalog suppressions with a violation"
    yield Due("fault", label, within_reach(cases, user).count(), f"{url}?has_violation__exact=1")
    drops = MailDrop.objects.filter(
        state__in=STILL_TO_MAIL,
        pk__in=SuppressedDrop.objects.filter(classification="violation").values("drop_id"),
    )
    url = reverse("admin:clients_maildrop_changelist")
    label = "Mailings that would reach people after their six months"
    yield Due("fault", label, within_reach(drops, user).count(), url)


@related_provider
def suppressions_of(consumer: Consumer) -> Iterable[Related]:
    """The catalog suppressions of opt-outs that matched this consumer alone."""
    rows = CatalogSuppression.objects.filter(
        client_id=consumer.client_id, opt_out__consumer_id=consumer.pk
    )
    for case in rows:
        yield Related(
            case.reference,
            reverse("admin:requests_catalogsuppression_change", args=[case.pk]),
            case.state_name,
        )
