"""What the kinds of requests add to the menu, to the start page and to a consumer's page."""

from requests.erasures import startpage as erasures

__all__ = ["erasures"]
