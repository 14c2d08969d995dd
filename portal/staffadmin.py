"""The administrator's pages: staff and their roles, and the ledger for those who read it."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm, UserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters

from portal import ledger
from portal.admin import PortalAdmin, page_of, staff_user
from portal.ledger.models import Checkpoint, Leaf
from portal.models import User
from portal.roles import ADMINISTRATOR, ALL_ROLES, AUDITOR, SECURITY_OFFICER
from portal.staff import record_password, record_staff


class RolesField(forms.ModelMultipleChoiceField[Group]):
    """The roles as check boxes, with what each may do beside it."""

    widget = forms.CheckboxSelectMultiple


class StaffChangeForm(UserChangeForm[User]):
    """A member of staff: names, roles, and whether they may log in."""

    groups = RolesField(
        queryset=Group.objects.filter(name__in=ALL_ROLES).order_by("name"),
        label="Roles",
        required=False,
        help_text="A change takes effect at the person's next request.",
    )


@admin.register(User)
class StaffAdmin(PortalAdmin[User], UserAdmin[User]):
    """Staff. Nobody is deleted: the ledger names them."""

    viewers = (ADMINISTRATOR, SECURITY_OFFICER, AUDITOR)
    editors = (ADMINISTRATOR,)
    client_path = ""
    form = StaffChangeForm
    add_form = UserCreationForm
    # A member of staff has a password; the stock form offers none, for log-ins that do not exist here.
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    list_display = ("username", "first_name", "last_name", "role_names", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("username",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "groups")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        return super().get_queryset(request).filter(is_system=False).prefetch_related("groups")

    @admin.display(description="Roles")
    def role_names(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all())) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Nobody changes their own roles or access, so their own page does not offer it."""
        own = ("is_active", "groups") if obj is not None and obj.pk == request.user.pk else ()
        return (*self.readonly_fields, *own)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        """Store the roles and write what was given and taken to the ledger, in one transaction."""
        user: User = form.instance
        with transaction.atomic():
            before = _role_names(user)
            super().save_related(request, form, formsets, change)
            record_staff(
                user,
                is_new=not change,
                before=before,
                after=_role_names(user),
                switched="is_active" in form.changed_data,
                by=staff_user(request),
                now=timezone.now(),
            )

    @method_decorator(sensitive_post_parameters())
    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002  (Django's name)
        form_url: str = "",
    ) -> HttpResponse:
        """Set somebody's password, with a leaf and a notice to them and the Security Officers."""
        with transaction.atomic():
            before = self._password_of(id)
            response = super().user_change_password(request, id, form_url)
            user = self.get_object(request, id)
            if user is not None and user.password != before:
                record_password(user, by=staff_user(request), now=timezone.now())
        return response

    def _password_of(self, pk: str) -> str:
        try:
            return User.objects.values_list("password", flat=True).get(pk=pk)
        except (User.DoesNotExist, ValidationError):
            return ""


def _role_names(user: User) -> set[str]:
    return set(Group.objects.filter(user=user).values_list("name", flat=True))


@admin.register(Leaf)
class LeafAdmin(PortalAdmin[Leaf]):
    """What was done, refused or failed. Nobody adds or changes a leaf by hand."""

    viewers: ClassVar[tuple[str, ...]] = (AUDITOR, SECURITY_OFFICER, ADMINISTRATOR)
    list_display = ("at", "verb", "outcome", "reason", "actor", "role", "object_kind", "sealed")
    list_filter = ("outcome",)
    list_select_related = ("actor",)
    search_fields = ("verb", "object_id")
    search_help_text = "A verb such as erasure.approve, or the id of a case."
    ordering = ("-id",)
    list_display_links = ("at",)
    fields = (
        "at",
        "actor",
        "role",
        "verb",
        "outcome",
        "reason",
        "counts",
        "page",
        "object_kind",
        "object_id",
        "client_id",
    )
    readonly_fields = ("page",)

    def has_change_permission(self, request: HttpRequest, obj: Leaf | None = None) -> bool:
        return False

    @admin.display(description="Page")
    def page(self, leaf: Leaf) -> str:
        url = page_of(leaf.object_kind, leaf.object_id) if leaf.object_id else ""
        return format_html('<a href="{}">Open what it was done to</a>', url) if url else "-"

    @admin.display(description="Sealed", boolean=True)
    def sealed(self, leaf: Leaf) -> bool:
        return leaf.leaf_index is not None


@admin.register(Checkpoint)
class CheckpointAdmin(PortalAdmin[Checkpoint]):
    """The signed heads of the ledger."""

    viewers = (AUDITOR, SECURITY_OFFICER, ADMINISTRATOR)
    client_path = ""
    list_display = ("size", "signed_at", "key_id")
    ordering = ("-size",)
    actions = ("verify_all",)

    @admin.action(description="Verify the whole ledger now", permissions=["view"])
    def verify_all(self, request: HttpRequest, chosen: "QuerySet[Checkpoint]") -> None:
        report = ledger.verify()
        if report.ok:
            messages.success(
                request,
                f"The ledger is whole: {report.size} leaves under {report.checkpoints} checkpoints.",
            )
        for finding in report.findings:
            messages.error(request, finding.sentence)
