"""Imports and incidents in the admin. What is done here is done by the verbs."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html

from clients.lists import StateFilter
from consumers.imports import report, verbs
from consumers.imports.forms import InformedForm
from consumers.imports.models import ImportJob, SensitiveIncident
from portal.admin import CaseAdmin, PortalAdmin, Verb, staff_user
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER, has_role

VERBS = (
    Verb(
        "stop",
        "Stop…",
        verbs.stop_import,
        explain="The import stops after the rows that it is at. What is in stays in.",
    ),
    Verb(
        "resume",
        "Resume, or try again…",
        verbs.resume_import,
        explain="An import that was stopped, or that failed, goes on after the last row that it has read.",
    ),
    Verb(
        "release",
        "Try the quarantined rows again…",
        verbs.release_quarantine,
        explain="Purchases and web events whose customer is known by now go in.",
    ),
    Verb(
        "cancel",
        "Cancel the import…",
        verbs.cancel_import,
        danger=True,
        explain="The file is removed and the import ends. What has already come in stays.",
    ),
)


@admin.register(ImportJob)
class ImportJobAdmin(CaseAdmin[ImportJob]):
    """Every import, with what came of its rows."""

    class Media:
        css = {"all": ["portal/imports.css"]}

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    verbs = VERBS
    case_template = "imports/case.html"
    list_display = (
        "reference",
        "state_name",
        "client",
        "kind",
        "rows",
        "went_in",
        "kept_out",
    )
    list_filter: ClassVar[Any] = (StateFilter, "kind")
    ordering: ClassVar[Any] = ("-logged_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, SECURITY_OFFICER, ACCOUNT_MANAGER)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("imports:upload")

    @admin.display(description="Rows", ordering="rows_read")
    def rows(self, job: ImportJob) -> str:
        return f"{job.rows_read:,}"

    @admin.display(description="Went in")
    def went_in(self, job: ImportJob) -> str:
        return f"{job.accepted + job.updated + job.unchanged:,}"

    @admin.display(description="Kept out")
    def kept_out(self, job: ImportJob) -> str:
        return f"{job.suppressed + job.quarantined + job.refused:,}"

    def facts(self, request: HttpRequest, case: ImportJob) -> list[tuple[str, Any]]:
        return [
            ("Holds", case.get_kind_display()),
            ("Under the instruction", case.instruction or "None yet"),
            ("Columns refused", ", ".join(sorted(case.refused_columns)) or "None"),
        ]

    def _why_not(self, case: ImportJob, verb: Verb, user: User) -> str:
        if verb.name == "release" and not case.quarantined:
            return "None of its rows is in quarantine."
        return super()._why_not(case, verb, user)

    def case_context(self, request: HttpRequest, case: ImportJob) -> dict[str, Any]:
        return {"counts": report.counted(case)}


class InformedFilter(admin.SimpleListFilter):
    """Whether the client was informed."""

    title = "client informed"
    parameter_name = "informed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "To be informed"), ("yes", "Informed")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(client_informed_at__isnull=self.value() == "no")


@admin.register(SensitiveIncident)
class SensitiveIncidentAdmin(PortalAdmin[SensitiveIncident]):
    """Sensitive data that clients sent. It ends when the client was told to send it no more."""

    class Media:
        css = {"all": ["portal/imports.css"]}

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    actors: ClassVar[Any] = (SECURITY_OFFICER, ACCOUNT_MANAGER)
    list_display = (
        "reference",
        "client",
        "what",
        "column",
        "times",
        "informed",
        "case",
    )
    list_filter: ClassVar[Any] = (InformedFilter, "place")
    list_select_related: ClassVar[Any] = ("client", "client_informed_by")
    search_fields: ClassVar[Any] = ("reference",)
    ordering: ClassVar[Any] = ("-found_at",)

    def has_change_permission(
        self, request: HttpRequest, obj: SensitiveIncident | None = None
    ) -> bool:
        return False

    @admin.display(description="What")
    def what(self, incident: SensitiveIncident) -> str:
        return report.incident_name(incident)

    @admin.display(description="Times", ordering="occurrences")
    def times(self, incident: SensitiveIncident) -> str:
        return f"{incident.occurrences:,}"

    @admin.display(description="Informed", boolean=True)
    def informed(self, incident: SensitiveIncident) -> bool:
        return incident.client_informed_at is not None

    @admin.display(description="Case")
    def case(self, incident: SensitiveIncident) -> str:
        url = report.case_url(incident)
        return format_html('<a href="{}">{}</a>', url, incident.case_reference)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The incident, and the form that says that the client was informed."""
        incident = self.get_object(request, object_id)
        if incident is None or not self.has_view_permission(request, incident):
            raise Http404
        may = has_role(request.user, *self.actors)
        if request.method == "POST" and not may:
            raise PermissionDenied
        form = InformedForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid() and self._inform(request, incident):
            return redirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Incident {incident.reference}",
            "opts": self.opts,
            "incident": incident,
            "what": report.incident_name(incident),
            "case_url": report.case_url(incident),
            "form": form if may and incident.client_informed_at is None else None,
        }
        return TemplateResponse(request, "imports/incident.html", context)

    def _inform(self, request: HttpRequest, incident: SensitiveIncident) -> bool:
        try:
            verbs.inform_client(incident, by=staff_user(request), now=timezone.now())
        except Refused as refusal:
            messages.error(request, refusal.sentence)
            return False
        messages.success(request, f"{incident.reference}: the client was informed.")
        return True

    def get_queryset(self, request: HttpRequest) -> "QuerySet[SensitiveIncident]":
        return super().get_queryset(request).select_related("client", "client_informed_by")
