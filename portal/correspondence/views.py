"""Pages of letters and their templates."""

import difflib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from portal.admin import staff_user
from portal.cases.models import Case
from portal.cases.verbs import record_verb
from portal.correspondence import composing, templates, verbs
from portal.correspondence.cases import case_page, reachable_case, reachable_letter
from portal.correspondence.forms import LetterForm, TemplateForm, initial_of
from portal.correspondence.models import Letter, TemplateVersion
from portal.correspondence.purposes import Purpose, purpose, purposes, writable_for
from portal.correspondence.startpage import waiting_for
from portal.errors import Refused
from portal.ledger.models import Leaf
from portal.models import User
from portal.roles import (
    ACCOUNT_MANAGER,
    ADMINISTRATOR,
    AUDITOR,
    DISPUTE_STAFF,
    SECURITY_OFFICER,
    has_role,
)
from portal.staffpages import render_staff, staff_page

READERS = (SECURITY_OFFICER, ACCOUNT_MANAGER, DISPUTE_STAFF, AUDITOR)
TEMPLATE_READERS = (*READERS, ADMINISTRATOR)
LOOKED_AFTER = timedelta(days=1)
MOST_SHOWN = 200


@dataclass(frozen=True)
class Change:
    """One line of the difference between two versions: added, removed or the same."""

    kind: str
    text: str


# --------------------------------------------------------------------------------------- templates


@staff_page(*TEMPLATE_READERS)
def template_list(request: HttpRequest) -> HttpResponseBase:
    """Every purpose, and how many versions of its text there are."""
    counted = TemplateVersion.objects.values_list("purpose").annotate(newest=Max("number"))
    numbers = dict(counted)
    rows = [{"purpose": one, "number": numbers.get(one.code, 1)} for one in purposes()]
    return render_staff(
        request, "correspondence/templates.html", {"rows": rows}, title="Templates of letters"
    )


@staff_page(*TEMPLATE_READERS)
def template(request: HttpRequest, code: str) -> HttpResponseBase:
    """One purpose: its text, a preview with samples, a form for a new version, and its versions."""
    of = _purpose(code)
    newest = templates.current(code)
    form = TemplateForm(
        request.POST or None, initial={"subject": newest.subject, "body": newest.body}
    )
    shown = None
    if request.method == "POST" and form.is_valid():
        subject, body = form.cleaned_data["subject"], form.cleaned_data["body"]
        try:
            shown = templates.preview(code, subject, body)
            if "save" in request.POST:
                return _save(request, code, subject, body)
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
    context = {
        "purpose": of,
        "newest": newest,
        "form": form if has_role(request.user, SECURITY_OFFICER) else None,
        "preview": shown or templates.preview(code, newest.subject, newest.body),
        "versions": TemplateVersion.objects.filter(purpose=code).select_related("made_by"),
    }
    return render_staff(request, "correspondence/template.html", context, title=of.label)


def _save(request: HttpRequest, code: str, subject: str, body: str) -> HttpResponse:
    made = templates.write(
        code, subject=subject, body=body, by=staff_user(request), now=timezone.now()
    )
    messages.success(
        request, f"Saved as version {made.number}. Letters drafted from now on use it."
    )
    return redirect("correspondence:template", code=code)


@staff_page(*TEMPLATE_READERS)
def template_version(request: HttpRequest, code: str, number: int) -> HttpResponseBase:
    """One version, and what changed in it against the one before."""
    of = _purpose(code)
    texts = {
        row.number: row
        for row in TemplateVersion.objects.filter(
            purpose=code, number__in=(number, number - 1)
        ).select_related("made_by")
    }
    if number not in texts:
        raise Http404
    context = {
        "purpose": of,
        "version": texts[number],
        "changes": _changes(texts.get(number - 1), texts[number]),
    }
    title = f"{of.label}, version {number}"
    return render_staff(request, "correspondence/version.html", context, title=title)


def _changes(before: TemplateVersion | None, after: TemplateVersion) -> list[Change]:
    old = [before.subject, "", *before.body.splitlines()] if before else []
    kinds = {"+ ": "added", "- ": "removed", "  ": "same"}
    lines = difflib.ndiff(old, [after.subject, "", *after.body.splitlines()])
    return [Change(kinds[line[:2]], line[2:]) for line in lines if line[:2] in kinds]


def _purpose(code: str) -> Purpose:
    try:
        return purpose(code)
    except KeyError:
        raise Http404 from None


# ------------------------------------------------------------------------------------------ letters


@staff_page(*verbs.WRITERS)
def write(request: HttpRequest, kind: str, pk: UUID) -> HttpResponseBase:
    """Choose what to write about a case, and draft it."""
    case = reachable_case(request, kind, pk)
    offered = writable_for(case._meta.label_lower)
    if request.method == "POST":
        chosen = next((one for one in offered if one.code == request.POST.get("purpose")), None)
        if chosen is None or chosen.values is None:
            raise Http404
        now = timezone.now()
        try:
            to, values = chosen.values(case, now)
            letter = verbs.draft(
                case, chosen.code, to=to, values=values, by=staff_user(request), now=now
            )
        except Refused as refusal:
            messages.error(request, refusal.sentence)
        else:
            return redirect("correspondence:letter", pk=letter.pk)
    context = {"case": case, "case_url": case_page(case), "purposes": offered}
    title = f"Write about {case.reference}"
    return render_staff(request, "correspondence/write.html", context, title=title)


@sensitive_post_parameters()
@staff_page(*READERS)
def letter(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """One letter: a draft to be revised and sent, or what was sent."""
    row, case = reachable_letter(request, pk)
    content = row.unseal_content()
    user, now = staff_user(request), timezone.now()
    is_draft = row.state == Letter.State.DRAFT and has_role(user, *verbs.WRITERS)
    form = LetterForm(request.POST or None, way=row.way, initial=initial_of(content))
    if request.method == "POST":
        response = _act(request, row, case, form, user, now)
        if response is not None:
            return response
        row.refresh_from_db()
    else:
        _record_look(case, user, now)
    context = {
        "letter": row,
        "case": case,
        "case_url": case_page(case),
        "form": form if is_draft else None,
        "content": content,
        "to": verbs.party_of(row),
        "can_post": row.state == Letter.State.TO_POST and has_role(user, *verbs.WRITERS),
        "copy_url": _copy_url(case, row),
    }
    title = f"{row.get_way_display()}: {case.reference}"
    return render_staff(request, "correspondence/letter.html", context, title=title)


def _act(
    request: HttpRequest, row: Letter, case: Case, form: LetterForm, user: User, now: datetime
) -> HttpResponse | None:
    """Carry out the button that was pressed; None where the form must be shown again."""
    pressed = request.POST.get("do", "")
    try:
        if pressed == "posted":
            verbs.mark_posted(row, case, by=user, now=now)
            return _told(request, row, case, "Noted as posted.")
        if pressed == "discard":
            verbs.discard(row, case, by=user, now=now)
            return _told(request, row, case, "Thrown away.")
        if not form.is_valid():
            return None
        changed = form.cleaned_data
        verbs.revise(
            row,
            case,
            subject=changed["subject"],
            body=changed["body"],
            to=form.party,
            by=user,
            now=now,
        )
        if pressed != "send":
            messages.success(request, "Saved.")
            return redirect("correspondence:letter", pk=row.pk)
        verbs.send(row, case, by=user, now=now)
        return _told(request, row, case, _sent_sentence(row))
    except Refused as refusal:
        if form.is_bound and form.is_valid():
            form.add_error(None, refusal.sentence)
        else:
            messages.error(request, refusal.sentence)
        return None


def _sent_sentence(row: Letter) -> str:
    if row.way == Letter.Way.LETTER:
        return "The letter is made. Print it, post it, and note that it was posted."
    return "On its way. What was sent is kept on the case."


def _told(request: HttpRequest, row: Letter, case: Case, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    if row.state == Letter.State.TO_POST:
        return redirect("correspondence:letter", pk=row.pk)
    return redirect(case_page(case))


@staff_page(*verbs.WRITERS)
def preview_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A draft by post as it would be printed."""
    row, _ = reachable_letter(request, pk)
    content = row.unseal_content()
    if row.way != Letter.Way.LETTER or not content:
        raise Http404
    made = composing.compose(row, content, now=timezone.now())
    response = HttpResponse(made.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{row.case_reference} draft.pdf"'
    response["Cache-Control"] = "no-store"
    return response


def _copy_url(case: Case, row: Letter) -> str:
    if row.copy_id is None:
        return ""
    name = f"admin:{case._meta.app_label}_{case._meta.model_name}_file"
    return reverse(name, args=[case.pk, row.copy_id])


def _record_look(case: Case, user: User, now: datetime) -> None:
    """A leaf for whoever reads a letter of the case; once a day is enough."""
    verb = f"{case.VERB_PREFIX}.read_letter"
    seen = Leaf.objects.filter(object_id=case.pk, verb=verb, actor=user, at__gt=now - LOOKED_AFTER)
    if not seen.exists():
        record_verb(case, "read_letter", by=user, now=now)


@staff_page(*READERS)
def waiting(request: HttpRequest) -> HttpResponseBase:
    """The letters that somebody must post, mend or finish, by what must be done."""
    rows = list(waiting_for(staff_user(request), timezone.now())[:MOST_SHOWN])
    groups = [
        {"state": state, "label": label, "letters": [row for row in rows if row.state == state]}
        for state, label in (
            (Letter.State.FAILED, "Could not be delivered"),
            (Letter.State.TO_POST, "To be posted"),
            (Letter.State.DRAFT, "Drafts that lie about"),
        )
    ]
    return render_staff(
        request, "correspondence/waiting.html", {"groups": groups}, title="Letters that wait"
    )
