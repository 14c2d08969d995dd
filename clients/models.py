"""The app's models, in one place for Django and for other apps."""

from clients.controllers import (
    DATA_CATEGORIES,
    Brand,
    Client,
    ClientAssignment,
    ClientContact,
    LawfulBasis,
    MailDrop,
    Purpose,
    Region,
    lock_time,
)
from clients.instructions.models import Instruction

__all__ = [
    "DATA_CATEGORIES",
    "Brand",
    "Client",
    "ClientAssignment",
    "ClientContact",
    "Instruction",
    "LawfulBasis",
    "MailDrop",
    "Purpose",
    "Region",
    "lock_time",
]
