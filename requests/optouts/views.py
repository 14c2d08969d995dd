"""Logging an opt-out: whose consumer, which channel, which address; and looking one address up."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from clients.access import visible_clients
from clients.models import Client
from consumers.models import MarketingChannel
from portal.admin import staff_user
from portal.errors import Refused
from portal.staffpages import render_staff, staff_page
from portal.uploadgate import evidence_size
from requests.optouts.effect import covering, tokens_of
from requests.optouts.forms import LogForm
from requests.optouts.models import OptOut
from requests.optouts.states import STAFF
from requests.optouts.verbs import address_of, log_opt_out

EVERY = "every"
"""How "every channel" is called in an address of the portal."""


@staff_page(*STAFF)
def choose_client(request: HttpRequest) -> HttpResponse:
    """Choose among the user's own clients; with a single one there is nothing to choose."""
    clients = visible_clients(request.user).filter(ended_at__isnull=True)
    if clients.count() == 1:
        return redirect("optouts:log_for", client_id=clients[0].pk, what=MarketingChannel.EMAIL)
    return render_staff(
        request, "optouts/choose.html", {"clients": clients}, title="Log an opt-out"
    )


@sensitive_post_parameters()
@staff_page(*STAFF, uploads=evidence_size)
def log(request: HttpRequest, client_id: UUID, what: str) -> HttpResponse:
    """The form for one client and channel. Another's client does not exist, as far as this page tells."""
    client = get_object_or_404(visible_clients(request.user), pk=client_id, ended_at__isnull=True)
    if what not in (EVERY, *MarketingChannel.values):
        raise Http404
    channel = "" if what == EVERY else what
    if request.method != "POST":
        return _page(request, LogForm(client=client, marketing_channel=channel), status=200)
    form = LogForm(request.POST, request.FILES, client=client, marketing_channel=channel)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        opt_out = log_opt_out(
            client=client,
            marketing_channel=channel,
            by=staff_user(request),
            now=timezone.now(),
            **form.cleaned_data,
        )
    except Refused as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, form, status=409)
    messages.success(request, _said(opt_out))
    return redirect(reverse("admin:requests_optout_change", args=[opt_out.pk]))


def _said(opt_out: OptOut) -> str:
    """What was done, as the person who logged it reads it."""
    said = f"Logged as {opt_out.reference} and in effect."
    if opt_out.match == OptOut.Match.NONE:
        said += " Nobody on file has this address; it is kept, and keeps out whoever comes with it."
    address = address_of(opt_out)
    if address is not None:
        tokens = tokens_of(opt_out.client_id, address)
        earlier = covering(opt_out.client_id, tokens, opt_out.marketing_channel, opt_out.brand_id)
        if len(earlier) > 1:
            said += " It was opted out already; this one is recorded beside the earlier."
    return said


def _page(request: HttpRequest, form: LogForm, *, status: int) -> HttpResponse:
    client: Client = form.client
    tabs = [
        {
            "label": label,
            "url": reverse("optouts:log_for", args=[client.pk, code or EVERY]),
            "is_here": code == form.marketing_channel,
        }
        for code, label in [*MarketingChannel.choices, ("", "Every channel")]
    ]
    response = render_staff(
        request,
        "optouts/log.html",
        {"form": form, "client": client, "tabs": tabs},
        title=f"Log an opt-out at {client}",
        status=status,
    )
    response["Cache-Control"] = "no-store"
    return response
