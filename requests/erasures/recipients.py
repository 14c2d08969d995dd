"""Who received a person's data and must be told of the erasure (R40).

Rooms that transfer data register a provider here. While none does, nothing was transferred by this portal,
and the certificate says just that.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from portal.errors import Refused
from requests.erasures.models import Erasure


@dataclass(frozen=True)
class Recipient:
    """A vendor who had the data, and whether it has confirmed the erasure."""

    name: str
    answered: bool


Provider = Callable[[Erasure], Iterable[Recipient]]
_providers: list[Provider] = []


def recipient_provider(function: Provider) -> Provider:
    """Register a function that yields the recipients of an erasure's people."""
    _providers.append(function)
    return function


def of_erasure(erasure: Erasure) -> list[Recipient]:
    """Everybody who received data of these people through the portal."""
    return [one for provider in _providers for one in provider(erasure)]


def check_all_answered(erasure: Erasure) -> None:
    """Raise Refused while a recipient has not confirmed."""
    if any(not one.answered for one in of_erasure(erasure)):
        raise Refused("A recipient has not confirmed the erasure yet.", code="recipient_open")
