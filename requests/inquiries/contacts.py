"""Whom a consumer can reach: the company's Security Officer, and the dispute body as of a day (R13). Pure."""

from datetime import date
from typing import Final

from requests.disputes.frameworks import contact_on

SECURITY_OFFICER: Final = (
    "Security Officer",
    "Customer Portfolios LLC",
    "88 Black Falcon Avenue, Suite 320",
    "Boston MA 02210",
)
"""Privacy policy, Contact Info."""
TELEPHONE: Final = "+1-617-225-9501"


def dispute_body(day: date) -> tuple[str, ...]:
    """The dispute body's name, address and page, line by line, as of `day`."""
    return tuple(contact_on(day).splitlines())
