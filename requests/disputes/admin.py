"""Disputes in the admin: the ladder, its conditions, the remedies, the documents."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from clients.lists import StateFilter
from portal.admin import CaseAdmin, Verb, moment, staff_user
from portal.cases.verbs import check_can
from portal.correspondence import templates
from portal.correspondence.placeholders import fill
from portal.errors import Refused
from portal.models import User
from portal.roles import SECURITY_OFFICER, has_role
from requests.disputes import body, forms, letters, panel, verbs
from requests.disputes.models import Dispute, day_of
from requests.disputes.states import READERS, STAFF
from requests.disputes.timeline import timeline

VERBS: Final = (
    Verb("acknowledge", "Acknowledge…", verbs.acknowledge, form=forms.WayForm,
         explain="Sends the acknowledgement below, with the dispute body's address."),
    Verb("assess", "Assess the merits…", verbs.assess, form=forms.AssessForm,
         explain="No answer goes out without both. Kept sealed; you can correct it until the answer is sent."),
    Verb("answer", "Send the final response…", verbs.answer, form=forms.WayForm,
         explain="Sends the letter below. A copy is kept on the case."),
    Verb("answer_late", "Send the late answer…", verbs.answer_late, form=forms.WayForm,
         explain="The 45 days are over; the answer is owed all the same. A copy is kept on the case."),
    Verb("receive_ana_notice", "Notice of the dispute body…", body.receive_ana_notice,
         form=forms.BodyNoticeForm,
         explain="Can be recorded on any day, also before we answered. Our reply is due ten business days after it."),
    Verb("reply_to_body", "Reply to the dispute body…", body.reply_to_body,
         explain="Sends the letter below by post, with the response pack (chronology, assessment, correspondence) "
         "enclosed. What you only noted stays here."),
    Verb("find_eligible", "Found eligible…", body.find_eligible,
         explain="The dispute body takes the complaint."),
    Verb("find_ineligible", "Found ineligible…", body.find_ineligible, form=forms.IneligibleForm,
         explain="The dispute body does not take the complaint."),
    Verb("mediate", "Mediation begins…", body.mediate,
         explain="The dispute body mediates between the complainant and us."),
    Verb("resolve", "Settled…", body.resolve, form=forms.RemediesForm,
         explain="What we promised becomes a task; without any, the case can be closed."),
    Verb("determine", "Determined…", body.determine, form=forms.DetermineForm,
         explain="Each remedy becomes a task. The case closes only when a second person verified each."),
    Verb("leave_unresolved", "Left unresolved…", body.leave_unresolved,
         explain="The dispute body ended its case without a result. The way to the authorities is open."),
    Verb("order_remedies", "Add remedies…", body.order_remedies, form=forms.RemediesForm,
         explain="Each becomes a task with its day."),
    Verb("perform_remedy", "Remedy performed…", body.perform_remedy, form=forms.RemedyForm,
         explain="A second person verifies it afterwards."),
    Verb("verify_remedy", "Verify a remedy…", body.verify_remedy, form=forms.VerifyForm,
         explain="Look for yourself that it was performed. Whoever performed it cannot verify it."),
    Verb("refuse_remedy", "Remedy refused…", body.refuse_remedy, form=forms.RemedyForm, danger=True,
         explain="A refusal puts the company at risk of a persistent failure to comply, which the dispute body "
         "reports to the FTC and to the Department of Commerce."),
    Verb("refer_to_dpa", "With an authority…", panel.refer_to_dpa, form=forms.ReferredForm,
         explain="The complainant went to a data protection authority."),
    Verb("begin_review", "With the Department of Commerce…", panel.begin_review, form=forms.ReviewForm,
         explain="The authority referred it. The Department has 90 days."),
    Verb("close_review", "Review closed…", panel.close_review,
         explain="The Department of Commerce ended its review."),
    Verb("find_arbitrable", "Open to arbitration…", panel.find_arbitrable,
         explain="Only when each condition in the table of the case is met."),
    Verb("receive_notice", "Notice of arbitration…", panel.receive_notice,
         form=forms.ArbitrationNoticeForm,
         explain="Can always be recorded. If a condition is not met on its day, the case becomes one that we object "
         "to, with that condition named."),
    Verb("send_objection", "Send the objection…", panel.send_objection, form=forms.WayForm,
         explain="Sends the letter below, which names each unmet condition."),
    Verb("note_bars", "What rules arbitration out…", panel.note_bars, form=forms.BarsForm,
         explain="Replaces what was noted before."),
    Verb("form_panel", "Panel formed…", panel.form_panel, explain="The arbitrators were chosen."),
    Verb("record_award", "Award…", panel.record_award, form=forms.AwardForm,
         explain="A panel grants access, correction, deletion or return of data. It awards no money."),
    Verb("refer_to_ftc", "With the FTC…", panel.refer_to_ftc, danger=True,
         explain="The matter was referred to the Federal Trade Commission, which gives it priority."),
    Verb("name_person", "Whose consumer it is…", verbs.name_person, form=forms.PersonForm,
         explain="With it the case's words and files are erased when that person is erased at the client."),
    Verb("add_note", "Add to the thread…", verbs.add_note, form=forms.NoteForm),
    Verb("close", "Close…", verbs.close,
         explain="Closes the case. A notice that comes later opens it again."),
    Verb("withdraw", "Withdrawn…", verbs.withdraw, form=forms.WithdrawForm,
         explain="Closes the case because the complainant does not go on with it."),
)  # fmt: skip
LETTERS: Final[dict[str, tuple[str, Callable[[Dispute], dict[str, str]]]]] = {
    "acknowledge": (
        letters.ACKNOWLEDGEMENT,
        lambda case: letters.common(case, timezone.now()) | {"next_step": verbs.next_step(case)},
    ),
    "answer": (letters.FINAL_RESPONSE, lambda case: verbs.response_values(case, timezone.now())),
    "answer_late": (
        letters.FINAL_RESPONSE,
        lambda case: verbs.response_values(case, timezone.now()),
    ),
    "reply_to_body": (letters.REPLY, lambda case: body.reply_values(case, timezone.now())),
    "send_objection": (
        letters.OBJECTION,
        lambda case: panel.objection_values(case, timezone.now()),
    ),
}
MORE_CHECKS: Final[dict[str, Callable[[Dispute], None]]] = {
    "acknowledge": verbs.check_not_acknowledged,
    "answer": verbs.check_can_answer,
    "answer_late": verbs.check_can_answer,
    "receive_ana_notice": body.check_not_noticed,
    "reply_to_body": body.check_can_reply,
    "find_eligible": body.check_can_be_eligible,
    "close": verbs.check_can_close,
    "find_arbitrable": lambda case: panel.check_arbitrable(case, day_of(timezone.now())),
    "send_objection": panel.check_not_sent,
    "close_review": panel.check_review_open,
}
"""What a verb asks besides state, role and clock, so that its button says why not before it is pressed."""


class FlagFilter(admin.SimpleListFilter):
    """What a case carries that somebody must look at."""

    title = "flag"
    parameter_name = "flag"
    FLAGS: ClassVar[dict[str, dict[str, Any]]] = {
        "missing": {"direct_contact_missing": True},
        "risk": {"persistent_failure_risk": True},
        "ftc": {"ftc_at__isnull": False},
        "remedy": {"remedies__verified_at__isnull": True, "remedies__isnull": False},
        "late": {},
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [
            ("late", "Past a deadline"),
            ("remedy", "Remedies open"),
            ("risk", "Persistent failure at risk"),
            ("ftc", "With the FTC"),
            ("missing", "No direct contact on record"),
        ]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        flag = self.value()
        if flag not in self.FLAGS:
            return queryset
        if flag == "late":
            return queryset.filter(closed_at__isnull=True, due_at__lt=timezone.now())
        found = queryset.filter(**self.FLAGS[flag])
        return found.filter(closed_at__isnull=True).distinct() if flag != "ftc" else found


@admin.register(Dispute)
class DisputeAdmin(CaseAdmin[Dispute]):
    """Complaints on the ladder of the frameworks. They are the company's own: no account manager sees one."""

    viewers = READERS
    verbs = VERBS
    case_template = "disputes/case.html"
    list_display = (
        "reference",
        "about",
        "framework_name",
        "state_name",
        "received_at",
        "due_at",
        "flags",
    )
    list_filter: ClassVar[Any] = (StateFilter, FlagFilter, "category", "framework_code")
    list_select_related: ClassVar[Any] = ("controller",)

    @admin.display(description="About", ordering="category")
    def about(self, case: Dispute) -> str:
        return case.get_category_display()

    @admin.display(description="Framework", ordering="framework_code")
    def framework_name(self, case: Dispute) -> str:
        return case.framework.name if case.framework else "None"

    @admin.display(description="Flags")
    def flags(self, case: Dispute) -> str:
        return ", ".join(flags_of(case)) or "None"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Dispute]":
        """All of them for those who may see any; they are no client's (R6)."""
        rows: QuerySet[Dispute] = Dispute.objects.select_related("controller")
        return rows if has_role(request.user, *READERS) else rows.none()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *STAFF)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("disputes:log")

    def _why_not(self, case: Dispute, verb: Verb, user: User) -> str:
        try:
            check_can(case, verb.name, user, timezone.now())
            if verb.name in MORE_CHECKS:
                MORE_CHECKS[verb.name](case)
        except Refused as refusal:
            return refusal.sentence
        return ""

    def verb_template(self, verb: Verb) -> str:
        return "disputes/letter_verb.html" if verb.name in LETTERS else super().verb_template(verb)

    def verb_context(self, request: HttpRequest, case: Dispute, verb: Verb) -> dict[str, Any]:
        """The letter as it would go out, where the verb sends one."""
        if verb.name not in LETTERS or self._why_not(case, verb, staff_user(request)):
            return {}
        purpose, values_of = LETTERS[verb.name]
        version, values = templates.current(purpose), values_of(case)
        return {
            "letter_subject": fill(version.subject, values),
            "letter_body": fill(version.body, values),
        }

    def gone(self, case: Dispute) -> str:
        return "Destroyed."

    def facts(self, request: HttpRequest, case: Dispute) -> list[tuple[str, Any]]:
        return [
            ("About", case.get_category_display()),
            ("Framework", _framework(case)),
            ("How it reached us", case.get_arrival_display()),
            ("Person on file", _person(request, case)),
            *_inquiry(case),
            *([("Dispute body's reference", case.body_reference)] if case.body_reference else []),
            *(
                [("Dispute body's result", case.get_body_outcome_display())]
                if case.body_outcome
                else []
            ),
            *([("Referred to the FTC", moment(case.ftc_at))] if case.ftc_at else []),
        ]

    def case_context(self, request: HttpRequest, case: Dispute) -> dict[str, Any]:
        content = case.unseal_content()
        name, email, lines = content.get("complainant", ["", "", []])
        return {
            "flags": flags_of(case),
            "content": content,
            "complainant": [part for part in (name, *lines, email) if part],
            "conditions": panel.conditions(case, day_of(timezone.now())),
            "remedies": case.remedies.select_related("performed_by", "verified_by"),
            "timeline": timeline(case, timezone.now()),
            "may_act": has_role(request.user, *STAFF),
        }

    def _record_reading(self, case: Dispute, user: User) -> None:
        """The page opens the complaint itself, besides the thread and the files."""
        from portal.cases.verbs import record_verb

        if case.sealed is not None:
            record_verb(case, "read", by=user, now=timezone.now())


def flags_of(case: Dispute) -> list[str]:
    """What somebody must know of a case before anything else, in words."""
    found = []
    if case.direct_contact_missing:
        found.append("No direct contact on record")
    if case.hr_data:
        found.append("Human resources data")
    if case.persistent_failure_risk:
        found.append("Persistent failure at risk")
    if case.ftc_at is not None:
        found.append("FTC: priority")
    return found


def _framework(case: Dispute) -> str:
    if case.framework is None:
        return "None covers it"
    day = day_of(case.complained_at or case.received_at)
    ended = (
        ""
        if case.framework.is_valid_on(day)
        else " (no basis for transfers by then; its duties go on)"
    )
    return f"{case.framework.name}{ended}"


def _person(request: HttpRequest, case: Dispute) -> Any:
    if case.consumer_id is None:
        return "Not named"
    if not has_role(request.user, SECURITY_OFFICER):
        return "Named"
    url = reverse("admin:consumers_consumer_change", args=[case.consumer_id])
    return format_html('<a href="{}">Open the person</a>', url)


def _inquiry(case: Dispute) -> list[tuple[str, Any]]:
    from portal.admin import page_of

    if case.inquiry_id is None:
        return []
    url = page_of("requests.inquiry", case.inquiry_id)
    return [("Inquiry", format_html('<a href="{}">Open the inquiry</a>', url) if url else "Linked")]
