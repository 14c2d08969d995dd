"""Whether this process can do its work, for a load balancer."""

from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.restore import replay_pending


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 where both databases answer and erasures need no replay (R41), else 503. It says nothing more."""
    try:
        for alias in ("default", "vault"):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"ok": False}, status=503)
    if replay_pending():
        return JsonResponse({"ok": False, "waits_for": "replay_erasures"}, status=503)
    return JsonResponse({"ok": True})
