"""Forms for inquiries. They check what can be typed; the verbs decide."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from clients.access import visible_clients
from clients.instructions.forms import LARGEST, WhenInput, evidence_from
from clients.models import Client, Instruction
from consumers.forms import PersonForm
from consumers.models import MarketingChannel
from consumers.profile import Profile
from portal.admin import VerbForm
from portal.cases.models import CaseFile, Channel, ClockEvent
from portal.correspondence import Party
from portal.models import User
from portal.roles import SECURITY_OFFICER
from requests.erasures.models import Erasure
from requests.inquiries import deadlines, endings, letters, verbs
from requests.inquiries.identity import ASKABLE
from requests.inquiries.models import Denial, Inquiry, Kind, Outcome
from requests.optouts.models import OptOut

NOBODY = ("", "Nobody yet")
NO_GROUND = ("", "None")
BY_STAFF = [(c.value, c.label) for c in (Channel.EMAIL, Channel.LETTER, Channel.TELEPHONE)]


class SenderFields(forms.Form):
    """Who wrote, and how they are reached."""

    name = forms.CharField(required=False, max_length=200)
    email = forms.EmailField(label="E-mail", required=False, max_length=254)
    address = forms.CharField(
        label="Postal address",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One line each, below the name.",
    )

    def party(self) -> Party:
        """The sender as letters address them."""
        given = self.cleaned_data
        lines = tuple(line.strip() for line in given["address"].splitlines() if line.strip())
        return Party(given["name"], given["email"], lines)


class LogForm(SenderFields):
    """What staff write down of an inquiry."""

    channel = forms.ChoiceField(label="Came in by", choices=BY_STAFF)
    received_at = forms.DateTimeField(
        label="Received (UTC)",
        widget=WhenInput(),
        initial=timezone.now,
        help_text="When anybody at the company received it: put it back if that was earlier.",
    )
    subject = forms.CharField(required=False, max_length=300)
    text = forms.CharField(
        label="Their own words",
        widget=forms.Textarea(attrs={"rows": 8}),
        max_length=50_000,
        help_text="Word for word. Stored sealed.",
    )
    original = forms.FileField(
        label="The e-mail or the scan",
        required=False,
        help_text=f"The e-mail as a file (.eml), or the scanned letter. Stored sealed. {LARGEST}",
    )
    field_order = ["channel", "received_at", "name", "email", "address"]

    def clean_original(self) -> Any:
        return evidence_from(self.cleaned_data.get("original"))


class TriageForm(forms.Form):
    """The decision on an inquiry."""

    kind = forms.ChoiceField(label="What they want", choices=Kind.choices, widget=forms.RadioSelect)
    regime = forms.ChoiceField(label="Law")
    clients = forms.ModelMultipleChoiceField(
        Client.objects.none(),
        label="Clients that are named",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Leave empty where nobody is named; the people are found in the next step.",
    )
    urgency = forms.ChoiceField(choices=Inquiry.Urgency.choices, widget=forms.RadioSelect)
    assignee = forms.ModelChoiceField(
        User.objects.none(), label="Assigned to", required=False, empty_label=NOBODY[1]
    )

    def __init__(self, *args: Any, inquiry: Inquiry, user: User, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _triaged(inquiry, user))
        super().__init__(*args, **kwargs)
        laws = [
            (one.code, deadlines.regime_name(one))
            for one in deadlines.regimes_on(inquiry.received_at)
        ]
        _choices(self, "regime", laws)
        _rows(self, "clients", visible_clients(user).filter(ended_at__isnull=True))
        officers = User.objects.filter(is_active=True, groups__name=SECURITY_OFFICER)
        _rows(self, "assignee", officers.order_by("username"))


def _triaged(inquiry: Inquiry, user: User) -> dict[str, Any]:
    return {
        "kind": inquiry.kind or Kind.QUESTION,
        "regime": inquiry.regime or "inquiry",
        "urgency": inquiry.urgency,
        "assignee": inquiry.assignee_id or user.pk,
        "clients": [branch.client_id for branch in inquiry.branches.exclude(state="dropped")],
    }


class MessageForm(VerbForm):
    """A letter that is read, and changed where needed, before it is sent."""

    purpose = ""
    way = forms.ChoiceField(label="By", choices=letters.WAYS)
    name = forms.CharField(label="To", required=False, max_length=200)
    email = forms.EmailField(label="E-mail address", required=False)
    address = forms.CharField(
        label="Postal address", required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    subject = forms.CharField(max_length=200)
    body = forms.CharField(label="Text", widget=forms.Textarea(attrs={"rows": 14}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound and self.case.sealed is not None:
            made = letters.proposed(self.case, self.purpose, timezone.now(), **self.more())
            self.initial = {
                **self.initial,
                "way": made.way,
                "name": made.to.name,
                "email": made.to.email,
                "address": "\n".join(made.to.address_lines),
                "subject": made.subject,
                "body": made.body,
            }

    def more(self) -> dict[str, str]:
        """What the letter says beyond what every letter says."""
        return {}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        parts = {
            name: cleaned.pop(name, "")
            for name in ("way", "name", "email", "address", "subject", "body")
        }
        if parts["way"] == "email" and not parts["email"] and "email" not in self.errors:
            self.add_error("email", "An e-mail needs an address.")
        if parts["way"] == "letter" and not parts["address"].strip():
            self.add_error("address", "A letter needs an address.")
        lines = tuple(line.strip() for line in parts["address"].splitlines() if line.strip())
        to = Party(parts["name"], parts["email"], lines)
        return {
            **cleaned,
            "message": letters.Message(parts["way"], to, parts["subject"], parts["body"]),
        }


class AcknowledgeForm(MessageForm):
    """The acknowledgement (document 1)."""

    purpose = letters.ACKNOWLEDGEMENT

    def more(self) -> dict[str, str]:
        return {"next_step": letters.NEXT_STEP}


class RouteForm(MessageForm):
    """The referral letter (document 2); the hand-off to each client goes out with it."""

    purpose = letters.REFERRAL

    def more(self) -> dict[str, str]:
        return verbs.referral_values(self.case)


class ExtendForm(MessageForm):
    """The extension notice (document 4)."""

    purpose = letters.EXTENSION
    reason = forms.ChoiceField(
        choices=[
            (r.value, r.label) for r in (ClockEvent.Reason.COMPLEXITY, ClockEvent.Reason.NUMBER)
        ]
    )
    field_order = ["reason"]

    def more(self) -> dict[str, str]:
        return {**verbs.extension_values(self.case, ""), "reason": "{reason}"}


class AskIdentityForm(MessageForm):
    """The request for proof (document 3)."""

    purpose = letters.ASK_IDENTITY
    fields_asked = forms.MultipleChoiceField(
        label="Ask for",
        choices=list(ASKABLE.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text="Only what is held already. Nothing new is collected.",
    )
    contested = forms.ChoiceField(
        label="What the request contests",
        choices=[("", "Nothing of this"), *ASKABLE.items()],
        required=False,
        help_text="It proves nothing and is not asked for.",
    )
    field_order = ["fields_asked", "contested"]

    def more(self) -> dict[str, str]:
        runs_on = deadlines.why_no_pause(self.case, timezone.now())
        pause = "runs on meanwhile" if runs_on else "waits for your reply"
        return {
            "asked": "{asked}",
            "pause": f"Our time to answer you {pause}.",
            "expires_on": "{expires_on}",
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        asked = cleaned.pop("fields_asked", [])
        return {**cleaned, "fields": asked}


class FileField(forms.ModelMultipleChoiceField[CaseFile]):
    """Files by their names."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.unseal_content().get("name", "file"))


SETTLED = ("contested", "verified")


class FindForm(PersonForm):
    """Whom an inquiry is about, wherever the clients' consumers live."""

    def countries(self) -> list[str]:
        searched = Client.objects.filter(ended_at__isnull=True).order_by("default_country")
        return list(searched.values_list("default_country", flat=True).distinct()) or ["US"]


class SettleForm(VerbForm, PersonForm):
    """What the person gave as proof. It is compared with what is held, and kept nowhere."""

    given_name = None  # type: ignore[assignment]
    surname = None  # type: ignore[assignment]
    locality = None  # type: ignore[assignment]
    contested = forms.ChoiceField(
        label="What the request contests",
        choices=[("", "Nothing of this"), *ASKABLE.items()],
        required=False,
    )
    verified = forms.TypedChoiceField(
        label="Is the identity verified?",
        choices=[
            ("yes", "Yes, it agrees with what is held"),
            ("no", "No, it could not be verified"),
        ],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    proofs = FileField(
        CaseFile.objects.none(),
        label="Destroy these files, which served as proof",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        since = self.case.identity_asked_at or self.case.received_at
        rows = CaseFile.objects.filter(
            client_id=self.case.client_id, case_id=self.case.pk, at__gte=since, sealed__isnull=False
        ).exclude(kind__in=("sent", "letter"))
        _rows(self, "proofs", rows)
        self.initial.setdefault("proofs", [row.pk for row in rows])
        for name in ASKABLE:
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def country(self) -> str:
        branch = self.case.branches.select_related("client").first()
        return branch.client.default_country if branch else "US"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        given = Profile(**{name: getattr(self.profile, name) for name in ASKABLE})
        kept: dict[str, Any] = {name: cleaned[name] for name in SETTLED if name in cleaned}
        return {**kept, "given": given, "proofs": list(cleaned.get("proofs") or [])}


class OptOutForm(VerbForm, PersonForm):
    """At which clients, and which address, the opt-out is honoured."""

    clients = forms.ModelMultipleChoiceField(
        Client.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    marketing_channel = forms.ChoiceField(
        label="Opted out of",
        choices=[("", "Every channel"), *MarketingChannel.choices],
        required=False,
    )
    field_order = ["clients", "marketing_channel"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _rows(self, "clients", visible_clients(self.user).filter(ended_at__isnull=True))
        if not self.is_bound:
            named = self.case.branches.exclude(state="dropped")
            self.initial = {
                **self.initial,
                "clients": [branch.client_id for branch in named],
                "email": letters.sender(self.case).email,
            }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        return {
            "clients": list(cleaned.get("clients") or []),
            "marketing_channel": cleaned.get("marketing_channel", ""),
            # Each client reads it by the rules of its own country.
            "address": self.profile._replace(country=None),
        }


class RespondForm(MessageForm):
    """The final response (document 5) and what it comes to."""

    purpose = letters.RESPONSE
    outcome = forms.ChoiceField(choices=Outcome.choices)
    denial = forms.ChoiceField(
        label="Ground, where denied in whole or part",
        choices=[NO_GROUND, *Denial.choices],
        required=False,
    )
    field_order = ["outcome", "denial"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("outcome", self.case.outcome)

    def more(self) -> dict[str, str]:
        return {"outcomes": endings.outcomes_in_words(self.case)}


class RejectForm(MessageForm):
    """The rejection (document 6)."""

    purpose = letters.REJECTION
    denial = forms.ChoiceField(label="Ground", choices=Denial.choices)
    tell = forms.BooleanField(
        label="Write to the consumer",
        required=False,
        initial=True,
        help_text="Needed unless it is no inquiry at all, such as advertising.",
    )
    field_order = ["denial", "tell"]

    def more(self) -> dict[str, str]:
        return {"ground": "{ground}"}

    def full_clean(self) -> None:
        if self.is_bound and not self.data.get("tell"):
            for name in ("way", "subject", "body"):
                self.fields[name].required = False
        super().full_clean()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned.pop("tell", False):
            for name in ("email", "address"):
                self.errors.pop(name, None)
            cleaned["message"] = None
        return cleaned


class DuplicateForm(VerbForm):
    """Of which inquiry it is a repetition."""

    first = forms.CharField(
        label="Reference of the first inquiry",
        max_length=20,
        help_text="It must come from the same person. This one shares its identity check and is answered with it; "
        "its own clocks run on.",
    )

    def clean_first(self) -> Inquiry:
        found = Inquiry.objects.filter(reference=self.cleaned_data["first"].strip().upper()).first()
        if found is None:
            raise ValidationError("There is no inquiry with this reference.")
        return found


class AnswerForm(VerbForm):
    """What the client decided."""

    outcome = forms.ChoiceField(label="The client has", choices=Outcome.choices)
    denial = forms.ChoiceField(
        label="Ground, where denied in whole or part",
        choices=[NO_GROUND, *Denial.choices],
        required=False,
    )
    text = forms.CharField(
        label="The client's words",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=4000,
        help_text="Kept sealed in the thread.",
    )


class FollowForm(VerbForm):
    """The case that followed."""

    case_reference = forms.CharField(
        label="Reference",
        max_length=20,
        help_text="Of the instruction, erasure, opt-out or access request at this client.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        reference = cleaned.get("case_reference", "").strip().upper()
        of_client = {"client_id": self.case.client_id, "reference": reference}
        for model in (Instruction, Erasure, OptOut):
            found = model._default_manager.filter(**of_client).first()
            if found is not None:
                return {"case": found}
        raise ValidationError("This client has no such case.")


def _rows(form: forms.Form, name: str, rows: Any) -> None:
    field = form.fields[name]
    if isinstance(field, forms.ModelChoiceField):
        field.queryset = rows


def _choices(form: forms.Form, name: str, choices: Sequence[tuple[str, str]]) -> None:
    field = form.fields[name]
    if isinstance(field, forms.ChoiceField):
        field.choices = list(choices)
