"""References: what staff and clients call a case by, such as ER-2026-000123."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

PREFIXES = {
    "IN": "instruction",
    "IM": "import",
    "OO": "opt-out",
    "ER": "erasure",
    "CS": "catalog suppression",
    "PI": "privacy inquiry",
    "IB": "client's part of an inquiry",
    "AR": "access request",
    "DC": "dispute case",
    "DI": "disclosure",
    "SI": "sensitive-data incident",
}


def next_reference(prefix: str, now: datetime) -> str:
    """The next reference of `prefix`, from a sequence of its own, so that two cases never wait for each other.

    The number runs on over the years; a rolled-back case leaves a gap, which means nothing.
    """
    if prefix not in PREFIXES:
        raise ValueError(f"unknown prefix {prefix}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [f"case_reference_{prefix.lower()}"])
        (number,) = cursor.fetchone()
    year = now.astimezone(ZoneInfo(settings.COMPANY_TIME_ZONE)).year
    return f"{prefix}-{year}-{number:06d}"
