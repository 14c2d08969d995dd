"""The pages of an import: upload, columns, progress and result. They call the verbs and hold no rule."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from clients.access import within_reach
from consumers import readers, sensitive
from consumers.imports import report, source, verbs
from consumers.imports.forms import MappingForm, UploadForm
from consumers.imports.incidents import of_case
from consumers.imports.inspection import Inspection
from consumers.imports.models import ImportJob
from portal.admin import staff_user
from portal.cases.verbs import can, record_verb
from portal.errors import Refused
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from portal.staffpages import render_staff, staff_page

ACTORS: Final = (SECURITY_OFFICER, ACCOUNT_MANAGER)
READERS: Final = (*ACTORS, AUDITOR)
LIVE: Final = ("queued", "running")
ACTS: Final[dict[str, tuple[Callable[..., object], str]]] = {
    "stop": (verbs.stop_import, "The import stops after the rows that it is at."),
    "resume": (verbs.resume_import, "The import goes on where it stopped."),
    "cancel": (verbs.cancel_import, "The import was cancelled and its file removed."),
    "release": (verbs.release_quarantine, "The quarantined rows were tried again."),
}


def import_size() -> int:
    """The largest file that is imported, in bytes."""
    return int(settings.IMPORT_FILE_MAX_BYTES)


@staff_page(*ACTORS, uploads=import_size)
def upload(request: HttpRequest) -> HttpResponse:
    """Take a file in; it lies sealed before this view is called, and nobody else's was taken (`upload_gate`)."""
    user = staff_user(request)
    if request.method != "POST":
        return _upload_page(request, UploadForm(user=user))
    form = UploadForm(request.POST, request.FILES, user=user)
    if not form.is_valid():
        return _upload_page(request, form, status=422)
    given = form.cleaned_data
    try:
        job = verbs.create_import(
            client=given["client"],
            kind=given["kind"],
            upload=given["file"],
            by=user,
            now=timezone.now(),
        )
    except Refused as refusal:
        form.add_error("file", refusal.sentence)
        return _upload_page(request, form, status=422)
    return redirect("imports:columns", pk=job.pk)


def _upload_page(request: HttpRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "recent": _mine(request).order_by("-logged_at")[:5]}
    return render_staff(
        request, "imports/upload.html", context, title="Import a file", status=status
    )


@staff_page(*ACTORS)
def choose_columns(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What each column means. Values of the file are shown masked, and refused columns not at all."""
    job = _job(request, pk)
    if job.state != "uploaded":
        return redirect("imports:job", pk=job.pk)
    encoding = encoding_of(request)
    try:
        found = verbs.columns(job, encoding=encoding)
    except Refused as refusal:
        return _unreadable(request, job, encoding, refusal)
    form = MappingForm(
        request.POST if request.method == "POST" else None,
        headers=found.headers,
        refused=found.refused,
        suggested=found.mapping,
    )
    if request.method == "POST" and form.is_valid():
        mapping, now = form.cleaned_data["mapping"], timezone.now()
        try:
            verbs.start_import(
                job, mapping=mapping, by=staff_user(request), now=now, encoding=encoding
            )
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            return redirect("imports:job", pk=job.pk)
    return _columns_page(request, job, form, found)


def encoding_of(request: HttpRequest) -> str:
    """The encoding that was chosen for a file, or the usual one."""
    asked = request.GET.get("encoding", "")
    return asked if asked in readers.ENCODINGS else readers.ENCODINGS[0]


def _columns_page(
    request: HttpRequest, job: ImportJob, form: MappingForm, found: Inspection
) -> HttpResponse:
    context = {
        **_known(job),
        "form": form,
        "columns": column_rows(form, found),
        "is_remembered": found.is_remembered,
    }
    status = 422 if form.errors else 200
    return render_staff(
        request, "imports/columns.html", context, title="What the columns mean", status=status
    )


def column_rows(form: MappingForm, found: Inspection) -> list[dict[str, Any]]:
    """One row a column: its name, the shapes of its values, and its select or why it is refused."""
    return [
        {
            "name": header,
            "samples": _samples(found, place),
            "field": form.column(header),
            "refused": found.refused.get(header, ""),
        }
        for place, header in enumerate(found.headers)
    ]


def _samples(found: Inspection, place: int) -> list[str]:
    """The different shapes of a column, in their order; a row may end before the column."""
    cells = [row[place] for row in found.samples if place < len(row) and row[place]]
    return list(dict.fromkeys(cells))[:3]


def _unreadable(
    request: HttpRequest, job: ImportJob, encoding: str, refusal: Refused
) -> HttpResponse:
    """Why the file cannot be read; where another encoding may help, the choice of one."""
    context = {
        **_known(job),
        "sentence": refusal.sentence,
        "encodings": [code for code in readers.ENCODINGS if code != encoding]
        if refusal.code == "encoding"
        else [],
    }
    return render_staff(
        request, "imports/unreadable.html", context, title="The file cannot be read", status=422
    )


def _known(job: ImportJob) -> dict[str, Any]:
    """The job and its file's name, which may hold a person's and so is shown on its pages only."""
    return {"job": job, "file_name": source.file_name(job)}


@require_safe
@staff_page(*READERS)
def job_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far the import is, and once it has ended what came of it."""
    job = _job(request, pk)
    user, now = staff_user(request), timezone.now()
    if can(job, "start", user, now):
        return redirect("imports:columns", pk=job.pk)
    ended = job.state in ("finished", "cancelled", "failed", "stopped")
    context = {
        **_standing(job),
        **_known(job),
        "can": {verb: can(job, verb, user, now) for verb in ("stop", "resume", "cancel")},
        "can_release": bool(job.quarantined) and can(job, "release", user, now),
        "reasons": (reasons := report.reasons(job) if ended else []),
        "has_problems": bool(reasons),
        "fault": verbs.fault(job),
        "incidents": _incidents(job) if ended else [],
        "refused_columns": _refused_columns(job),
    }
    return render_staff(request, "imports/job.html", context, title=f"Import {job.reference}")


def progress(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The moving part of the page. When the state has changed, or the session ended, the page loads anew."""
    if not admin.site.has_permission(request):
        return HttpResponseClientRefresh()
    return _progress(request, pk)


@require_safe
@staff_page(*READERS)
def _progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    job = _job(request, pk)
    if job.state != request.GET.get("state"):
        return HttpResponseClientRefresh()
    return render_staff(request, "imports/standing.html", _standing(job), title="")


@require_POST
@staff_page(*ACTORS)
def act(request: HttpRequest, pk: UUID, verb: str) -> HttpResponse:
    """Stop, resume, cancel, or try the quarantined rows again."""
    job = _job(request, pk)
    if verb not in ACTS:
        raise Http404
    function, done = ACTS[verb]
    try:
        function(job, by=staff_user(request), now=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, done)
    return redirect("imports:job", pk=job.pk)


@require_safe
@staff_page(*READERS)
def problems(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The rows that did not simply go in, as a CSV file without any value of the client's file."""
    job = _job(request, pk)
    record_verb(job, "read_problems", by=staff_user(request), now=timezone.now())
    response = StreamingHttpResponse(report.problem_lines(job), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="{job.reference}-problems.csv"'
    patch_cache_control(response, no_store=True, private=True)
    return response


def _mine(request: HttpRequest) -> Any:
    return within_reach(ImportJob.objects.select_related("client"), request.user)


def _job(request: HttpRequest, pk: UUID) -> ImportJob:
    """The job, or 404 where it is another's; the answer is the same as for one that does not exist."""
    job: ImportJob = get_object_or_404(_mine(request), pk=pk)
    return job


def _standing(job: ImportJob) -> dict[str, Any]:
    return {
        "job": job,
        "is_live": job.state in LIVE,
        "counts": report.counted(job),
        "warnings": report.warned(job),
    }


def _refused_columns(job: ImportJob) -> list[tuple[str, str]]:
    return [
        (column, sensitive.REASONS.get(reason, reason))
        for column, reason in sorted(job.refused_columns.items())
    ]


def _incidents(job: ImportJob) -> list[dict[str, Any]]:
    return [{"row": incident, "what": report.incident_name(incident)} for incident in of_case(job)]
