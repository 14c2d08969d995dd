"""What every request passes: the replay gate, and refusals turned into a page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.errors import Refused

GetResponse = Callable[[HttpRequest], HttpResponse]


def replay_gate(get_response: GetResponse) -> GetResponse:
    """Serve nothing but 503 while a restored database has not had its erasures replayed (R41)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        from portal.restore import replay_pending

        if request.path != "/healthz" and replay_pending():
            return render(request, "503.html", status=503)
        return get_response(request)

    return middleware


class refusals:  # noqa: N801  (named like a middleware function, but needs process_exception)
    """Show a Refused that no view has caught as a page that says what to do."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Refused):
            return render(request, "refused.html", {"refusal": exception}, status=409)
        return None
