"""Access on the start page and in the menu."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from portal.access import review
from portal.access.models import DeviceReset
from portal.models import User
from portal.roles import ADMINISTRATOR, ALL_ROLES, AUDITOR, SECURITY_OFFICER, has_role
from portal.startpage import Due, StaffPage, add_page, due_provider

add_page(
    StaffPage(
        "Access",
        "access:people",
        (SECURITY_OFFICER, ADMINISTRATOR, AUDITOR),
        "Who may do what, lost devices, and the quarterly review",
    )
)
add_page(
    StaffPage(
        "Audit trail",
        "access:trail",
        (SECURITY_OFFICER, AUDITOR),
        "Who did what, when, and for which client",
    )
)
add_page(StaffPage("Your sessions", "access:sessions", ALL_ROLES, "Where you are logged in"))


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """Resets to decide and access to review for the Security Officer, what was flagged for the Administrator."""
    url = reverse("access:people")
    if has_role(user, SECURITY_OFFICER):
        resets = DeviceReset.objects.filter(decided_at__isnull=True).exclude(user=user)
        yield Due(
            "soon", "Lost devices to decide about", resets.exclude(asked_by=user).count(), url
        )
        people = review.due_people(now).exclude(pk=user.pk)
        yield Due("soon", "Members of staff whose access must be reviewed", people.count(), url)
    if has_role(user, ADMINISTRATOR):
        flagged = review.flagged_people().exclude(pk=user.pk)
        yield Due("soon", "Members of staff whose access was flagged", flagged.count(), url)
