"""The search page. The question is posted, so that no address, log or history ever holds it."""

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from clients.models import Client
from consumers.forms import SearchForm
from consumers.profile import masked
from consumers.search import Found, search_all, search_client
from portal.admin import staff_user
from portal.errors import Refused
from portal.models import User
from portal.roles import ACCOUNT_MANAGER, AUDITOR, SECURITY_OFFICER
from portal.staffpages import render_staff, staff_page


@sensitive_post_parameters()
@staff_page(SECURITY_OFFICER, ACCOUNT_MANAGER, AUDITOR)
def search(request: HttpRequest) -> HttpResponseBase:
    """Find a person by identifier, or by name and address though misspelt."""
    user = staff_user(request)
    form = SearchForm(request.POST or None, user=user)
    answers = None
    if request.method == "POST" and form.is_valid():
        try:
            answers = [_shown(client, found) for client, found in _search(form, user)]
        except Refused as refusal:
            form.add_error(None, refusal.sentence)
    return render_staff(
        request, "consumers/search.html", {"form": form, "answers": answers}, title="Find a person"
    )


def _search(form: SearchForm, user: User) -> list[tuple[Client, list[Found]]]:
    client, reason = form.cleaned_data["client"], form.cleaned_data["reason"]
    now = timezone.now()
    if client is None:
        return search_all(form.profiles, reason=reason, by=user, now=now)
    found = search_client(client, form.profile, reason=reason, by=user, now=now)
    return [(client, found)] if found else []


def _shown(client: Client, found: list[Found]) -> dict[str, object]:
    return {
        "client": client,
        "people": [
            {
                "consumer": one.consumer,
                "values": masked(one.profile),
                "score": one.score,
                "why": one.why,
            }
            for one in found
        ],
    }
