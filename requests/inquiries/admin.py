"""Inquiries and their branches in the admin."""

from collections.abc import Iterable
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
from portal.admin import CaseAdmin, PortalAdmin, Verb, moment, page_of
from portal.cases.verbs import record_verb
from portal.models import User
from portal.roles import (
    ACCOUNT_MANAGER,
    AUDITOR,
    DISPUTE_STAFF,
    SECURITY_OFFICER,
    has_role,
)
from requests.disputes.forms import FromInquiryForm
from requests.disputes.from_inquiry import open_from_inquiry
from requests.inquiries import branches, deadlines, endings, forms, identity, verbs
from requests.inquiries.models import Inquiry, InquiryBranch
from requests.inquiries.states import INTAKE, UNTRIAGED


class ClockFilter(admin.SimpleListFilter):
    """Open cases that are late or due soon, and replies that nobody has read."""

    title = "deadline"
    parameter_name = "clock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        told = [("late", "Past a deadline"), ("soon", "Due soon")]
        return told + (
            [("unread", "With an unread reply")] if self._has_replies(model_admin) else []
        )

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        now, open_ones = timezone.now(), queryset.filter(closed_at__isnull=True)
        if self.value() == "late":
            return open_ones.filter(due_at__lt=now)
        if self.value() == "soon":
            return open_ones.filter(due_at__gte=now, due_at__lte=now + deadlines.SOON)
        if self.value() == "unread" and queryset.model is Inquiry:
            return queryset.filter(reply_at__isnull=False)
        return queryset

    def _has_replies(self, model_admin: Any) -> bool:
        return model_admin.model is Inquiry


INQUIRY_VERBS = (
    Verb("acknowledge", "Acknowledge…", verbs.acknowledge, form=forms.AcknowledgeForm,
         explain="Sends the acknowledgement and stops its clock."),
    Verb("honour_opt_out", "Honour an opt-out…", verbs.honour_opt_out, form=forms.OptOutForm,
         explain="Takes effect in the moment in which you save it, at each client that you choose. "
         "Nothing but the address is needed."),
    Verb("ask_identity", "Ask for proof of identity…", identity.ask_identity,
         form=forms.AskIdentityForm,
         explain="The time to answer waits only where the law allows it; the clocks below say so."),
    Verb("settle_identity", "Settle the identity…", identity.settle_identity,
         form=forms.SettleForm,
         explain="What you type is compared with what is held of the people whom the inquiry is about. "
         "It is stored nowhere."),
    Verb("route", "Hand off to the clients…", verbs.route, form=forms.RouteForm,
         explain="Sends this referral letter to the consumer, and to each client what was written, word for "
         "word, with the days that are left. The client decides; nothing is erased, shared or packaged "
         "without its instruction."),
    Verb("extend", "Extend the time…", verbs.extend, form=forms.ExtendForm,
         explain="Sends this notice. Only once, only where the law has an extension, and only before the first "
         "deadline has passed."),
    Verb("ready", "Ready to respond", endings.ready,
         explain="Every client has answered, or none is concerned."),
    Verb("respond", "Respond…", endings.respond, form=forms.RespondForm,
         explain="Sends the final response and stops the response's clock."),
    Verb("close", "Close", endings.close, explain="Closes the inquiry and every client's part of it."),
    Verb("mark_duplicate", "Mark as a duplicate…", endings.mark_duplicate,
         form=forms.DuplicateForm),
    Verb("take_back", "Take back: no duplicate", endings.take_back,
         explain="The inquiry goes on where it was. Its clocks never stopped."),
    Verb("withdraw", "Withdrawn by the consumer", endings.withdraw, danger=True,
         explain="Ends the inquiry and every client's part of it."),
    Verb("reject", "Reject…", endings.reject, form=forms.RejectForm, danger=True,
         explain="Ends the inquiry with a ground, and tells the consumer how to appeal."),
    Verb("link_dispute", "Take it on as a dispute…", open_from_inquiry, form=FromInquiryForm,
         explain="Opens a dispute with these words. Its clocks run from the receipt of the inquiry, which ends here."),
    Verb("reopen", "Reopen", endings.reopen,
         explain="The response's clock runs on from the first receipt."),
)  # fmt: skip
BRANCH_VERBS = (
    Verb("follow", "Name the case that followed…", branches.follow, form=forms.FollowForm,
         explain="Ties the instruction, erasure, opt-out or access request to this part."),
    Verb("answer", "Record the client's answer…", branches.answer, form=forms.AnswerForm,
         explain="What the client decided. Staff never decide the merits."),
    Verb("close", "Close", branches.close),
    Verb("drop", "Not this client's", branches.drop, danger=True),
)  # fmt: skip


@admin.register(Inquiry)
class InquiryAdmin(CaseAdmin[Inquiry]):
    """Inquiries belong to the house; account managers see their clients' parts only."""

    viewers = (SECURITY_OFFICER, AUDITOR, DISPUTE_STAFF)
    verbs = INQUIRY_VERBS
    case_template = "inquiries/case.html"
    list_display = (
        "reference",
        "state_name",
        "kind",
        "urgency",
        "channel",
        "assignee",
        "received_at",
        "due_at",
    )
    list_filter: ClassVar[Any] = (StateFilter, ClockFilter, "kind", "urgency", "channel")
    list_select_related = ("assignee",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Inquiry]":
        rows = super(PortalAdmin, self).get_queryset(request)
        if has_role(request.user, SECURITY_OFFICER, AUDITOR):
            return rows
        if has_role(request.user, DISPUTE_STAFF):
            return rows.filter(dispute_id__isnull=False)
        return rows.none()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *INTAKE)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("inquiries:log")

    def gone(self, case: Inquiry) -> str:
        return "Destroyed."

    def facts(self, request: HttpRequest, case: Inquiry) -> list[tuple[str, Any]]:
        rule = case.rule
        told: list[tuple[str, Any]] = [
            ("They want", case.get_kind_display() if case.kind else "Not yet triaged"),
            ("Law", deadlines.regime_name(rule) if rule else "Not yet triaged"),
            ("Urgency", case.get_urgency_display()),
            ("Identity", endings.identity_of(case).label),
            ("Acknowledged", moment(case.acknowledged_at)),
            ("Responded", moment(case.responded_at)),
        ]
        if case.outcome:
            told.append(("Outcome", case.get_outcome_display()))
        if case.denial:
            told.append(("Ground", case.get_denial_display()))
        if case.duplicate_of_id:
            told.append(("Duplicate of", _link(case.duplicate_of)))
        told += [("Has a duplicate", _link(one)) for one in case.duplicates.all()]
        return told

    def case_context(self, request: HttpRequest, case: Inquiry) -> dict[str, Any]:
        subject, text = verbs.words_of(case)
        now = timezone.now()
        if case.reply_at and has_role(request.user, SECURITY_OFFICER):
            verbs.mark_read(case, by=self._user(request), now=now)
        return {
            "sender": verbs.sender_of(case),
            "subject": subject,
            "words": text,
            "branches": [branch_line(one, now) for one in branches.branches_of(case)],
            "can_triage": case.TABLE.permits("triage", case.state)
            and has_role(request.user, SECURITY_OFFICER),
            "can_find": case.TABLE.permits("choose_people", case.state)
            and has_role(request.user, SECURITY_OFFICER),
            "is_untriaged": case.state in UNTRIAGED,
        }

    def _user(self, request: HttpRequest) -> User:
        from portal.admin import staff_user

        return staff_user(request)

    def _record_reading(self, case: Inquiry, user: User) -> None:
        if case.sealed is not None:
            record_verb(case, "read", by=user, now=timezone.now(), counts={"inquiry": 1})
        else:
            super()._record_reading(case, user)


@admin.register(InquiryBranch)
class InquiryBranchAdmin(CaseAdmin[InquiryBranch]):
    """The part of an inquiry that concerns one client, with what was handed off to that client."""

    viewers = (SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
    verbs = BRANCH_VERBS
    list_filter: ClassVar[Any] = (StateFilter, ClockFilter, "outcome")
    list_select_related = ("client", "inquiry")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def facts(self, request: HttpRequest, case: InquiryBranch) -> list[tuple[str, Any]]:
        now = timezone.now()
        inquiry = case.inquiry
        rule = inquiry.rule
        days = deadlines.remaining_days(case, now)
        told: list[tuple[str, Any]] = [
            ("Inquiry", self._inquiry(request, inquiry)),
            ("They want", inquiry.get_kind_display()),
            ("Law", deadlines.regime_name(rule) if rule else "Not yet triaged"),
            ("Days left to the client", "None run" if days is None else days),
            ("Identity", endings.identity_of(inquiry).label),
            ("Handed off", moment(case.handed_off_at)),
            ("Answered", moment(case.answered_at)),
        ]
        if case.outcome:
            told.append(("The client has", case.get_outcome_display()))
        if case.denial:
            told.append(("Ground", case.get_denial_display()))
        if case.consumer_id:
            url = reverse("admin:consumers_consumer_change", args=[case.consumer_id])
            told.append(("Person", format_html('<a href="{}">On file</a>', url)))
        followed = branches.followed_case(case)
        if followed is not None:
            url = page_of(case.followed_kind, followed.pk)
            told.append(
                ("Followed by", format_html('<a href="{}">{}</a>', url, followed.reference))
            )
        return told

    def _inquiry(self, request: HttpRequest, inquiry: Inquiry) -> Any:
        if has_role(request.user, SECURITY_OFFICER, AUDITOR):
            return _link(inquiry)
        return inquiry.reference


def branch_line(branch: InquiryBranch, now: Any) -> dict[str, Any]:
    """A branch as the inquiry's page shows it."""
    return {
        "branch": branch,
        "url": reverse("admin:requests_inquirybranch_change", args=[branch.pk]),
        "days": deadlines.remaining_days(branch, now),
        "followed": branches.followed_case(branch),
    }


def _link(case: Any) -> Any:
    url = reverse("admin:requests_inquiry_change", args=[case.pk])
    return format_html('<a href="{}">{}</a>', url, case.reference)
