"""The pages of an erasure of many: upload, columns, progress, rows, report. They call the verbs and hold no rule."""

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from clients.access import visible_clients, within_reach
from clients.models import Client
from consumers import readers
from consumers.imports.forms import MappingForm
from consumers.imports.inspection import Inspection
from consumers.imports.views import column_rows, encoding_of
from portal.admin import staff_user
from portal.cases.verbs import can, record_verb
from portal.errors import Refused
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from portal.staffpages import render_staff, staff_page
from requests.erasures.intake import report, verbs
from requests.erasures.intake.forms import LogFileForm
from requests.erasures.intake.models import file_of
from requests.erasures.models import Erasure
from requests.erasures.preview import of_case

STAFF: Final = (SECURITY_OFFICER, ACCOUNT_MANAGER)
READERS: Final = (*STAFF, AUDITOR)
PAGE: Final = 100


def file_size() -> int:
    """The largest file that is taken, in bytes."""
    return int(settings.IMPORT_FILE_MAX_BYTES)


@staff_page(*STAFF)
def choose_client(request: HttpRequest) -> HttpResponseBase:
    """Choose among the user's own clients; with a single one there is nothing to choose."""
    clients = visible_clients(request.user).filter(ended_at__isnull=True)
    if clients.count() == 1:
        return redirect("erasures:log_file_for", client_id=clients[0].pk)
    context = {"clients": clients, "route": "erasures:log_file_for"}
    return render_staff(
        request, "erasures/choose.html", context, title="Log an erasure from a file"
    )


@sensitive_post_parameters()
@staff_page(*STAFF, uploads=file_size)
def upload(request: HttpRequest, client_id: UUID) -> HttpResponse:
    """Take a client's file in; it lies sealed before this view is called."""
    client = get_object_or_404(visible_clients(request.user), pk=client_id)
    now = timezone.now()
    if request.method != "POST":
        return _upload_page(request, client, LogFileForm(client=client, now=now))
    form = LogFileForm(request.POST, request.FILES, client=client, now=now)
    if form.is_valid():
        given = form.cleaned_data
        try:
            erasure = verbs.log_file(
                client=client,
                instruction=given["instruction"],
                upload=given["file"],
                channel=given["channel"],
                received_at=given["received_at"],
                by=staff_user(request),
                now=now,
            )
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            return redirect("erasures:columns", pk=erasure.pk)
    return _upload_page(request, client, form, status=422)


def _upload_page(
    request: HttpRequest, client: Client, form: LogFileForm, *, status: int = 200
) -> HttpResponse:
    return render_staff(
        request,
        "erasures/upload.html",
        {"form": form, "client": client},
        title=f"Log an erasure from a file for {client}",
        status=status,
    )


@staff_page(*STAFF)
def choose_columns(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What each column means. Values of the file are shown by their shape, and refused columns not at all."""
    erasure = _erasure(request, pk)
    if not can(erasure, "start", staff_user(request), timezone.now()):
        return redirect(page_of(erasure))
    encoding = encoding_of(request)
    try:
        found = verbs.columns(erasure, encoding=encoding)
    except Refused as refusal:
        return _unreadable(request, erasure, encoding, refusal)
    form = MappingForm(
        request.POST if request.method == "POST" else None,
        headers=found.headers,
        refused=found.refused,
        suggested=found.mapping,
    )
    if request.method == "POST" and form.is_valid():
        try:
            verbs.start(
                erasure,
                mapping=form.cleaned_data["mapping"],
                by=staff_user(request),
                now=timezone.now(),
                encoding=encoding,
            )
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            return redirect(page_of(erasure))
    return _columns_page(request, erasure, form, found)


def page_of(erasure: Erasure) -> str:
    """The case's own page."""
    return reverse("admin:requests_erasure_change", args=[erasure.pk])


def _columns_page(
    request: HttpRequest, erasure: Erasure, form: MappingForm, found: Inspection
) -> HttpResponse:
    context = {
        **_known(erasure),
        "form": form,
        "columns": column_rows(form, found),
        "is_remembered": found.is_remembered,
        "same_as": found.same_as,
    }
    status = 422 if form.errors else 200
    return render_staff(
        request, "erasures/columns.html", context, title="What the columns mean", status=status
    )


def _unreadable(
    request: HttpRequest, erasure: Erasure, encoding: str, refusal: Refused
) -> HttpResponse:
    """Why the file cannot be read; where another encoding may help, the choice of one."""
    context = {
        **_known(erasure),
        "sentence": refusal.sentence,
        "encodings": [code for code in readers.ENCODINGS if code != encoding]
        if refusal.code == "encoding"
        else [],
    }
    return render_staff(
        request, "erasures/unreadable.html", context, title="The file cannot be read", status=422
    )


def _known(erasure: Erasure) -> dict[str, Any]:
    """The case and its file's name, which may hold a person's and so is shown on its pages only."""
    file = file_of(erasure)
    name = file.content.unseal_content().get("name", "") if file else ""
    return {"case": erasure, "case_url": page_of(erasure), "file": file, "file_name": name}


def standing(erasure: Erasure) -> dict[str, Any]:
    """How far the reading is and what came of the rows so far, for the case's page and its moving part."""
    file = file_of(erasure)
    return {
        "file": file,
        "is_live": erasure.state == "reading" and erasure.work_due,
        "endings": report.counted(erasure) if file else [],
        "reading_fault": verbs.fault(erasure),
    }


def progress(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The moving part of the page. Once the reading rests, or the session ended, the page loads anew."""
    if not admin.site.has_permission(request):
        return HttpResponseClientRefresh()
    return _progress(request, pk)


@require_safe
@staff_page(*READERS)
def _progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    erasure = _erasure(request, pk)
    context = {"case": erasure, **standing(erasure)}
    if not context["is_live"]:
        return HttpResponseClientRefresh()
    return render(request, "erasures/intake.html", context)


@require_safe
@staff_page(*READERS)
def rows(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The rows of a case, a hundred a page in the order of their numbers; all, or those that ended as one thing."""
    erasure = _erasure(request, pk)
    ending = report.ending_of(request.GET.get("outcome", ""))
    after = _number(request.GET.get("after", ""))
    chosen = erasure.subjects.filter(**({"match": ending.match} if ending else {}))
    found = list(chosen.filter(row_number__gt=after).order_by("row_number")[: PAGE + 1])
    context = {
        **_known(erasure),
        "crumb": "Rows",
        "ending": ending,
        "endings": report.counted(erasure),
        "rows": [(row, report.BY_MATCH[row.match], report.reason(row)) for row in found[:PAGE]],
        "next": found[PAGE - 1].row_number if len(found) > PAGE else None,
        "is_first": not after,
        "may_settle": can(erasure, "resolve", staff_user(request), timezone.now()),
    }
    return render_staff(
        request, "erasures/rows.html", context, title=f"Rows of {erasure.reference}"
    )


@require_safe
@staff_page(*READERS)
def preview_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the erasure of many will do, table by table; for a large case a page of its own."""
    erasure = _erasure(request, pk)
    context = {**_known(erasure), "crumb": "Preview", "lines": of_case(erasure)}
    title = f"What {erasure.reference} will erase"
    return render_staff(request, "erasures/preview.html", context, title=title)


def _number(given: str) -> int:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0


@require_safe
@staff_page(*READERS)
def row_report(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Every row with what came of it, as a CSV file without any value of the client's file."""
    erasure = _erasure(request, pk)
    record_verb(erasure, "read_report", by=staff_user(request), now=timezone.now())
    response = StreamingHttpResponse(report.lines(erasure), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="{erasure.reference}-rows.csv"'
    patch_cache_control(response, no_store=True, private=True)
    return response


def _erasure(request: HttpRequest, pk: UUID) -> Erasure:
    """The case, or 404 where it is another's; the answer is the same as for one that does not exist."""
    found = within_reach(Erasure.objects.select_related("client"), request.user)
    return get_object_or_404(found, pk=pk)
