"""The pages of the second step and of one's own sessions."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.access import codes, verbs
from portal.access.forms import CodeForm, FirstCodeForm
from portal.access.gate import is_verified, safe_next
from portal.access.sessions import CAP, shown
from portal.admin import staff_user
from portal.errors import Refused
from portal.roles import ALL_ROLES, has_role
from portal.staffpages import render_staff, staff_page

View = Callable[[HttpRequest], HttpResponseBase]


def after_password(view: View) -> View:
    """Ask for the password only: for the pages of the second step."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters()
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        if not has_role(request.user, *ALL_ROLES):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        return view(request)

    return guarded


@after_password
def code(request: HttpRequest) -> HttpResponseBase:
    """Ask for the second factor, at the log-in and again before what needs a fresh one."""
    user, now = staff_user(request), timezone.now()
    back = safe_next(request, request.GET.get("next", ""))
    if not verbs.has_authenticator(user):
        return redirect(_with_next("access:set_up", request))
    again = is_verified(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            verbs.give_code(user, form.cleaned_data["code"], now=now)
        except Refused as refusal:
            form.add_error("code", refusal.sentence)
        else:
            verbs.let_in(request.session, user, now=now)
            return redirect(back)
    title = "Confirm that it is you" if again else "Second step"
    return _render(request, "access/code.html", {"form": form, "again": again, "back": back}, title)


@after_password
def set_up(request: HttpRequest) -> HttpResponseBase:
    """Lead whoever has no authenticator yet through setting one up."""
    user, now = staff_user(request), timezone.now()
    if verbs.has_authenticator(user):
        return redirect(_with_next("access:code", request))
    form = FirstCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            fresh = verbs.confirm_set_up(user, form.cleaned_data["code"], now=now)
        except Refused as refusal:
            form.add_error("code", refusal.sentence)
        else:
            verbs.let_in(request.session, user, now=now)
            back = safe_next(request, request.GET.get("next", ""))
            shown_once = {"codes": fresh, "back": back}
            return _render(request, "access/recovery.html", shown_once, "Your recovery codes")
    secret = verbs.secret_of(verbs.begin_set_up(user, now=now))
    context = {"form": form, "secret": codes.as_text(secret), "picture": _picture(secret, user)}
    return _render(request, "access/set_up.html", context, "Set up the second step")


def _picture(secret: bytes, user: Any) -> str:
    """The QR code as an address that holds the whole picture."""
    text = codes.address(secret, issuer=settings.SITE_NAME, account=user.get_username())
    made = segno.make(text, error="m", micro=False)
    return str(made.svg_data_uri(scale=5, border=4, dark="#000", light="#fff"))


def _with_next(route: str, request: HttpRequest) -> str:
    query = request.GET.urlencode()
    return f"{reverse(route)}?{query}" if query else reverse(route)


def _render(
    request: HttpRequest, template: str, context: dict[str, Any], title: str
) -> HttpResponse:
    """In the admin's frame, without the list of what is reached only afterwards."""
    frame = {} if is_verified(request) else {"is_nav_sidebar_enabled": False, "available_apps": []}
    return render_staff(request, template, {**frame, **context}, title=title)


@staff_page(*ALL_ROLES)
def sessions(request: HttpRequest) -> HttpResponse:
    """One's own sessions."""
    rows = shown(staff_user(request), request.session.session_key, now=timezone.now())
    return render_staff(
        request, "access/sessions.html", {"rows": rows, "cap": CAP}, title="Your sessions"
    )


@require_POST
@staff_page(*ALL_ROLES)
def end_others(request: HttpRequest) -> HttpResponse:
    """End every session of one's own but this one."""
    user = staff_user(request)
    ended = verbs.end_other_sessions(user, request.session.session_key, now=timezone.now())
    messages.success(request, f"{ended} other session{'' if ended == 1 else 's'} ended.")
    return redirect("access:sessions")
