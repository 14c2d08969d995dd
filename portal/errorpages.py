"""The pages that say that a request was not taken, in the portal's own look and without a value of the request."""

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What could not be read or was too large. A refused upload brings its own sentence and status."""
    sentence = getattr(exception, "sentence", "")
    status = getattr(exception, "status", 413 if isinstance(exception, TOO_MUCH) else 400)
    if not sentence and status == 413:
        sentence = "More was sent than a form may hold. Send less at once."
    return render(request, "400.html", {"sentence": sentence}, status=status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was not sent from a page of the portal, or from one that was opened before the log-in."""
    return render(request, "403_csrf.html", status=403)
