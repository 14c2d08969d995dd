"""What the start page says about instructions, and the page that it offers."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from clients.access import within_reach
from clients.instructions.models import Instruction
from clients.instructions.states import OFFICER, STAFF
from portal.models import User
from portal.roles import has_role
from portal.startpage import Due, StaffPage, add_page, due_provider

WAITS = (
    ("received", STAFF, "Instructions await the authority check"),
    ("awaiting_written_confirmation", STAFF, "Instructions await written confirmation"),
    ("authority_checked", OFFICER, "Instructions await the legality review"),
    ("legality_reviewed", OFFICER, "Instructions await approval"),
    ("suspended", OFFICER, "Instructions are suspended"),
    ("executed", STAFF, "Instructions are carried out and not confirmed to the client"),
)

add_page(
    StaffPage(
        "Log an instruction",
        "instructions:log",
        STAFF,
        "What a client told us to do, with evidence",
    )
)


@due_provider
def waiting_instructions(user: User, now: datetime) -> Iterator[Due]:
    """Instructions in reach of the user that wait for somebody in the user's role."""
    for state, roles, label in WAITS:
        if has_role(user, *roles):
            rows = within_reach(Instruction.objects.filter(state=state), user)
            url = reverse("admin:clients_instruction_changelist")
            yield Due("waiting", label, rows.count(), f"{url}?state={state}")
