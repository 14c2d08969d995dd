"""Logging an instruction: first whose it is, then what it says."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from clients.access import visible_clients
from clients.instructions.forms import LogForm
from clients.instructions.states import STAFF
from clients.instructions.verbs import log_instruction
from portal.admin import staff_user
from portal.errors import Refused
from portal.staffpages import render_staff, staff_page
from portal.uploadgate import evidence_size


@staff_page(*STAFF)
def choose_client(request: HttpRequest) -> HttpResponse:
    """Choose among the user's own clients; with a single one there is nothing to choose."""
    clients = visible_clients(request.user).filter(ended_at__isnull=True)
    if clients.count() == 1:
        return redirect("instructions:log_for", client_id=clients[0].pk)
    return render_staff(
        request, "instructions/choose.html", {"clients": clients}, title="Log an instruction"
    )


@staff_page(*STAFF, uploads=evidence_size)
def log(request: HttpRequest, client_id: UUID) -> HttpResponse:
    """The form for one client. Another's client does not exist, as far as this page tells."""
    client = get_object_or_404(visible_clients(request.user), pk=client_id)
    now = timezone.now()
    if request.method != "POST":
        form = LogForm(client=client, now=now)
        return _page(request, form, status=200)
    form = LogForm(request.POST, request.FILES, client=client, now=now)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        instruction = log_instruction(
            client=client, by=staff_user(request), now=now, **form.cleaned_data
        )
    except Refused as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, form, status=409)
    messages.success(request, f"Logged as {instruction.reference}.")
    return redirect(reverse("admin:clients_instruction_change", args=[instruction.pk]))


def _page(request: HttpRequest, form: LogForm, *, status: int) -> HttpResponse:
    return render_staff(
        request,
        "instructions/log.html",
        {"form": form, "client": form.client},
        title=f"Log an instruction of {form.client}",
        status=status,
    )
