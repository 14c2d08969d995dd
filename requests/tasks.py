"""Where Celery finds the tasks of every kind of request; each is named by its own module."""

from requests.disputes import tasks as disputes
from requests.erasures import tasks as erasures
from requests.inquiries import tasks as inquiries
from requests.optouts import tasks as optouts
from requests.suppressions import tasks as suppressions

__all__ = ["disputes", "erasures", "inquiries", "optouts", "suppressions"]
