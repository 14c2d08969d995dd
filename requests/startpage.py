"""What the kinds of requests add to the menu, to the start page and to a consumer's page."""

from requests.disputes import startpage as disputes
from requests.erasures import startpage as erasures
from requests.inquiries import startpage as inquiries
from requests.optouts import startpage as optouts
from requests.suppressions import startpage as suppressions

__all__ = ["disputes", "erasures", "inquiries", "optouts", "suppressions"]
