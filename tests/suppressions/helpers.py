"""Drops and suppressions for tests, reached by the real verbs."""

from datetime import date, datetime
from typing import Any

from clients.drops import lock_due, mail_drop, merge_drop, plan_drop, print_drop
from clients.models import Brand, Client, MailDrop
from clients.verbs import save_brand
from portal.roles import ADMINISTRATOR, SECURITY_OFFICER
from requests.suppressions.models import CatalogSuppression, SuppressedDrop
from tests.factories import NOW, staff_in
from tests.optouts.helpers import POSTAL, make_opt_out


def make_drop(
    client: Client,
    name: str,
    mail_date: date,
    lead_days: int = 21,
    *,
    now: datetime = NOW,
    **fields: Any,
) -> MailDrop:
    """A planned drop."""
    return plan_drop(
        client=client,
        name=name,
        mail_date=mail_date,
        lead_days=lead_days,
        by=staff_in(SECURITY_OFFICER),
        now=now,
        **fields,
    )


def mail(drop: MailDrop, *, now: datetime) -> None:
    """Take a drop by every step to its mailing."""
    by = staff_in(SECURITY_OFFICER)
    lock_due(now)
    drop.refresh_from_db()
    for step in (merge_drop, print_drop, mail_drop):
        step(drop, by=by, now=now)


def make_suppression(
    client: Client, *, now: datetime = NOW, brand: Brand | None = None, **fields: Any
) -> CatalogSuppression:
    """The catalog suppression of an opt-out of mail that is logged at `now`."""
    opt_out = make_opt_out(
        client, fields.pop("address", POSTAL), "mail", now=now, brand=brand, **fields
    )
    return CatalogSuppression.objects.get(opt_out=opt_out)


def make_brand(client: Client, name: str = "Outdoor") -> Brand:
    """A brand of the client."""
    return save_brand(Brand(client=client, name=name), by=staff_in(ADMINISTRATOR), now=NOW)


def classes(suppression: CatalogSuppression) -> dict[str, str]:
    """The class of each drop by its name."""
    rows = SuppressedDrop.objects.filter(suppression=suppression).select_related("drop")
    return {row.drop.name: row.classification for row in rows}
