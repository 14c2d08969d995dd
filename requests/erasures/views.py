"""Logging an erasure, watching it, and its certificate."""

from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django_htmx.http import HttpResponseClientRefresh

from clients.access import visible_clients, within_reach
from portal.admin import staff_user
from portal.errors import Refused
from portal.letters import render_pdf
from portal.roles import ACCOUNT_MANAGER, ADMINISTRATOR, AUDITOR, SECURITY_OFFICER
from portal.staffpages import render_staff, staff_page
from requests.erasures import certificate
from requests.erasures.forms import LogErasureForm
from requests.erasures.models import Erasure
from requests.erasures.steering import standing
from requests.erasures.verbs import log_erasure

STAFF = (SECURITY_OFFICER, ACCOUNT_MANAGER)
READERS = (*STAFF, AUDITOR, ADMINISTRATOR)


@staff_page(*STAFF)
def choose_client(request: HttpRequest) -> HttpResponseBase:
    """Choose among the user's own clients; with a single one there is nothing to choose."""
    clients = visible_clients(request.user).filter(ended_at__isnull=True)
    if clients.count() == 1:
        return redirect("erasures:log_for", client_id=clients[0].pk)
    context = {"clients": clients, "route": "erasures:log_for"}
    return render_staff(request, "erasures/choose.html", context, title="Log an erasure")


@sensitive_post_parameters()
@staff_page(*STAFF)
def log(request: HttpRequest, client_id: UUID) -> HttpResponseBase:
    """The form for one client's instruction; whom it names is posted and sealed, never in an address."""
    client = get_object_or_404(visible_clients(request.user), pk=client_id)
    now = timezone.now()
    form = LogErasureForm(request.POST or None, client=client, now=now)
    if request.method == "POST" and form.is_valid():
        try:
            erasure = log_erasure(
                client=client,
                instruction=form.cleaned_data["instruction"],
                people=[form.profile],
                channel=form.cleaned_data["channel"],
                received_at=form.cleaned_data["received_at"],
                by=staff_user(request),
                now=now,
            )
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, f"Logged as {erasure.reference}: {erasure.state_name}.")
            return redirect(reverse("admin:requests_erasure_change", args=[erasure.pk]))
    return render_staff(
        request,
        "erasures/log.html",
        {"form": form, "client": client},
        title=f"Log an erasure for {client}",
    )


def _reachable(request: HttpRequest, pk: UUID) -> Erasure:
    return get_object_or_404(within_reach(Erasure.objects.all(), request.user), pk=pk)


def progress(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The moving part of the case's page. Where the rest has changed too, or the session ended, all loads anew."""
    if not admin.site.has_permission(request):
        return HttpResponseClientRefresh()
    return _progress(request, pk)


@staff_page(*READERS)
def _progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _reachable(request, pk)
    found = standing(case, timezone.now())
    if found.mark != request.GET.get("seen"):
        return HttpResponseClientRefresh()
    return render(request, "erasures/progress.html", {"case": case, "standing": found})


@staff_page(*READERS)
def certificate_json(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The signed certificate as it was written, byte for byte, with its signature in a header."""
    erasure = _certified(request, pk)
    response = HttpResponse(erasure.certificate, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{erasure.reference}.json"'
    response["X-Certificate-Signature"] = erasure.certificate_signature
    return response


@staff_page(*READERS)
def certificate_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The certificate as a document for people."""
    erasure = _certified(request, pk)
    content = render_pdf(
        "certificate.typ", certificate.letter(erasure), made_at=erasure.certified_at
    )
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{erasure.reference}.pdf"'
    return response


def _certified(request: HttpRequest, pk: UUID) -> Erasure:
    erasure = _reachable(request, pk)
    if not erasure.certificate:
        raise Http404
    return erasure
