"""Instructions in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join

from clients.instructions import forms, verbs
from clients.instructions.models import Instruction
from clients.instructions.states import STAFF
from clients.lists import StateFilter
from portal.admin import CaseAdmin, Verb, moment
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, SECURITY_OFFICER, has_role

VERBS = (
    Verb(
        "confirm_in_writing",
        "Record the written confirmation…",
        verbs.confirm_in_writing,
        form=forms.EvidenceForm,
        explain="The instruction was given orally. Attach the client's written confirmation.",
    ),
    Verb(
        "add_evidence",
        "Attach evidence…",
        verbs.add_evidence,
        form=forms.EvidenceForm,
        explain="Attach a further document of the client.",
    ),
    Verb(
        "check_authority",
        "Check the authority…",
        verbs.check_authority,
        form=forms.AuthorityForm,
        explain="Passes where the contract named this person as entitled on the day of receipt.",
    ),
    Verb(
        "review_legality",
        "Review the legality…",
        verbs.review_legality,
        form=forms.LegalityForm,
        explain="An unlawful instruction is suspended, and the client is informed immediately "
        "(GDPR 28(3)).",
    ),
    Verb(
        "approve",
        "Approve…",
        verbs.approve,
        explain="Puts the instruction into force. Whoever logged it cannot approve it. The instruction "
        "that it supersedes ends now.",
    ),
    Verb(
        "confirm",
        "Confirm to the client…",
        verbs.confirm,
        explain="Tells the client by e-mail that the instruction was carried out, and closes it.",
    ),
    Verb(
        "suspend",
        "Suspend…",
        verbs.suspend,
        form=forms.FindingForm,
        danger=True,
        explain="Stops any use at once, and informs the client.",
    ),
    Verb(
        "resume",
        "Take up again…",
        verbs.resume,
        form=forms.FindingForm,
        explain="The instruction is reviewed and approved anew.",
    ),
    Verb(
        "withdraw",
        "Record the withdrawal…",
        verbs.withdraw,
        form=forms.FindingForm,
        danger=True,
        explain="The client took the instruction back. Nothing is done under it from here on, and it "
        "cannot be taken up again.",
    ),
)


@admin.register(Instruction)
class InstructionAdmin(CaseAdmin[Instruction]):
    """What clients told us to do."""

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR, ADMINISTRATOR)
    verbs = VERBS
    list_display = (
        "reference",
        "client",
        "kind",
        "covers",
        "state_name",
        "received_at",
        "effective_until",
    )
    list_filter: ClassVar[Any] = (StateFilter, "kind", "is_standing")

    @admin.display(description="Covers", ordering="is_standing")
    def covers(self, case: Instruction) -> str:
        return "Every act of its kind" if case.is_standing else "One case"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *STAFF)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("instructions:log")

    def facts(self, request: HttpRequest, case: Instruction) -> list[tuple[str, Any]]:
        return [*_scope(case), *_people(case), *_relations(case)]

    def _why_not(self, case: Instruction, verb: Verb, user: User) -> str:
        reason = super()._why_not(case, verb, user)
        if reason or verb.name != "approve":
            return reason
        try:
            verbs.check_can_approve(case, user, timezone.now())
        except Refused as refusal:
            return refusal.sentence
        return ""


def _names(field_name: str, codes: list[str]) -> str:
    column: Any = Instruction._meta.get_field(field_name)
    labels = dict(column.base_field.choices)
    return ", ".join(str(labels.get(code, code)) for code in codes) or "Not limited"


def _scope(case: Instruction) -> list[tuple[str, Any]]:
    until = f"until {moment(case.effective_until)}" if case.effective_until else "with an open end"
    return [
        ("The client wants us to", case.get_kind_display()),
        ("Covers", "Every act of its kind" if case.is_standing else "One case"),
        ("Purposes", _names("purposes", case.purposes)),
        ("Data", _names("data_categories", case.data_categories)),
        ("In effect", f"From {moment(case.effective_from)} {until}"),
    ]


def _people(case: Instruction) -> list[tuple[str, Any]]:
    contact = case.instructed_by
    named = "Nobody named yet"
    if contact is not None:
        may = contact.is_entitled(verbs.received_on(case))
        named = f"{contact}, {'entitled' if may else 'not entitled'} on the day of receipt"
    return [
        ("Instructed by", named + (" (orally)" if case.is_oral else "")),
        ("Authority checked", _when(case.authority_checked_at, case.authority_checked_by)),
        ("Approved", _when(case.approved_at, case.approved_by)),
    ]


def _relations(case: Instruction) -> list[tuple[str, Any]]:
    later = list(case.superseded_by.all())
    earlier = [case.supersedes] if case.supersedes else []
    return [
        ("Supersedes", _links(earlier) or "Nothing"),
        ("To be superseded by", _links(later) or "Nothing"),
        ("Note", case.unseal_content().get("note", "None")),
    ]


def _links(cases: list[Instruction]) -> str:
    return format_html_join(
        ", ",
        '<a href="{}">{}</a>',
        ((reverse("admin:clients_instruction_change", args=[one.pk]), one) for one in cases),
    )


def _when(at: Any, by: User | None) -> str:
    return f"{moment(at)} by {by}" if at else "Not yet"
