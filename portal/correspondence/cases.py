"""Which case a letter belongs to, for whoever may see it. The admin classes of the cases decide."""

from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.http import Http404, HttpRequest
from django.urls import reverse

from portal.admin import CaseAdmin
from portal.cases.models import Case
from portal.correspondence.models import Letter


def case_page(case: Case) -> str:
    """The page of `case`."""
    return reverse(f"admin:{case._meta.app_label}_{case._meta.model_name}_change", args=[case.pk])


def reachable_case(request: HttpRequest, kind: str, pk: UUID) -> Case:
    """The case of that kind ("requests.optout"), or 404 where this user may not see it."""
    try:
        model = apps.get_model(kind)
    except (LookupError, ValueError):
        raise Http404 from None
    page = admin.site._registry.get(model)
    if not isinstance(page, CaseAdmin):
        raise Http404
    case: Case = page.reachable(request, pk)
    return case


def reachable_letter(request: HttpRequest, pk: UUID) -> tuple[Letter, Case]:
    """A letter and its case, or 404 where this user may not see the case."""
    letter = (
        Letter.objects.select_related("version", "drafted_by", "released_by").filter(pk=pk).first()
    )
    if letter is None:
        raise Http404
    return letter, reachable_case(request, letter.case_kind, letter.case_id)
