"""The admin of every kind of request; importing a feature's module registers it."""

from requests.disputes import admin as disputes
from requests.erasures import admin as erasures
from requests.inquiries import admin as inquiries
from requests.optouts import admin as optouts
from requests.suppressions import admin as suppressions

__all__ = ["disputes", "erasures", "inquiries", "optouts", "suppressions"]
