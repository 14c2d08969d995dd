"""What a session has proven, and what it may reach for that.

Invariants:
- A session whose second factor has not been given reaches the log-in, the second step and the log-out only.
- What needs a fresh proof (`step_up`) asks again once the last one is ten minutes old.
- A session that nobody has used for the idle limit ends, whatever page is asked for.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import split_domain_port
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

View = Callable[..., HttpResponseBase]
GetResponse = Callable[[HttpRequest], HttpResponseBase]

VERIFIED: Final = "access.verified_at"
SEEN: Final = "access.seen_at"
STEP_UP_AFTER: Final = timedelta(minutes=10)
_SEEN_STEP: Final = timedelta(minutes=1)
"""How exactly it is written down when a session was used last."""


def mark_verified(session: Any, *, now: datetime) -> None:
    """Write into the session that the second factor was given at `now`."""
    session[VERIFIED] = session[SEEN] = now.isoformat()


def verified_at(request: HttpRequest) -> datetime | None:
    """When this session last gave the second factor, or None."""
    return moment_of(request.session, VERIFIED)


def moment_of(session: Any, key: str) -> datetime | None:
    """The time that stands in a session, or None."""
    stored = session.get(key)
    return datetime.fromisoformat(stored) if stored else None


def is_verified(request: HttpRequest) -> bool:
    """Whether the second factor was given in this session."""
    return verified_at(request) is not None


def is_fresh(request: HttpRequest, now: datetime) -> bool:
    """Whether the second factor was given within the last ten minutes."""
    last = verified_at(request)
    return last is not None and timedelta(0) <= now - last < STEP_UP_AFTER


def require_step_up(request: HttpRequest, *, now: datetime) -> HttpResponse | None:
    """The way to the page that asks for the second factor again, or None where the last is fresh enough."""
    if is_fresh(request, now):
        return None
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(_asking(_page_behind(request)))
    return redirect(
        _asking(request.get_full_path() if request.method == "GET" else _page_behind(request))
    )


def step_up(view: View) -> View:
    """Ask for the second factor again before `view`, once the last one is ten minutes old."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return require_step_up(request, now=timezone.now()) or view(request, *args, **kwargs)

    return guarded


def safe_next(request: HttpRequest, address: str) -> str:
    """`address` where it is one of this portal's own, or the start page."""
    fits = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if fits else reverse("admin:index")


def second_factor(get_response: GetResponse) -> GetResponse:
    """Middleware: end idle sessions, and lead whoever has not given the second factor to it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return get_response(request)
        now = timezone.now()
        if _is_idle(request, now):
            logout(request)
            return _anew(request)
        _note_seen(request, now)
        if is_verified(request) or request.path in _open_paths():
            return get_response(request)
        if request.headers.get("HX-Request"):
            return HttpResponseClientRefresh()
        return redirect(_asking(request.get_full_path() if request.method == "GET" else ""))

    return middleware


def _open_paths() -> set[str]:
    names = ("admin:login", "admin:logout", "access:code", "access:set_up")
    return {reverse(name) for name in names} | {"/healthz"}


def _anew(request: HttpRequest) -> HttpResponseBase:
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh()
    login = reverse("admin:login")
    if request.method != "GET" or request.path == login:
        return redirect(login)
    return redirect(f"{login}?{urlencode({'next': request.get_full_path()})}")


def _is_idle(request: HttpRequest, now: datetime) -> bool:
    seen = moment_of(request.session, SEEN)
    return seen is not None and now - seen > settings.SESSION_IDLE_LIMIT


def _note_seen(request: HttpRequest, now: datetime) -> None:
    """What a page asks for by itself, again and again, is no sign that somebody sits before it."""
    seen = moment_of(request.session, SEEN)
    if request.headers.get("HX-Request") and request.method == "GET":
        return
    if seen is None or now - seen >= _SEEN_STEP:
        request.session[SEEN] = now.isoformat()


def _asking(back: str) -> str:
    return (
        f"{reverse('access:code')}?{urlencode({'next': back})}" if back else reverse("access:code")
    )


def _page_behind(request: HttpRequest) -> str:
    """The page on which a form was filled in: where the browser says, if it is one of ours."""
    behind = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    domain, _ = split_domain_port(request.get_host())
    return behind.path if behind.hostname == domain.strip("[]") else ""
