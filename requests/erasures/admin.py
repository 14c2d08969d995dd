"""Erasures in the admin: the case, its subjects, its preview, its certificate."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from clients.lists import StateFilter
from portal.admin import Button, CaseAdmin, Verb, moment, staff_user
from portal.cases.verbs import can
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER, has_role
from requests.erasures import forms, steering, verbs
from requests.erasures.intake.buttons import CHECKS as FILE_CHECKS
from requests.erasures.intake.buttons import NAMES as FILE_VERBS
from requests.erasures.intake.buttons import VERBS as FILE_BUTTONS
from requests.erasures.intake.models import file_of
from requests.erasures.intake.views import standing as file_standing
from requests.erasures.models import Erasure
from requests.erasures.preview import PREVIEWED, is_large, of_case
from requests.erasures.states import NOT_CARRIED_OUT, STAFF

VERBS = (
    Verb(
        "approve",
        "Approve…",
        verbs.approve,
        form=forms.ApproveForm,
        danger=True,
        step_up=True,
    ),
    Verb(
        "resolve",
        "Settle who is meant…",
        verbs.resolve,
        form=forms.ResolveForm,
        explain="Several people could be meant. Choose one, or leave the row out.",
    ),
    Verb("match", "Match again…", verbs.match_again, explain="Looks for those not yet found."),
    Verb(
        "recall",
        "Recall…",
        verbs.recall,
        danger=True,
        explain="Calls the approved erasure back and lifts the suppression that it made. What the client gave "
        "to find its people is destroyed; to erase them after all, log a new erasure.",
    ),
    Verb(
        "hold",
        "Put on legal hold…",
        verbs.hold,
        form=forms.HoldForm,
        explain="Nothing is erased while the hold is in force. The approval must be given anew.",
    ),
    Verb(
        "release", "Release the legal hold…", verbs.release_hold, explain="Must be approved anew."
    ),
    Verb(
        "stop_execution",
        "Stop the erasure…",
        steering.stop,
        explain="The worker stops as soon as it has stored what it is doing. Resume it to go on from there.",
    ),
    Verb(
        "resume_execution",
        "Resume the erasure…",
        steering.resume,
        explain="A worker goes on where the last one stopped.",
    ),
    Verb(
        "try_again",
        "Try again…",
        steering.try_again,
        explain="The workers have given this case up. Once what kept them is out of the way, let them go on.",
    ),
    Verb(
        "sweep_again", "Sweep again…", verbs.sweep_again, explain="After the residue was removed."
    ),
    Verb(
        "close_unmatched",
        "Close, nobody on file…",
        verbs.close_unmatched,
        explain="Nobody is erased. What the client gave to find its people is destroyed. The instruction counts "
        "as carried out; the client is told from its page.",
    ),
    Verb(
        "reject",
        "Reject…",
        verbs.reject,
        danger=True,
        explain="Nobody is erased. What the client gave to find its people is destroyed.",
    ),
)


SENT_BACK = "The approval was taken back: "
FAULTS = {
    "legal_hold": f"{SENT_BACK}a legal hold is in force on one of these people.",
    "not_in_effect": f"{SENT_BACK}the instruction is not in effect any more.",
    "no_longer_effective": f"{SENT_BACK}the instruction is over.",
    "client_ended": f"{SENT_BACK}all processing for this client has ended.",
    "newcomers": f"{SENT_BACK}somebody has come on file who could be meant as well. Match again.",
}


class WorkFilter(admin.SimpleListFilter):
    """What has become of the worker's attempts at open cases."""

    title = "work"
    parameter_name = "work"
    conditions: ClassVar[Any] = {
        "failed": ("Given up", steering.FAILED),
        "retried": ("Tried again by itself", steering.RETRIED),
        "stopped": ("Stopped", steering.STOPPED),
        "sent_back": ("Approval taken back", steering.SENT_BACK),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        chosen = self.conditions.get(self.value())
        return queryset.filter(chosen[1]) if chosen else queryset


@admin.register(Erasure)
class ErasureAdmin(CaseAdmin[Erasure]):
    """Erasures, from the instruction to the certificate."""

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    verbs = (*VERBS, *FILE_BUTTONS)
    case_template = "erasures/case.html"
    list_filter: ClassVar[Any] = (StateFilter, WorkFilter)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *STAFF)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("erasures:log")

    @admin.display(description="State", ordering="state")
    def state_name(self, case: Erasure) -> str:
        if case.state not in steering.STARTED:
            return case.state_name
        kind = steering.kind_of(case, timezone.now())
        return f"{case.state_name}, {kind}" if kind in ("stopped", "failed") else case.state_name

    def facts(self, request: HttpRequest, case: Erasure) -> list[tuple[str, Any]]:
        facts: list[tuple[str, Any]] = [("Instruction", _instruction(case))]
        if case.approved_at:
            facts.append(("Approved", f"{moment(case.approved_at)} by {case.approved_by}"))
        if case.recall_until and case.state == "approved":
            can = "Can" if timezone.now() < case.recall_until else "Could"
            facts.append((f"{can} be recalled until", moment(case.recall_until)))
        if case.root_generation:
            facts.append(("Root generation destroyed", case.root_generation))
        if case.last_fault and case.state not in ("reading", *steering.STARTED):
            facts.append(("Last fault", FAULTS.get(case.last_fault, case.last_fault)))
        return facts

    def gone(self, case: Erasure) -> str:
        if case.state in NOT_CARRIED_OUT:
            return "Destroyed when the case closed."
        return super().gone(case)

    def case_context(self, request: HttpRequest, case: Erasure) -> dict[str, Any]:
        standing = steering.standing(case, timezone.now())
        return {
            **file_standing(case),
            "may_start": can(case, "start", staff_user(request), timezone.now()),
            "subjects": case.subjects.order_by("row_number")[:50],
            "subject_count": case.subjects.count(),
            "standing": standing if standing.steps else None,
            **self._preview_or_link(case),
            "is_forgotten": case.state in NOT_CARRIED_OUT,
        }

    def buttons(self, request: HttpRequest, case: Erasure) -> list[Button]:
        found = super().buttons(request, case)
        has_file = file_of(case) is not None
        return [one for one in found if has_file or one.verb.name not in FILE_VERBS]

    def verb_template(self, verb: Verb) -> str:
        own = {"approve": "erasures/approve.html", "stop_execution": "erasures/stop.html"}
        return own.get(verb.name) or super().verb_template(verb)

    def verb_context(self, request: HttpRequest, case: Erasure, verb: Verb) -> dict[str, Any]:
        if verb.name == "approve":
            return {"lines": of_case(case)}
        if verb.name == "stop_execution":
            return {
                "standing": steering.standing(case, timezone.now()),
                "what_stays": steering.what_stays(case),
            }
        return {}

    def verb_initial(self, request: HttpRequest, verb: Verb) -> dict[str, Any]:
        return {"row": request.GET.get("row", "")} if verb.name == "resolve" else {}

    def _do(
        self, request: HttpRequest, case: Erasure, verb: Verb, user: User, arguments: dict[str, Any]
    ) -> HttpResponse | None:
        done = super()._do(request, case, verb, user, arguments)
        if done is not None and verb.name == "resolve" and case.state == "ambiguous":
            return redirect(self._verb_url(case, verb))  # to the next row
        return done

    def _preview_or_link(self, case: Erasure) -> dict[str, Any]:
        """The preview; of a large case it takes seconds, so the page of the case only leads to it."""
        if case.state in PREVIEWED and is_large(case):
            return {"preview_url": reverse("erasures:preview", args=[case.pk])}
        return {"lines": of_case(case)}

    def _why_not(self, case: Erasure, verb: Verb, user: User) -> str:
        reason = super()._why_not(case, verb, user)
        if not reason:
            try:
                self._check(case, verb, user)
            except Refused as refusal:
                return refusal.sentence
        return reason

    def _check(self, case: Erasure, verb: Verb, user: User) -> None:
        """Ask what the verb itself will ask, beyond state and role."""
        if verb.name == "approve":
            verbs.check_can_approve(case, user, timezone.now())
        elif verb.name in steering.CHECKS:
            steering.CHECKS[verb.name](case)
        elif verb.name in FILE_CHECKS:
            FILE_CHECKS[verb.name](case)


def _instruction(case: Erasure) -> str:
    url = reverse("admin:clients_instruction_change", args=[case.instruction_id])
    state = case.instruction.state_name.lower()
    return format_html('<a href="{}">{}</a> ({})', url, case.instruction, state)
