"""Consumers in the admin: references and states in the list, masked values on the page."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters

from clients.access import client_ids_for, sees_all
from clients.models import Brand, Client
from consumers.forms import RevealForm
from consumers.imports import admin as imports_admin  # noqa: F401  (registers it)
from consumers.models import Consumer, Preference, Purchase, SuppressionToken, WebEvent
from consumers.profile import ATTRIBUTES, Profile, masked
from consumers.related import related_to
from consumers.reveal import reveal
from consumers.vaulting import open_profiles
from portal.access import require_step_up
from portal.admin import PortalAdmin, page_of, staff_user
from portal.errors import Refused
from portal.paging import NewestPaginator
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER, has_role

NAMES = {
    "email": "e-mail",
    "street2": "street, second line",
    "locality": "town",
    "region": "state or region",
}
"""The attributes that staff call otherwise than the program."""


@admin.register(Consumer)
class ConsumerAdmin(PortalAdmin[Consumer]):
    """Nothing is edited here: a profile changes by the client's files, and goes by an erasure."""

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    list_display = ("reference", "client", "state", "seed", "created_at", "updated_at")
    list_filter = ("state", "is_seed")
    list_select_related = ("client",)
    # The one order that an index holds, at any size: ids are given in the order of time.
    ordering = ("-id",)
    sortable_by = ()

    def has_change_permission(self, request: HttpRequest, obj: Consumer | None = None) -> bool:
        return False

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: "QuerySet[Consumer]",
        per_page: int,
        *args: Any,
        **kwargs: Any,
    ) -> NewestPaginator:
        user = staff_user(request)
        clients = None if sees_all(user) else list(client_ids_for(user))
        return NewestPaginator(queryset, per_page, *args, clients=clients, **kwargs)

    @admin.display(description="Reference")
    def reference(self, consumer: Consumer) -> str:
        return consumer.reference

    @admin.display(description="Seed", ordering="is_seed")
    def seed(self, consumer: Consumer) -> str:
        return "Seed" if consumer.is_seed else ""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self.person(request, object_id)

    @method_decorator(sensitive_post_parameters())
    def person(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The person, masked; after a POST with a reason unmasked, in this one answer."""
        consumer = self.get_object(request, object_id)
        if consumer is None or not self.has_view_permission(request, consumer):
            raise Http404
        if request.method == "POST" and (asks := require_step_up(request, now=timezone.now())):
            return asks
        form = RevealForm(request.POST or None)
        profile, revealed = open_profiles([consumer]).get(consumer.pk), False
        if request.method == "POST" and form.is_valid():
            try:
                profile = reveal(
                    consumer,
                    reason=form.cleaned_data["reason"],
                    by=staff_user(request),
                    now=timezone.now(),
                )
                revealed = True
            except Refused as refusal:
                form.add_error(None, refusal.sentence)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Consumer {consumer.reference}",
            "opts": self.opts,
            "consumer": consumer,
            "values": _rows(profile, revealed=revealed),
            "revealed": revealed,
            "form": form if has_role(request.user, SECURITY_OFFICER, ACCOUNT_MANAGER) else None,
            **_held(consumer),
        }
        response = TemplateResponse(request, "consumers/consumer.html", context)
        response["Cache-Control"] = "no-store"
        return response


def _rows(profile: Profile | None, *, revealed: bool) -> list[dict[str, str]]:
    """The attributes with their category and, masked or not, their value."""
    if profile is None:
        return []
    shown = _plain(profile) if revealed else masked(profile)
    return [
        {
            "name": NAMES.get(name, name.replace("_", " ")),
            "category": declared.categories[0].value,
            "value": shown[name],
        }
        for name, declared in ATTRIBUTES.items()
        if shown.get(name)
    ]


def _plain(profile: Profile) -> dict[str, str]:
    values = {name: value for name, value in profile._asdict().items() if isinstance(value, str)}
    if profile.demographics:
        values["demographics"] = ", ".join(f"{k}: {v}" for k, v in profile.demographics.items())
    return values


def _held(consumer: Consumer) -> dict[str, Any]:
    """What else is held about the person: counts, preferences, cases, and how the row changed."""
    of_person = {"client_id": consumer.client_id, "consumer_id": consumer.pk}
    return {
        "preferences": Preference.objects.filter(**of_person).select_related("brand"),
        "purchase_count": Purchase.objects.filter(**of_person).count(),
        "web_event_count": WebEvent.objects.filter(**of_person).count(),
        "related": related_to(consumer),
        "changes": consumer.history.select_related("history_user").order_by("-history_id")[:20],
    }


@admin.register(SuppressionToken)
class SuppressionTokenAdmin(PortalAdmin[SuppressionToken]):
    """The tokens that keep people out. They name nobody, and only their cases lift them."""

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    fields = ("client", "kind", "reason", "channel", "brand", "case", "since")
    readonly_fields = ("client", "brand", "case")
    list_display = ("since", "client", "kind", "reason", "channel", "case")
    list_filter = ("reason", "channel", "kind")
    ordering = ("-id",)
    cases: ClassVar[dict[str, str]] = {"opt_out": "requests.optout", "erased": "requests.erasure"}

    def get_queryset(self, request: HttpRequest) -> "QuerySet[SuppressionToken]":
        clients = Client.objects.filter(pk=OuterRef("client_id")).values("name")
        brands = Brand.objects.filter(pk=OuterRef("brand_id")).values("name")
        rows = super().get_queryset(request)
        return rows.annotate(client_name=Subquery(clients), brand_name=Subquery(brands))

    @admin.display(description="Client")
    def client(self, token: Any) -> str:
        return str(token.client_name)

    @admin.display(description="Brand")
    def brand(self, token: Any) -> str:
        return str(token.brand_name or "All brands of the client")

    @admin.display(description="Case")
    def case(self, token: SuppressionToken) -> str:
        url = page_of(self.cases.get(token.reason, ""), token.case_id)
        return format_html('<a href="{}">Open the case</a>', url) if url else str(token.case_id)

    def has_change_permission(
        self, request: HttpRequest, obj: SuppressionToken | None = None
    ) -> bool:
        return False
