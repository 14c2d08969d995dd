"""The portal's admin site and the base classes of its admin classes.

Admin classes are thin: they show, filter and call verbs. Who may see and do what is said by roles and by the
reach of a member of staff (own clients only), never by Django's permission table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.views.decorators.http import require_http_methods

from portal.access import gate
from portal.cases import files, thread, timekeeping, verbs
from portal.cases.models import Case
from portal.correspondence.purposes import writable_for
from portal.correspondence.verbs import WRITERS, letters_of
from portal.errors import Refused
from portal.models import User
from portal.paging import BoundedPaginator
from portal.roles import ADMINISTRATOR, ALL_ROLES, AUDITOR, SECURITY_OFFICER, has_role
from portal.uploadgate import UploadPage, evidence_size, takes_files

AnyModel = TypeVar("AnyModel", bound=models.Model)
AnyCase = TypeVar("AnyCase", bound=Case)
Reach = Callable[["QuerySet[Any]", Any, str], "QuerySet[Any]"]


def staff_user(request: HttpRequest) -> User:
    """The member of staff behind `request`; only for pages that ask for a log-in."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def moment(at: datetime | None) -> str:
    """A time as the pages write it: "25 Nov 2026, 03:05 UTC"; "Not yet" for None."""
    return f"{date_format(at.astimezone(UTC), 'DATETIME_FORMAT')} UTC" if at else "Not yet"


def page_of(kind: str, pk: Any) -> str:
    """The address of the admin page of an object ("requests.erasure"), or "" where it has none."""
    try:
        return reverse(f"admin:{kind.replace('.', '_')}_change", args=[pk])
    except NoReverseMatch:
        return ""


class PortalAdminSite(admin.AdminSite):
    """The place of work. Its start page says what is due; apps add their parts with `add_due`."""

    site_header = "Privacy portal"
    site_title = "Privacy portal"
    index_title = "What is due"
    index_template = "admin/start.html"
    site_url = None
    enable_nav_sidebar = True
    within_reach: ClassVar[Reach | None] = None

    def __init__(self, name: str = "admin") -> None:
        from portal.access.login import RoleAuthenticationForm

        super().__init__(name)
        self.login_form = RoleAuthenticationForm

    def has_permission(self, request: HttpRequest) -> bool:
        return (
            request.user.is_active
            and has_role(request.user, *ALL_ROLES)
            and gate.is_verified(request)
        )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page for staff. A method that it does not know is refused, and not taken for a GET."""
        known = require_http_methods(["GET", "HEAD", "POST"])
        return super().admin_view(known(view), cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The admin's pages but for the one that looks for any row by its kind and id, whoever asks."""
        return [one for one in super().get_urls() if getattr(one, "name", "") != "view_on_site"]

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Change one's own password, with a leaf."""
        from portal.access.sessions import start_session
        from portal.staff import record_password

        user, key, now = staff_user(request), request.session.session_key, timezone.now()
        with transaction.atomic():
            response = super().password_change(request, extra_context)
            if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
                # Django has given the session a new key with the new password.
                this = request.session.session_key or ""
                start_session(user, this, replaces=key, now=now)
                record_password(user, by=user, this=this, now=now)
        return response

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        from portal.startpage import pages_for

        context = super().each_context(request)
        context["staff_pages"] = pages_for(request.user)
        return context

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        from portal.startpage import due_for

        due = due_for(staff_user(request), timezone.now())
        return super().index(request, {"due": due, **(extra_context or {})})


class PortalChangeList(ChangeList):
    """A list that is put in no order by its address which its columns' heads do not offer."""

    def get_ordering_field(self, field_name: Any) -> Any:
        offered = self.list_display if self.sortable_by is None else self.sortable_by
        return super().get_ordering_field(field_name) if field_name in offered else None


class PortalAdmin(admin.ModelAdmin[AnyModel], Generic[AnyModel]):
    """An admin class that asks roles and reach, counts within bounds and deletes nothing."""

    viewers: ClassVar[Sequence[str]] = (SECURITY_OFFICER, AUDITOR, ADMINISTRATOR)
    editors: ClassVar[Sequence[str]] = ()
    client_path: ClassVar[str] = "client_id"

    paginator = BoundedPaginator
    # An exact count of a large table takes seconds; the paginator's bounded one takes none.
    show_full_result_count = False
    list_per_page = 50
    save_on_top = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *self.viewers, *self.editors)

    def has_view_permission(self, request: HttpRequest, obj: AnyModel | None = None) -> bool:
        return has_role(request.user, *self.viewers, *self.editors)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *self.editors)

    def has_change_permission(self, request: HttpRequest, obj: AnyModel | None = None) -> bool:
        return has_role(request.user, *self.editors)

    def has_delete_permission(self, request: HttpRequest, obj: AnyModel | None = None) -> bool:
        return False

    @property
    def changelist_route(self) -> str:
        """The name of the list's address."""
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[AnyModel]":
        """The rows in reach of the user; none where nobody has said what reach is (portal.E003)."""
        rows = super().get_queryset(request)
        if not self.client_path:
            return rows
        reach = PortalAdminSite.within_reach
        return rows.none() if reach is None else reach(rows, request.user, self.client_path)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """A list answers the filters that it offers; no digest, key or time is guessed by its address."""
        filters: Sequence[Any] = self.get_list_filter(request)
        offered = {getattr(one, "parameter_name", one) for one in filters}
        return lookup.partition("__")[0] in offered and super().lookup_allowed(
            lookup, value, request
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PortalChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        if any("\0" in value for value in request.GET.values()):
            raise BadRequest("There is a NUL in the address.")
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer only what the user may see; a posted id of anything else is no valid choice."""
        other = self.admin_site._registry.get(db_field.related_model)
        if isinstance(other, PortalAdmin) and "queryset" not in kwargs:
            kwargs["queryset"] = other.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if IS_POPUP_VAR in request.GET:
            return {}
        return super().get_actions(request)


VerbFunction = Callable[..., object]


@dataclass(frozen=True)
class Verb:
    """A verb of a case as a button and a page of its own.

    `name` is the verb in the state table. `form` is called with `case=` and `user=` and its cleaned data are
    given to `function(case, by=, now=, **cleaned_data)`. `step_up` asks for the second factor again first.
    """

    name: str
    label: str
    function: VerbFunction
    form: type["VerbForm"] | None = None
    danger: bool = False
    explain: str = ""
    step_up: bool = False

    @property
    def name_only(self) -> str:
        """The label without the dots that promise a further page."""
        return self.label.rstrip("…")


class VerbForm(forms.Form):
    """The form of a verb's page. Its cleaned data are the keyword arguments of the verb."""

    def __init__(self, *args: Any, case: Any, user: User, **kwargs: Any) -> None:
        self.case = case
        self.user = user
        super().__init__(*args, **kwargs)


@dataclass(frozen=True)
class Button:
    """A verb as the case's page shows it; `why_not` is empty where it is permitted."""

    verb: Verb
    url: str
    why_not: str


class CaseAdmin(PortalAdmin[AnyCase], Generic[AnyCase]):
    """The read-only page of a case, with its verbs as pages of their own."""

    verbs: ClassVar[Sequence[Verb]] = ()
    case_template: ClassVar[str] = "admin/case.html"
    list_display: Any = ("reference", "client", "state_name", "received_at", "due_at")
    list_filter: ClassVar[Any] = ("state",)
    search_fields: ClassVar[Any] = ("reference",)
    search_help_text = "A reference. People are found on the search page, never by a web address."
    list_select_related: ClassVar[Any] = ("client",)
    # Ids are given in the order of time, so the newest come first at any size, by the primary key's own index.
    ordering: ClassVar[Any] = ("-pk",)

    @admin.display(description="State", ordering="state")
    def state_name(self, case: AnyCase) -> str:
        return case.state_name

    def has_change_permission(self, request: HttpRequest, obj: AnyCase | None = None) -> bool:
        return False

    def facts(self, request: HttpRequest, case: AnyCase) -> list[tuple[str, Any]]:
        """What the page says about the case beyond what every case has: (label, value)."""
        return []

    def gone(self, case: AnyCase) -> str:
        """What stands in the thread for an entry that can no longer be opened."""
        return "Erased with its person."

    def case_context(self, request: HttpRequest, case: AnyCase) -> dict[str, Any]:
        """More context for `case_template`."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path(
                "<uuid:pk>/verb/<slug:verb>/",
                self._verb_page(),
                name=f"{name}_verb",
            ),
            path(
                "<uuid:pk>/file/<uuid:file_id>/",
                self.admin_site.admin_view(self.file_view),
                name=f"{name}_file",
            ),
            *super().get_urls(),
        ]

    def url_of(self, case: AnyCase) -> str:
        """The page of `case`."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[case.pk])

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        case = self.reachable(request, object_id)
        self._record_reading(case, staff_user(request))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{capfirst(self.opts.verbose_name)} {case.reference}",
            "opts": self.opts,
            "changelist_route": self.changelist_route,
            "case": case,
            "facts": self.facts(request, case),
            "buttons": self.buttons(request, case),
            "thread": thread.entries(case),
            "gone": self.gone(case),
            "files": self._file_links(case),
            "case_label": case._meta.label_lower,
            "letters": letters_of(case),
            "can_write": has_role(request.user, *WRITERS) and writable_for(case._meta.label_lower),
            "trail": self._trail(case),
            "clocks": [
                {"view": view, "late": view.is_late(timezone.now())}
                for view in timekeeping.views(case)
            ],
            "is_late": bool(case.due_at and case.is_open and case.due_at < timezone.now()),
            **self.case_context(request, case),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.case_template, context)

    def buttons(self, request: HttpRequest, case: AnyCase) -> list[Button]:
        """The verbs of `case` for this user; those of other roles are not shown."""
        user = staff_user(request)
        return [
            Button(verb, self._verb_url(case, verb), self._why_not(case, verb, user))
            for verb in self.verbs
            if has_role(user, *case.TABLE.transitions[verb.name].roles)
        ]

    def _verb_page(self) -> Callable[..., HttpResponse]:
        page: Any = self.admin_site.admin_view(self.verb_view)
        page.uploads = self._verb_uploads
        found: Callable[..., HttpResponse] = page
        return found

    def _verb_uploads(self, kwargs: Mapping[str, Any]) -> UploadPage | None:
        """Whether the page of a verb takes files: where its form has such a field, from the verb's roles."""
        found = next((one for one in self.verbs if one.name == kwargs["verb"]), None)
        if found is None or not takes_files(found.form):
            return None
        return UploadPage(self.model.TABLE.transitions[found.name].roles, evidence_size())

    def verb_view(self, request: HttpRequest, pk: Any, verb: str) -> HttpResponse:
        """The page of one verb: what it does, its form, and the deed."""
        case = self.reachable(request, pk)
        found = next((one for one in self.verbs if one.name == verb), None)
        if found is None:
            raise Http404
        user = staff_user(request)
        asks = gate.require_step_up(request, now=timezone.now()) if found.step_up else None
        if asks is not None:
            return asks
        form = self._verb_form(request, case, found, user)
        why_not = self._why_not(case, found, user)
        if request.method == "POST" and form.is_valid():
            response = self._do(request, case, found, user, form.cleaned_data)
            if response is not None:
                return response
        context = {
            **self.admin_site.each_context(request),
            "title": f"{found.name_only}: {case.reference}",
            "opts": self.opts,
            "changelist_route": self.changelist_route,
            "case": case,
            "case_url": self.url_of(case),
            "verb": found,
            "form": form,
            "why_not": why_not,
            **self.verb_context(request, case, found),
        }
        return TemplateResponse(request, f"{self.verb_template(found)}", context)

    def verb_template(self, verb: Verb) -> str:
        """The template of a verb's page."""
        return "admin/verb.html"

    def verb_context(self, request: HttpRequest, case: AnyCase, verb: Verb) -> dict[str, Any]:
        """More context for the page of `verb`, such as a preview."""
        return {}

    def file_view(self, request: HttpRequest, pk: Any, file_id: Any) -> HttpResponseBase:
        """Hand out a file of the case, opened in memory, and record that it was looked at."""
        from portal.filedownload import download

        case = self.reachable(request, pk)
        asks = gate.require_step_up(request, now=timezone.now())
        return asks or download(case, file_id, by=staff_user(request), now=timezone.now())

    def _verb_form(self, request: HttpRequest, case: AnyCase, verb: Verb, user: User) -> VerbForm:
        made, initial = verb.form or VerbForm, self.verb_initial(request, verb)
        if request.method == "POST":
            return made(request.POST, request.FILES, case=case, user=user, initial=initial)
        return made(case=case, user=user, initial=initial)

    def verb_initial(self, request: HttpRequest, verb: Verb) -> dict[str, Any]:
        """What the form of a verb begins with, such as a part of the case that the address names."""
        return {}

    def _do(
        self, request: HttpRequest, case: AnyCase, verb: Verb, user: User, arguments: dict[str, Any]
    ) -> HttpResponse | None:
        try:
            verb.function(case, by=user, now=timezone.now(), **arguments)
        except Refused as refusal:
            messages.error(request, refusal.sentence)
            return None
        messages.success(request, f"Done for {case.reference}: {verb.name_only}.")
        return redirect(self.url_of(case))

    def _why_not(self, case: AnyCase, verb: Verb, user: User) -> str:
        try:
            verbs.check_can(case, verb.name, user, timezone.now())
        except Refused as refusal:
            return refusal.sentence
        return ""

    def _verb_url(self, case: AnyCase, verb: Verb) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_verb"
        return reverse(name, args=[case.pk, verb.name])

    def reachable(self, request: HttpRequest, pk: Any) -> AnyCase:
        """The case, or 404 where it does not exist or is not this user's to see."""
        case = self.get_object(request, str(pk))
        if case is None or not self.has_view_permission(request, case):
            raise Http404
        return case

    def _file_links(self, case: AnyCase) -> list[dict[str, Any]]:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_file"
        return [
            {
                "row": row,
                "name": row.unseal_content().get("name", "erased"),
                "url": reverse(name, args=[case.pk, row.pk]) if row.sealed else "",
            }
            for row in files.of_case(case)
        ]

    def _trail(self, case: AnyCase) -> "QuerySet[Any]":
        from portal.ledger.models import Leaf

        # Who has only looked is in the ledger, and would hide here what was done.
        done = Leaf.objects.filter(object_id=case.pk).exclude(verb=f"{case.VERB_PREFIX}.read")
        return done.select_related("actor").order_by("id")

    def _record_reading(self, case: AnyCase, user: User) -> None:
        """The page opens what was written and attached, in which people may be named; that leaves a leaf."""
        opened = {
            "notes": thread.written_by_people(case),
            "files": sum(row.sealed is not None for row in files.of_case(case)),
        }
        if any(opened.values()):
            verbs.record_verb(case, "read", by=user, now=timezone.now(), counts=opened)
