"""Forms for disputes. They check what can be typed; the verbs decide."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from clients.access import visible_clients
from clients.instructions.forms import LARGEST, WhenInput, evidence_from
from clients.instructions.verbs import Evidence
from clients.models import Client
from consumers.profile import Profile
from portal.admin import VerbForm
from portal.cases.models import CaseNote, Channel
from portal.correspondence import Party
from portal.models import User
from requests.disputes.arbitration import BARS
from requests.disputes.frameworks import REGION_NAMES
from requests.disputes.models import (
    FRAMEWORK_CHOICES,
    Arrival,
    Complaint,
    Ineligible,
    Remedy,
)
from requests.optouts import addresses

WAYS = [("email", "E-mail"), ("letter", "Letter by post")]
MOST_TEXT = 20_000


class DayInput(forms.DateInput):
    """The browser's own date picker."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


def _text(
    label: str, *, rows: int = 6, required: bool = True, help_text: str = ""
) -> forms.CharField:
    return forms.CharField(
        label=label,
        widget=forms.Textarea(attrs={"rows": rows}),
        max_length=MOST_TEXT,
        required=required,
        help_text=help_text,
    )


def _file() -> forms.FileField:
    return forms.FileField(
        label="The letter or e-mail itself",
        required=False,
        help_text=f"Stored sealed. Not needed. {LARGEST}",
    )


def _when(label: str, help_text: str = "", *, required: bool = True) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=f"{label} (UTC)", widget=WhenInput(), help_text=help_text, required=required
    )


class LogForm(forms.Form):
    """A complaint, however it arrived. Its cleaned data are the arguments of `open_dispute`."""

    arrival = forms.ChoiceField(label="How it reached us", choices=Arrival.choices)
    channel = forms.ChoiceField(label="Came in by", choices=Channel.choices)
    received_at = _when(
        "Received", "When anybody at the company received it: put it back if that was earlier."
    )
    complained_at = _when(
        "The person first complained to us",
        "Only where a notice came: when they had written to us before. Leave it empty if they had not, or if you "
        "do not know; the case is recorded all the same.",
        required=False,
    )
    category = forms.ChoiceField(label="About", choices=Complaint.choices)
    region = forms.ChoiceField(
        label="The person lives in",
        choices=list(REGION_NAMES.items()),
        help_text="It says which framework's terms the case keeps.",
    )
    hr_data = forms.BooleanField(
        label="It is about human resources data",
        required=False,
        help_text="The dispute body does not take such complaints.",
    )
    name = forms.CharField(label="Name of the complainant", max_length=200)
    email = forms.EmailField(label="E-mail address", required=False)
    address = forms.CharField(
        label="Postal address",
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=500,
        help_text="One line below the other, with the country.",
    )
    complaint = _text("The complaint in the person's own words", help_text="Kept sealed.")
    body_reference = forms.RegexField(
        r"^[A-Za-z0-9/._-]*$",
        label="Reference of the dispute body",
        max_length=40,
        required=False,
        help_text="Letters, digits and / . _ - only.",
    )
    controller = forms.ModelChoiceField(
        Client.objects.none(), label="Client", required=False, empty_label="Not known yet"
    )
    evidence = _file()

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = visible_clients(user)
        field = self.fields["controller"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = found
        if not found.exists():
            del self.fields["controller"]
        for name in ("name", "email", "address", "complaint"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def clean_evidence(self) -> Evidence | None:
        return evidence_from(self.cleaned_data.get("evidence"))

    def clean_received_at(self) -> Any:
        received_at = self.cleaned_data["received_at"]
        if received_at > timezone.now():
            raise ValidationError("It cannot have been received in the future.")
        return received_at

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        lines = str(cleaned.pop("address", "")).splitlines()
        if not self.errors and not cleaned["email"] and not any(line.strip() for line in lines):
            self.add_error("email", "Give an e-mail address or a postal address to answer to.")
        party = Party(
            cleaned.pop("name", ""),
            cleaned.pop("email", ""),
            tuple(line.strip() for line in lines if line.strip()),
        )
        if cleaned.get("arrival") == Arrival.DIRECT:
            cleaned["complained_at"] = None
        return {**cleaned, "complainant": party}


class WayForm(VerbForm):
    """By which way a letter goes out."""

    way = forms.ChoiceField(label="Send it by", choices=WAYS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from requests.disputes.letters import complainant

        self.fields["way"].initial = "email" if complainant(self.case).email else "letter"


class AssessForm(VerbForm):
    """What an answer must hold (R9)."""

    merits = _text("Merits: what is true of the complaint")
    resolution = _text("Resolution: what was done, or will be, and by when")
    remedy = _text(
        "Remedy that we propose to the dispute body",
        rows=3,
        required=False,
        help_text="Empty: the resolution.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        content = self.case.unseal_content()
        for name in ("merits", "resolution", "remedy"):
            self.fields[name].initial = content.get(name, "")


class BodyNoticeForm(VerbForm):
    """The dispute body's notice."""

    noticed_at = _when("Received", "Our reply is due ten business days after it.")
    body_reference = forms.RegexField(
        r"^[A-Za-z0-9/._-]*$", label="Its reference", max_length=40, required=False
    )


class ArbitrationNoticeForm(VerbForm):
    """A notice of arbitration."""

    noticed_at = _when("Received", "The conditions are looked at as of this day.")


class IneligibleForm(VerbForm):
    """Why the dispute body does not take it."""

    because = forms.ChoiceField(label="Reason", choices=Ineligible.choices)


class RemediesForm(VerbForm):
    """What was promised or ordered, and by when."""

    remedies = forms.MultipleChoiceField(
        label="Remedies",
        choices=Remedy.Kind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    due_on = forms.DateField(label="Due on", widget=DayInput(), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("remedies") and not cleaned.get("due_on") and "due_on" not in self.errors:
            self.add_error("due_on", "Say by when the remedies are due.")
        return cleaned


class DetermineForm(RemediesForm):
    """The dispute body's determination."""

    upheld = forms.TypedChoiceField(
        label="Determined",
        choices=[("yes", "For the complainant"), ("no", "For the company")],
        coerce=lambda value: value == "yes",
    )
    field_order = ("upheld", "remedies", "due_on")


class AwardForm(RemediesForm):
    """The panel's award; it has no field for money (R19)."""

    remedies = forms.MultipleChoiceField(
        label="Awarded",
        choices=[(kind.value, kind.label) for kind in Remedy.AWARDED],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Nothing: the claim was not granted.",
    )


class RemedyForm(VerbForm):
    """Which remedy."""

    remedy = forms.ModelChoiceField(Remedy.objects.none(), label="Remedy", empty_label=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["remedy"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = self.case.remedies.filter(**self.standing)

    standing: dict[str, Any] = {"performed_at__isnull": True}


class VerifyForm(RemedyForm):
    """Which performed remedy."""

    standing = {"performed_at__isnull": False, "verified_at__isnull": True}


class ReferredForm(VerbForm):
    """When an authority got it."""

    referred_at = _when("With the authority since")


class ReviewForm(VerbForm):
    """When the Department of Commerce got it."""

    began_at = _when("With the Department of Commerce since", "It has 90 days.")


class BarsForm(VerbForm):
    """What rules arbitration out."""

    bars = forms.MultipleChoiceField(
        label="Arbitration is ruled out, because it was",
        choices=list(BARS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Nothing ticked: nothing rules it out.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["bars"].initial = self.case.bars


class WithdrawForm(VerbForm):
    """How it was withdrawn."""

    text = _text("How the complainant withdrew it", rows=3, help_text="Kept sealed in the thread.")


class NoteForm(VerbForm):
    """What came in, or what staff note."""

    direction = forms.ChoiceField(
        label="What it is",
        choices=[
            (CaseNote.Direction.INCOMING.value, "Something that came in"),
            (CaseNote.Direction.OUTGOING.value, "Something that we sent or said"),
            (CaseNote.Direction.INTERNAL.value, "A note of ours"),
        ],
    )
    channel = forms.ChoiceField(label="By", choices=Channel.choices)
    text = _text("Text", help_text="Kept sealed in the thread.")
    evidence = _file()

    def clean_evidence(self) -> Evidence | None:
        return evidence_from(self.cleaned_data.get("evidence"))


class PersonForm(VerbForm):
    """Whose consumer the complainant is."""

    controller = forms.ModelChoiceField(Client.objects.none(), label="Client")
    email = forms.CharField(label="E-mail address", max_length=254, required=False)
    external_id = forms.CharField(
        label="Or the client's number for the person", max_length=200, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["controller"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = visible_clients(self.user)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = {name: cleaned.pop(name, "") or None for name in ("email", "external_id")}
        client = cleaned.get("controller")
        if client is None:
            return cleaned
        address, faults = addresses.read(given, client.default_country)
        for name, sentence in faults.items():
            self.add_error(name if name in self.fields else None, sentence)
        if not self.errors and address == Profile():
            self.add_error("email", "Give the e-mail address or the client's number.")
        return {**cleaned, "address": address}


class FromInquiryForm(VerbForm):
    """What an inquiry does not say of the complaint in it."""

    category = forms.ChoiceField(label="About", choices=Complaint.choices)
    region = forms.ChoiceField(
        label="The person lives in",
        choices=list(REGION_NAMES.items()),
        help_text="It says which framework's terms the case keeps.",
    )
    hr_data = forms.BooleanField(label="It is about human resources data", required=False)


class CertificationForm(forms.Form):
    """A certification as it was made."""

    framework_code = forms.ChoiceField(label="Framework", choices=FRAMEWORK_CHOICES)
    certified_on = forms.DateField(label="Certified on", widget=DayInput())
    fund_contribution_on = forms.DateField(
        label="Contribution to the arbitral fund made on", widget=DayInput(), required=False
    )


class YearForm(forms.Form):
    """A year of the statistics."""

    year = forms.IntegerField(min_value=2016, max_value=9998)
