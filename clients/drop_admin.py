"""Mail drops in the admin: planned by a form, changed by verbs."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from clients import drops
from clients.access import within_reach
from clients.controllers import Brand, MailDrop
from clients.forms import DropForm, MoveForm
from clients.states import PLANNERS
from portal.admin import Button, PortalAdmin, Verb, VerbForm, staff_user
from portal.errors import Refused
from portal.models import User
from portal.roles import AUDITOR, has_role

VERBS = (
    Verb(
        "move",
        "Move to another date…",
        drops.move_drop,
        form=MoveForm,
        explain="Until the list is locked, its lock date moves along. Afterwards only the mail date changes, "
        "and whoever was left out stays left out.",
    ),
    Verb(
        "lock",
        "Lock the list…",
        drops.lock_drop,
        explain="Possible once the lock date has come; the schedule does it by itself.",
    ),
    Verb("merge", "Record the merge…", drops.merge_drop, explain="Merge and purge were run."),
    Verb(
        "print", "Hand to the printer…", drops.print_drop, explain="The list went to the printer."
    ),
    Verb("mail", "Record the mailing…", drops.mail_drop, explain="The catalogs were mailed."),
    Verb(
        "arrive", "Record the arrival…", drops.arrive_drop, explain="The catalogs are in the homes."
    ),
    Verb(
        "cancel",
        "Cancel the mailing…",
        drops.cancel_drop,
        danger=True,
        explain="Nothing will be mailed.",
    ),
)


@admin.register(MailDrop)
class MailDropAdmin(PortalAdmin[MailDrop]):
    """The clients' mailings."""

    viewers = (*PLANNERS, AUDITOR)
    editors = PLANNERS
    form = DropForm
    list_display = ("name", "client", "brand", "mail_date", "lead_days", "lock_at", "state")
    list_filter = ("state",)
    list_select_related = ("client", "brand")
    search_fields = ("name", "key_code")
    ordering = ("-mail_date", "pk")

    def has_change_permission(self, request: HttpRequest, obj: MailDrop | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        verb = path(
            "<uuid:pk>/verb/<slug:verb>/",
            self.admin_site.admin_view(self.verb_view),
            name="clients_maildrop_verb",
        )
        return [verb, *super().get_urls()]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "brand":
            rows = Brand.objects.select_related("client").order_by("client__name", "name")
            kwargs["queryset"] = within_reach(rows, request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: MailDrop, form: Any, change: bool) -> None:
        planned = drops.plan_drop(by=staff_user(request), now=timezone.now(), **form.cleaned_data)
        obj.pk = planned.pk

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        drop = self._reachable(request, object_id)
        context = self._context(request, drop, title=f"Mail drop {drop}")
        context["buttons"] = self._buttons(drop, staff_user(request))
        context["trail"] = trail_of(drop.pk)
        return TemplateResponse(request, "clients/drop.html", {**context, **(extra_context or {})})

    def verb_view(self, request: HttpRequest, pk: Any, verb: str) -> HttpResponse:
        """The page of one verb."""
        drop, user = self._reachable(request, pk), staff_user(request)
        found = next((one for one in VERBS if one.name == verb), None)
        if found is None or not has_role(user, *self.editors):
            raise Http404
        made = found.form or VerbForm
        posted = (request.POST,) if request.method == "POST" else ()
        form = made(*posted, case=drop, user=user)
        if posted and form.is_valid() and self._do(request, drop, found, user, form.cleaned_data):
            return redirect(_url_of(drop))
        context = self._context(request, drop, title=f"{found.name_only}: {drop}")
        context |= {"verb": found, "form": form, "why_not": _why_not(drop, found, user)}
        return TemplateResponse(request, "admin/verb.html", context)

    def _do(
        self, request: HttpRequest, drop: MailDrop, verb: Verb, user: User, given: dict[str, Any]
    ) -> bool:
        try:
            verb.function(drop, by=user, now=timezone.now(), **given)
        except Refused as refusal:
            messages.error(request, refusal.sentence)
            return False
        messages.success(request, f"Done for {drop}: {verb.name_only}.")
        return True

    def _buttons(self, drop: MailDrop, user: User) -> list[Button]:
        if not has_role(user, *self.editors):
            return []
        name = "admin:clients_maildrop_verb"
        return [
            Button(verb, reverse(name, args=[drop.pk, verb.name]), _why_not(drop, verb, user))
            for verb in VERBS
        ]

    def _context(self, request: HttpRequest, drop: MailDrop, *, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "changelist_route": self.changelist_route,
            "drop": drop,
            "case": {"reference": drop.name},
            "case_url": _url_of(drop),
        }

    def _reachable(self, request: HttpRequest, pk: Any) -> MailDrop:
        drop = self.get_object(request, str(pk))
        if drop is None or not self.has_view_permission(request, drop):
            raise Http404
        return drop


def trail_of(object_id: Any) -> Any:
    """The ledger's leaves on one object, newest first, as many as a page shows."""
    from portal.ledger.models import Leaf

    return Leaf.objects.filter(object_id=object_id).select_related("actor").order_by("-id")[:50]


def _url_of(drop: MailDrop) -> str:
    return reverse("admin:clients_maildrop_change", args=[drop.pk])


def _why_not(drop: MailDrop, verb: Verb, user: User) -> str:
    try:
        drops.check_can_drop(drop, verb.name, user, timezone.now())
    except Refused as refusal:
        return refusal.sentence
    return ""
