"""Clients in the admin. Administrators and the Security Officer set them up; the rest read their own."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import BaseModelFormSet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from clients import drop_admin, ending, verbs
from clients.controllers import Brand, Client, ClientAssignment, ClientContact, MailDrop
from clients.forms import CHOSEN_FROM_LISTS, AssignmentForm, ClientForm, EndForm
from clients.instructions import admin as instruction_admin
from portal import ledger
from portal.admin import PortalAdmin, staff_user
from portal.errors import Refused
from portal.roles import (
    ACCOUNT_MANAGER,
    ADMINISTRATOR,
    AUDITOR,
    SECURITY_OFFICER,
    has_role,
)

__all__ = ["ClientAdmin", "drop_admin", "instruction_admin"]

READERS = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR, ADMINISTRATOR)


class RoleInline(admin.TabularInline[Any, Client]):
    """An inline that asks roles. Its rows are those of a client that the page has found within reach."""

    editors: ClassVar[tuple[str, ...]] = verbs.SET_UP
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request.user, *READERS)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request.user, *self.editors)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request.user, *self.editors)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and has_role(request.user, *self.editors)


class BrandInline(RoleInline):
    model = Brand


class ContactInline(RoleInline):
    """People at the client. Nobody is removed: who left gets a last day, and old instructions stay explained."""

    model = ClientContact


class AssignmentInline(RoleInline):
    """Who looks after the client. An assignment is made or removed, never turned into another's."""

    model = ClientAssignment
    form = AssignmentForm
    verbose_name = "account manager"
    can_delete = True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DropInline(RoleInline):
    """The next mailings; they are planned and moved on pages of their own."""

    model = MailDrop
    editors = ()
    fields = ("name", "brand", "mail_date", "lead_days", "lock_at", "state")
    readonly_fields = fields
    show_change_link = True
    ordering = ("mail_date",)


def _named(name: str) -> Any:
    """A column of codes as a reader sees it: the names of what was chosen."""

    def shown(_: admin.ModelAdmin[Client], client: Client) -> str:
        column: Any = Client._meta.get_field(name)
        names = dict(column.base_field.choices)
        return ", ".join(str(names.get(code, code)) for code in getattr(client, name)) or "None"

    return admin.display(description=name.replace("_", " "))(shown)


@admin.register(Client)
class ClientAdmin(PortalAdmin[Client]):
    """The controllers."""

    viewers = READERS
    editors = verbs.SET_UP
    client_path = "pk"
    form = ClientForm
    change_form_template = "clients/client_change.html"
    list_display = ("name", "code", "recall_hours", "processing_days", "created_at", "ended_at")
    search_fields = ("name", "code")
    readonly_fields = ("created_at", "ended_at")
    regions_named = _named("regions")
    lawful_bases_named = _named("lawful_bases")
    purposes_named = _named("purposes")
    data_categories_named = _named("data_categories")
    inlines = (AssignmentInline, ContactInline, BrandInline, DropInline)

    def has_change_permission(self, request: HttpRequest, obj: Client | None = None) -> bool:
        ended = obj is not None and obj.ended_at is not None
        return not ended and super().has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:
        fields = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        return [f"{name}_named" if name in CHOSEN_FROM_LISTS else name for name in fields]

    def get_inlines(self, request: HttpRequest, obj: Client | None) -> Any:
        # A client must be there, with its keys, before anything hangs from it.
        return self.inlines if obj is not None else ()

    def get_urls(self) -> list[URLPattern]:
        end = path(
            "<uuid:pk>/end/", self.admin_site.admin_view(self.end_view), name="clients_client_end"
        )
        return [end, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id is not None and request.method == "GET":
            context["trail"] = self._trail(request, object_id)
            context["may_end"] = has_role(request.user, SECURITY_OFFICER)
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except Refused as refusal:
            return self._refused(request, object_id, refusal)

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        by, now = staff_user(request), timezone.now()
        if not change:
            obj.pk = verbs.create_client(by=by, now=now, **form.cleaned_data).pk
        elif form.changed_data:
            values = {name: form.cleaned_data[name] for name in form.changed_data}
            verbs.update_client(obj, values=values, by=by, now=now)

    def save_formset(
        self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool
    ) -> None:
        by, now = staff_user(request), timezone.now()
        rows = formset.save(commit=False)
        for row in formset.deleted_objects:
            verbs.unassign_manager(row.client, row.user, by=by, now=now)
        for row in rows:
            if isinstance(row, ClientAssignment):
                verbs.assign_manager(row.client, row.user, by=by, now=now)
            elif isinstance(row, ClientContact):
                verbs.save_contact(row, by=by, now=now)
            elif isinstance(row, Brand):
                verbs.save_brand(row, by=by, now=now)

    def end_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """End all processing for a client: what stands in the way, and the typed confirmation."""
        client = self.get_object(request, str(pk))
        if client is None:
            raise Http404
        user, now = staff_user(request), timezone.now()
        if not has_role(user, SECURITY_OFFICER):
            raise PermissionDenied
        form = EndForm(*((request.POST,) if request.method == "POST" else ()), client=client)
        if request.method == "POST" and form.is_valid():
            try:
                ending.end_processing(client, by=user, now=now, **form.cleaned_data)
            except Refused as refusal:
                messages.error(request, refusal.sentence)
            else:
                messages.success(request, f"All processing for {client} has ended.")
                return redirect(_url_of(client))
        context = {
            **self.admin_site.each_context(request),
            "title": f"End all processing for {client}",
            "opts": self.opts,
            "client": client,
            "form": form,
            "why_not": _why_not_end(client, now),
        }
        return TemplateResponse(request, "clients/end.html", context)

    def _trail(self, request: HttpRequest, object_id: str) -> Any:
        client = self.get_object(request, object_id)
        return drop_admin.trail_of(client.pk) if client is not None else ()

    def _refused(
        self, request: HttpRequest, object_id: str | None, refusal: Refused
    ) -> HttpResponse:
        client = self.get_object(request, object_id) if object_id is not None else None
        client_id = client.pk if client is not None else None
        # The page's transaction was rolled back, and with it the leaf that the verb left of its refusal.
        ledger.record(
            verb="client.change",
            by=staff_user(request),
            client_id=client_id,
            object_kind=Client._meta.label_lower,
            object_id=client_id,
            outcome="refused",
            reason=refusal.code,
            now=timezone.now(),
        )
        messages.error(request, refusal.sentence)
        return redirect(request.path)


def _url_of(client: Client) -> str:
    return reverse("admin:clients_client_change", args=[client.pk])


def _why_not_end(client: Client, now: Any) -> str:
    try:
        ending.check_can_end(client, now)
    except Refused as refusal:
        return refusal.sentence
    return ""
