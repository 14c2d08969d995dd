"""What other rooms know of a consumer: they register here, because this room does not know them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from consumers.models import Consumer


@dataclass(frozen=True)
class Related:
    """A case that concerns a consumer."""

    label: str
    url: str
    state: str


Provider = Callable[[Consumer], Iterable[Related]]
_providers: list[Provider] = []


def related_provider(function: Provider) -> Provider:
    """Register a function that yields the cases of a consumer."""
    _providers.append(function)
    return function


def related_to(consumer: Consumer) -> list[Related]:
    """Every case that concerns `consumer`."""
    return [case for provider in _providers for case in provider(consumer)]
