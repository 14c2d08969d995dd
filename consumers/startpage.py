"""What this room adds to the menu."""

from consumers.imports import due  # noqa: F401  (offers the pages of imports)
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from portal.startpage import StaffPage, add_page

add_page(
    StaffPage(
        "Find a person",
        "consumers:search",
        (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR),
        "By identifier, or by name and address though misspelt",
    )
)
