"""The app's models, in one place for Django and for other apps."""

from consumers.imports.models import (
    ImportJob,
    ImportOccurrence,
    ImportRow,
    RememberedMapping,
    SensitiveIncident,
)
from consumers.subjects import (
    BlindIndex,
    Consumer,
    LegalHold,
    MarketingChannel,
    Preference,
    Purchase,
    SuppressionToken,
    WebEvent,
)

__all__ = [
    "BlindIndex",
    "Consumer",
    "ImportJob",
    "ImportOccurrence",
    "ImportRow",
    "LegalHold",
    "MarketingChannel",
    "Preference",
    "Purchase",
    "RememberedMapping",
    "SensitiveIncident",
    "SuppressionToken",
    "WebEvent",
]
