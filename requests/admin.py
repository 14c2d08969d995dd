"""The admin of every kind of request; importing a feature's module registers it."""

from requests.erasures import admin as erasures

__all__ = ["erasures"]
