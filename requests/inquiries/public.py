"""The public form. It answers the same whether or not a person is known, because nobody is looked up (R44).

Invariants:
- What a stranger sees does not depend on what is held: the form stores an inquiry, and the answer is one page for
  everybody, for robots too.
- No address of a sender's computer is stored. Too many requests are noticed by counts of 1,024 groups, which are
  drawn anew each hour.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.cases.models import Channel
from portal.correspondence import Party
from portal.models import User
from requests.inquiries import contacts
from requests.inquiries.models import FormCount, Kind
from requests.inquiries.verbs import log_inquiry

BUCKETS = 1024
MOST_OF_A_GROUP = 10
MOST_IN_ALL = 600
"""Sent in an hour. Beyond it the page asks to write or to call, and stores nothing."""
QUICKEST = timedelta(seconds=3)
LONGEST = timedelta(hours=12)
_SIGNER = TimestampSigner(salt="requests.inquiries.public")
WISHES = [
    (Kind.OPT_OUT.value, "Stop marketing to me"),
    (Kind.ACCESS.value, "Tell me what is held about me"),
    (Kind.ERASURE.value, "Erase what is held about me"),
    (Kind.RECTIFICATION.value, "Correct what is held about me"),
    (Kind.COMPLAINT.value, "I have a complaint"),
    (Kind.QUESTION.value, "I have a question"),
]


class RequestForm(forms.Form):
    """What a consumer may tell us. Only the text and a way to answer are needed."""

    wish = forms.ChoiceField(label="What can we do for you?", choices=WISHES)
    company = forms.CharField(
        label="Which company's mail or e-mail is it about?",
        required=False,
        max_length=200,
        help_text="We process data for other companies. Name the one that wrote to you, if you know it.",
    )
    name = forms.CharField(
        label="Your name",
        required=False,
        max_length=200,
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label="Your e-mail address",
        required=False,
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "email"}),
        help_text="We answer by e-mail, or by post if you give no e-mail address.",
    )
    address = forms.CharField(
        label="Your postal address",
        required=False,
        max_length=500,
        widget=forms.Textarea({"rows": 3, "autocomplete": "street-address"}),
    )
    text = forms.CharField(
        label="Your message",
        max_length=20_000,
        widget=forms.Textarea({"rows": 7}),
        help_text="Please send no copy of an identity document and no card number.",
    )
    website = forms.CharField(
        label="Leave this empty",
        required=False,
        widget=forms.TextInput({"tabindex": "-1", "autocomplete": "off"}),
    )
    began = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("email") and not cleaned.get("address") and "email" not in self.errors:
            self.add_error(
                "email", "Give an e-mail address or a postal address, so that we can answer."
            )
        return cleaned

    @property
    def looks_like_a_robot(self) -> bool:
        """Whether the hidden field was filled in, or the form within moments, or with no page seen before."""
        if self.cleaned_data["website"]:
            return True
        try:
            _SIGNER.unsign(self.cleaned_data["began"], max_age=LONGEST)
        except BadSignature:
            return True
        try:
            _SIGNER.unsign(self.cleaned_data["began"], max_age=QUICKEST)
        except BadSignature:
            return False
        return True


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def request_page(request: HttpRequest) -> HttpResponse:
    """The form, and the one answer to everybody who has sent it."""
    if request.method != "POST":
        if "sent" in request.GET:
            return _page(request, "public/sent.html", {})
        return _form_page(request, RequestForm(initial={"began": _SIGNER.sign("form")}), 200)
    now = timezone.now()
    if not take_turn(request, now):
        return _page(request, "public/busy.html", {}, status=429)
    form = RequestForm(request.POST)
    if not form.is_valid():
        return _form_page(request, form, 422)
    if not form.looks_like_a_robot:
        _log(form.cleaned_data, now)
    return redirect(f"{reverse('public:request')}?sent")


def _log(given: dict[str, Any], now: datetime) -> None:
    lines = tuple(line.strip() for line in given["address"].splitlines() if line.strip())
    company = f"Company: {given['company']}\n\n" if given["company"] else ""
    log_inquiry(
        channel=Channel.FORM,
        sender=Party(given["name"], given["email"], lines),
        subject=dict(WISHES)[given["wish"]],
        text=company + given["text"],
        received_at=now,
        by=User.objects.system(),
        now=now,
    )


def take_turn(request: HttpRequest, now: datetime) -> bool:
    """Count the request; False where its group, or everybody together, has sent too much in this hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    bucket = _bucket(_sender(request), hour)
    FormCount.objects.bulk_create(
        [FormCount(hour=hour, bucket=bucket, sent=0)], ignore_conflicts=True
    )
    FormCount.objects.filter(hour=hour, bucket=bucket).update(sent=F("sent") + 1)
    counts = FormCount.objects.filter(hour=hour)
    group = counts.values_list("sent", flat=True).get(bucket=bucket)
    total = counts.aggregate(total=Sum("sent"))["total"]
    return bool(group <= MOST_OF_A_GROUP and total <= MOST_IN_ALL)


def forget_counts(now: datetime) -> None:
    """Delete the counts of hours that are over."""
    FormCount.objects.filter(hour__lt=now - timedelta(hours=2)).delete()


def _sender(request: HttpRequest) -> str:
    """Where the request comes from; behind a proxy the proxy says so, in the last entry, which it wrote itself."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if forwarded and getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        return forwarded.rsplit(",", 1)[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _bucket(sender: str, hour: datetime) -> int:
    key = f"{settings.SECRET_KEY}:{hour.isoformat()}".encode()
    digest = hmac.new(key, sender.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:4], "big") % BUCKETS


def _form_page(request: HttpRequest, form: RequestForm, status: int) -> HttpResponse:
    return _page(request, "public/request.html", {"form": form}, status=status)


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    told = {
        "officer": contacts.SECURITY_OFFICER,
        "telephone": contacts.TELEPHONE,
        "mailbox": settings.PRIVACY_MAILBOX,
        "dispute_body": contacts.dispute_body(timezone.now().date()),
        "company": settings.COMPANY_NAME,
    }
    return render(request, template, {**told, **context}, status=status)
