"""What the start page says about imports, and the page that it offers."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from clients.access import within_reach
from consumers.imports.models import ImportJob, SensitiveIncident
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, SECURITY_OFFICER, has_role
from portal.startpage import Due, StaffPage, add_page, due_provider

STAFF = (SECURITY_OFFICER, ACCOUNT_MANAGER)
STATES = (
    ("fault", "failed", "Imports failed"),
    ("waiting", "stopped", "Imports are stopped"),
    ("waiting", "uploaded", "Uploaded files wait to be told what their columns mean"),
)

add_page(
    StaffPage(
        "Import a file", "imports:upload", STAFF, "A client's consumers, purchases or web events"
    )
)


@due_provider
def imports_and_incidents(user: User, now: datetime) -> Iterator[Due]:
    """Imports in reach of the user that wait for somebody, and incidents whose client was not informed."""
    if not has_role(user, *STAFF):
        return
    url = reverse("admin:consumers_importjob_changelist")
    for urgency, state, label in STATES:
        rows = within_reach(ImportJob.objects.filter(state=state), user)
        yield Due(urgency, label, rows.count(), f"{url}?state={state}")
    untold = within_reach(SensitiveIncident.objects.filter(client_informed_at=None), user)
    url = reverse("admin:consumers_sensitiveincident_changelist")
    label = "Clients must be told that they sent sensitive data"
    yield Due("soon", label, untold.count(), f"{url}?informed=no")
