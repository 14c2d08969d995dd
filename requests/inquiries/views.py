"""Staff's pages: log an inquiry, triage one after the other, find the people whom it is about."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from clients.models import Client
from consumers.models import Consumer
from consumers.profile import masked
from consumers.search import Found, search_all
from portal.admin import staff_user
from portal.cases.verbs import record_verb
from portal.errors import Refused
from portal.models import User
from portal.roles import SECURITY_OFFICER, has_role
from portal.staffpages import render_staff, staff_page
from portal.uploadgate import evidence_size
from requests.inquiries import verbs
from requests.inquiries.branches import branches_of
from requests.inquiries.forms import FindForm, LogForm, TriageForm
from requests.inquiries.models import Inquiry
from requests.inquiries.states import INTAKE, UNTRIAGED

CASE = "admin:requests_inquiry_change"


@sensitive_post_parameters()
@staff_page(*INTAKE, uploads=evidence_size)
def log(request: HttpRequest) -> HttpResponse:
    """Write down what somebody said on the telephone, or what a letter or e-mail says."""
    form = LogForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return _logged(request, form)
            except Refused as refusal:
                form.add_error(None, refusal.sentence)
                status = 409
    return _no_store(
        render_staff(
            request,
            "inquiries/log.html",
            {"form": form},
            title="Log a privacy inquiry",
            status=status,
        )
    )


def _logged(request: HttpRequest, form: LogForm) -> HttpResponse:
    given, user = form.cleaned_data, staff_user(request)
    kept = given["original"]
    inquiry = verbs.log_inquiry(
        channel=given["channel"],
        sender=form.party(),
        subject=given["subject"],
        text=given["text"],
        received_at=given["received_at"],
        original=kept.content.read() if kept else None,
        original_name=kept.name if kept else "",
        original_type=kept.content_type if kept else "",
        by=user,
        now=timezone.now(),
    )
    messages.success(request, f"Logged as {inquiry.reference}. The Security Officer triages it.")
    if has_role(user, SECURITY_OFFICER):
        return redirect(CASE, inquiry.pk)
    return redirect("inquiries:log")


def untriaged() -> "QuerySet[Inquiry]":
    """What waits for triage, the oldest receipt first."""
    return Inquiry.objects.filter(state__in=UNTRIAGED).order_by("received_at", "pk")


@staff_page(SECURITY_OFFICER)
def triage_first(request: HttpRequest) -> HttpResponse:
    """Go to the inquiry that has waited longest."""
    first = untriaged().first()
    if first is None:
        messages.info(request, "Nothing waits for triage.")
        return redirect("admin:requests_inquiry_changelist")
    return redirect("inquiries:triage", first.pk)


@staff_page(SECURITY_OFFICER)
def triage(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The message on the left, the decision on the right; saving goes to the next one."""
    inquiry, user = get_object_or_404(Inquiry, pk=pk), staff_user(request)
    form = TriageForm(request.POST or None, inquiry=inquiry, user=user)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                verbs.triage(inquiry, by=user, now=timezone.now(), **_decision(form))
            except Refused as refusal:
                form.add_error(None, refusal.sentence)
                status = 409
            else:
                messages.success(request, f"{inquiry.reference} is triaged.")
                return _after_triage(request, inquiry)
    else:
        record_verb(inquiry, "read", by=user, now=timezone.now(), counts={"inquiry": 1})
    return _no_store(_triage_page(request, inquiry, form, status))


def _decision(form: TriageForm) -> dict[str, Any]:
    return {**form.cleaned_data, "clients": list(form.cleaned_data["clients"])}


def _after_triage(request: HttpRequest, inquiry: Inquiry) -> HttpResponse:
    if "people" in request.POST:
        return redirect("inquiries:find", inquiry.pk)
    following = untriaged().first()
    return redirect("inquiries:triage", following.pk) if following else redirect(CASE, inquiry.pk)


def _triage_page(
    request: HttpRequest, inquiry: Inquiry, form: TriageForm, status: int
) -> HttpResponse:
    waiting = list(untriaged().values_list("pk", flat=True)[:500])
    here = waiting.index(inquiry.pk) if inquiry.pk in waiting else None
    subject, text = verbs.words_of(inquiry)
    context = {
        "case": inquiry,
        "form": form,
        "sender": verbs.sender_of(inquiry),
        "subject": subject,
        "words": text,
        "previous": waiting[here - 1] if here else None,
        "next": waiting[here + 1] if here is not None and here + 1 < len(waiting) else None,
        "position": here + 1 if here is not None else None,
        "waiting": len(waiting),
    }
    return render_staff(
        request,
        "inquiries/triage.html",
        context,
        title=f"Triage {inquiry.reference}",
        status=status,
    )


@sensitive_post_parameters()
@staff_page(SECURITY_OFFICER)
def find(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Find the people on file across clients, and choose whom the inquiry is about. The search leaves a leaf."""
    inquiry, user = get_object_or_404(Inquiry, pk=pk), staff_user(request)
    if request.method == "POST" and "choose" in request.POST:
        return _choose(request, inquiry, user)
    email = verbs.sender_of(inquiry).email
    form = FindForm(request.POST or None, initial={"email": email})
    answers = None
    if request.method == "POST" and form.is_valid():
        try:
            found = search_all(form.profiles, reason="consumer_asked", by=user, now=timezone.now())
            answers = [_shown(client, people) for client, people in found]
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
    context = {
        "case": inquiry,
        "form": form,
        "answers": answers,
        "chosen": [one for one in branches_of(inquiry) if one.consumer_id],
    }
    title = f"Find the people of {inquiry.reference}"
    return _no_store(render_staff(request, "inquiries/find.html", context, title=title))


def _choose(request: HttpRequest, inquiry: Inquiry, user: User) -> HttpResponse:
    ids = []
    for value in request.POST.getlist("person"):
        try:
            ids.append(UUID(value))
        except ValueError:
            continue
    rows = Consumer.objects.filter(pk__in=ids, state=Consumer.State.ACTIVE)
    people = list(rows.select_related("client"))
    try:
        verbs.choose_people(inquiry, people=people, by=user, now=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("inquiries:find", inquiry.pk)
    messages.success(request, f"{inquiry.reference} is about {len(people)} on file.")
    return redirect(CASE, inquiry.pk)


def _shown(client: Client, found: list[Found]) -> dict[str, Any]:
    people = [
        {
            "consumer": one.consumer,
            "values": masked(one.profile),
            "score": one.score,
            "why": one.why,
        }
        for one in found
    ]
    return {"client": client, "people": people}


def _no_store(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
