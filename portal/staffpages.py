"""Pages of their own in the admin's frame, for what is too rich for a change form."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache

from portal.roles import has_role
from portal.uploadgate import at_any_address

View = Callable[..., HttpResponseBase]


def staff_page(*roles: str, uploads: Callable[[], int] | None = None) -> Callable[[View], View]:
    """Ask for a log-in and one of `roles`: the log-in page for a stranger, 403 for the wrong role.

    `uploads` opens the page to files from these roles, each of at most so many bytes; without it none is taken.
    """

    def decorate(view: View) -> View:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not has_role(request.user, *roles):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        wrapped: Any = admin.site.admin_view(guarded)
        if uploads is not None:
            wrapped.uploads = at_any_address(frozenset(roles), uploads)
        page: View = wrapped
        return page

    return decorate


def render_staff(
    request: HttpRequest, template: str, context: dict[str, Any], *, title: str, status: int = 200
) -> TemplateResponse:
    """Render `template`, which extends "admin/staff_page.html", in the admin's frame."""
    return TemplateResponse(
        request,
        template,
        {**admin.site.each_context(request), "title": title, **context},
        status=status,
    )
