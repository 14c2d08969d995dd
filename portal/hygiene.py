"""What every answer of the portal carries, whoever made it: a page, a download, an error, a static file.

Invariants: what is not said to be public is kept by no browser and no proxy; no other site may embed or read
an answer; a page that does not know a method says which ones it knows.
"""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string

UNUSED: Final = (
    "accelerometer",
    "bluetooth",
    "browsing-topics",
    "camera",
    "display-capture",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "screen-wake-lock",
    "serial",
    "usb",
    "web-share",
    "xr-spatial-tracking",
)
"""What a browser can do and no page of the portal asks for."""
HEADERS: Final = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store, private",
}
"""Set where the answer does not say it for itself. Static files say how long they may be kept."""


def hygiene(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Stands first, so that no answer of anything behind it goes out without these headers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            response.content = render_to_string("405.html", {"allowed": response["Allow"]})
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
