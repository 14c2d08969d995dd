"""The statement of a catalog suppression, on the screen and as a letter."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from clients.access import within_reach
from portal.admin import staff_user
from portal.roles import AUDITOR, has_role
from portal.staffpages import render_staff, staff_page
from requests.optouts.states import STAFF
from requests.suppressions.models import CatalogSuppression
from requests.suppressions.statement import letter, statement


@staff_page(*STAFF, AUDITOR)
def statement_page(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """What the consumer is told, without the address; read out on the telephone, too."""
    suppression = _reachable(request, pk)
    return render_staff(
        request,
        "suppressions/statement.html",
        {
            "case": suppression,
            "told": statement(suppression, now=timezone.now()),
            "may_write": has_role(request.user, *STAFF),
        },
        title=f"Statement for {suppression.reference}",
    )


@staff_page(*STAFF)
def statement_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The letter with the address, made anew and kept nowhere; each one leaves a leaf."""
    suppression = _reachable(request, pk)
    content = letter(suppression, by=staff_user(request), now=timezone.now())
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{suppression.reference}.pdf"'
    return response


def _reachable(request: HttpRequest, pk: UUID) -> CatalogSuppression:
    rows = CatalogSuppression.objects.select_related("client", "brand", "opt_out")
    return get_object_or_404(within_reach(rows, request.user), pk=pk)
