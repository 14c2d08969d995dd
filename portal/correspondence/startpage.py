"""Letters on the start page and in the menu: what must be posted, what could not be delivered, what lies about."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from portal.admin import PortalAdminSite
from portal.correspondence.models import InboundMessage, Letter, Mailbox
from portal.house import HOUSE_ID
from portal.models import User
from portal.roles import DISPUTE_STAFF, SECURITY_OFFICER, has_role
from portal.startpage import Due, StaffPage, add_page, due_provider

STALE: Final = timedelta(days=2)

add_page(
    StaffPage(
        "Templates of letters",
        "correspondence:templates",
        (SECURITY_OFFICER,),
        "The texts of acknowledgements, answers and notices",
        rank=2,
    )
)
add_page(
    StaffPage(
        "Privacy mailbox",
        "correspondence:mailbox",
        (SECURITY_OFFICER,),
        "E-mails that came in and were put aside for you",
    )
)


def waiting_for(user: User, now: datetime) -> "QuerySet[Letter]":
    """The letters that somebody must do something about, within the reach of `user`."""
    stale = Q(state=Letter.State.DRAFT, drafted_at__lt=now - STALE)
    rows = Letter.objects.filter(
        Q(state__in=(Letter.State.TO_POST, Letter.State.FAILED)) | stale
    ).order_by("drafted_at")
    if has_role(user, DISPUTE_STAFF) and not has_role(user, SECURITY_OFFICER):
        # They work on the company's own cases, which are no client's.
        return rows.filter(client_id=HOUSE_ID)
    reach = PortalAdminSite.within_reach
    return reach(rows, user, "client_id") if reach else rows.none()


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """Letters to post, e-mails that could not be delivered, drafts that nobody finished."""
    rows = waiting_for(user, now)
    url = reverse("correspondence:waiting")
    for urgency, label, state in (
        ("fault", "E-mails that could not be delivered", Letter.State.FAILED),
        ("waiting", "Letters to post", Letter.State.TO_POST),
        ("waiting", "Drafts of letters that lie about", Letter.State.DRAFT),
    ):
        yield Due(urgency, label, rows.filter(state=state).count(), f"{url}#{state}")


@due_provider
def mailbox_due(user: User, now: datetime) -> Iterator[Due]:
    """E-mails that were put aside, and a mailbox that cannot be read."""
    if not has_role(user, SECURITY_OFFICER):
        return
    url = reverse("correspondence:mailbox")
    aside = InboundMessage.objects.filter(state=InboundMessage.State.QUARANTINED)
    yield Due("fault", "E-mails put aside", aside.count(), url)
    box = Mailbox.objects.filter(unreachable_since__isnull=False).first()
    if box is not None and settings.PRIVACY_IMAP_URL:
        since = f"{box.unreachable_since:%-d %b %Y, %H:%M}"
        yield Due("fault", f"Privacy mailbox out of reach since {since} UTC", 1, url)
