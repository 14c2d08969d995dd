"""Catalog suppressions in the admin: the six months, drop by drop."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html

from clients.lists import StateFilter
from portal.admin import CaseAdmin, Verb, moment
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from requests.suppressions import forms, verbs
from requests.suppressions.models import CatalogSuppression

MOST_SHOWN = 200
VERBS = (
    Verb(
        "note_violation",
        "Note a violation…",
        verbs.note_violation,
        form=forms.ViolationForm,
        danger=True,
        explain="A catalog came, or will come, that should not. The start page shows it until the six months "
        "are over.",
    ),
)


@admin.register(CatalogSuppression)
class CatalogSuppressionAdmin(CaseAdmin[CatalogSuppression]):
    """What each opt-out of mail means for the client's mail drops."""

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    verbs = VERBS
    case_template = "suppressions/case.html"
    list_display = (
        "reference",
        "client",
        "brand",
        "state_name",
        "effective_at",
        "tail_ends_on",
        "violation",
    )
    list_filter: ClassVar[Any] = (StateFilter, "has_violation")
    list_select_related: ClassVar[Any] = ("client", "brand")

    @admin.display(description="Violation", ordering="has_violation")
    def violation(self, case: CatalogSuppression) -> str:
        return "Yes" if case.has_violation else "None"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """It begins with its opt-out and in no other way."""
        return False

    def facts(self, request: HttpRequest, case: CatalogSuppression) -> list[tuple[str, Any]]:
        url = reverse("admin:requests_optout_change", args=[case.opt_out_id])
        return [
            ("Opt-out", format_html('<a href="{}">{}</a>', url, case.opt_out.reference)),
            ("Brand", case.brand or "All brands of the client"),
            ("In effect since", moment(case.effective_at)),
            ("Catalogs may come until", f"{date_format(case.tail_ends_on)} (six calendar months)"),
            ("Violation", "Yes" if case.has_violation else "None"),
        ]

    def case_context(self, request: HttpRequest, case: CatalogSuppression) -> dict[str, Any]:
        return {"drops": case.drops.select_related("drop__brand")[:MOST_SHOWN]}
