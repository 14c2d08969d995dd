"""Opt-outs in the admin."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from clients.lists import StateFilter
from consumers.models import SuppressionToken
from consumers.profile import masked
from portal.admin import CaseAdmin, Verb, moment
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER, has_role
from requests.optouts import forms, verbs
from requests.optouts.deadlines import AHEAD, UNANSWERED
from requests.optouts.lookup import others_in_force
from requests.optouts.models import OptOut
from requests.optouts.states import STAFF

VERBS = (
    Verb(
        "confirm",
        "Record the confirmation…",
        verbs.confirm,
        form=forms.ConfirmForm,
        explain="Keeps what the consumer was told, and by which way.",
    ),
    Verb(
        "close",
        "Close…",
        verbs.close,
        explain="Closes the case. The opt-out stays in force: it never expires.",
    ),
    Verb(
        "lift",
        "Lift…",
        verbs.lift,
        form=forms.LiftForm,
        danger=True,
        step_up=True,
        explain="Only a dated opt-in that is newer than the opt-out lifts it, on the client's instruction, by a "
        "Security Officer who did not log that instruction. Other opt-outs of the same address stay. Where it is of nobody in "
        "particular, the address and the consumer's words are destroyed with the lift.",
    ),
)


class ClockFilter(admin.SimpleListFilter):
    """Unanswered cases that are late, or due soon; answered by the partial index of what is open."""

    title = "deadline"
    parameter_name = "clock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("late", "Past the deadline"), ("soon", "Due soon")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        now = timezone.now()
        unanswered = queryset.filter(closed_at__isnull=True, state__in=UNANSWERED)
        if self.value() == "late":
            return unanswered.filter(due_at__lt=now)
        if self.value() == "soon":
            return unanswered.filter(due_at__gte=now, due_at__lte=now + AHEAD)
        return queryset


@admin.register(OptOut)
class OptOutAdmin(CaseAdmin[OptOut]):
    """Who does not want to be written to. The address is shown masked."""

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    verbs = VERBS
    list_display = (
        "reference",
        "client",
        "channel_name",
        "brand",
        "match",
        "state_name",
        "received_at",
        "due_at",
    )
    list_filter: ClassVar[Any] = (StateFilter, ClockFilter, "marketing_channel", "match")
    list_select_related = ("client", "brand")

    @admin.display(description="Opted out of", ordering="marketing_channel")
    def channel_name(self, case: OptOut) -> str:
        return case.get_marketing_channel_display() if case.marketing_channel else "Every channel"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *STAFF)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("optouts:log")

    def gone(self, case: OptOut) -> str:
        if case.state == "lifted" and case.consumer_id is None:
            return "Destroyed when the opt-out was lifted."
        return super().gone(case)

    def facts(self, request: HttpRequest, case: OptOut) -> list[tuple[str, Any]]:
        return [
            ("Opted out of", self.channel_name(case)),
            ("Brand", case.brand or "All brands of the client"),
            ("Address", _address(case) or self.gone(case).rstrip(".")),
            ("On file", _match(case)),
            ("In effect since", moment(case.effective_at)),
            ("Tokens that keep the address out", _tokens(case)),
            *_beside(case),
            *_lifted(case),
        ]


def _address(case: OptOut) -> str:
    address = verbs.address_of(case)
    if address is None:
        return ""
    shown = masked(address)
    shown.pop("country", None)
    return ", ".join(shown.values())


def _match(case: OptOut) -> Any:
    if case.consumer_id is None:
        return case.get_match_display()
    url = reverse("admin:consumers_consumer_change", args=[case.consumer_id])
    return format_html('<a href="{}">{}</a>', url, case.get_match_display())


def _tokens(case: OptOut) -> int:
    return SuppressionToken.objects.filter(client_id=case.client_id, case_id=case.pk).count()


def _beside(case: OptOut) -> list[tuple[str, Any]]:
    """Other opt-outs of the address that are in force, and the catalog suppression."""
    found: list[tuple[str, Any]] = []
    others = list(others_in_force(case)[:10])
    if others:
        found.append(("Opted out also by", _links("requests_optout", others)))
    catalogs = getattr(case, "catalog_suppression", None)
    if catalogs is not None:
        found.append(("Catalogs", _links("requests_catalogsuppression", [catalogs])))
    return found


def _lifted(case: OptOut) -> list[tuple[str, Any]]:
    if case.lifted_at is None:
        return []
    return [
        ("Opted in again", moment(case.opted_in_at)),
        ("Lifted", moment(case.lifted_at)),
        ("On instruction", case.lift_instruction),
    ]


def _links(name: str, cases: Iterable[Any]) -> Any:
    return format_html_join(
        ", ",
        '<a href="{}">{}</a>',
        ((reverse(f"admin:{name}_change", args=[case.pk]), case.reference) for case in cases),
    )
