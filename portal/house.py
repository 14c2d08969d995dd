"""The company's own cases: those of nobody's client, or of several.

What belongs to the company itself (an inquiry before anybody knows whom it concerns) is sealed under a key tree
of its own, which is made when it is first asked for.
"""

from typing import Final
from uuid import UUID

from portal import vault

HOUSE_ID: Final = UUID("00000000-0000-4000-8000-000000000001")
"""The key tree, and the `client_id`, of the company's own cases. No client has it."""


def ensure_house() -> UUID:
    """The house's id, its key tree made where it is not yet there. Idempotent."""
    vault.create_client(HOUSE_ID)
    return HOUSE_ID
