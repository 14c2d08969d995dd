"""Forms for opt-outs. They check what can be typed; the verbs decide."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from clients.instructions.forms import LARGEST, InstructionField, WhenInput, evidence_from
from clients.instructions.verbs import Evidence, instructions_in_force
from clients.models import Brand, Client, Instruction
from consumers.profile import Profile
from portal.admin import VerbForm
from portal.cases.models import Channel
from requests.optouts import addresses

LABELS = {
    "email": "E-mail address",
    "telephone": "Telephone number",
    "external_id": "The client's number for the person",
    "given_name": "Given name",
    "surname": "Surname",
    "street": "Street with its number",
    "postcode": "Postcode",
    "locality": "Town",
}
LONGEST = {"email": 254, "telephone": 40, "postcode": 16}


class LogForm(forms.Form):
    """What is logged of an opt-out. Which parts of an address are asked for depends on the channel."""

    brand = forms.ModelChoiceField(
        Brand.objects.none(), required=False, empty_label="All brands of the client"
    )
    channel = forms.ChoiceField(label="Came in by", choices=Channel.choices)
    received_at = forms.DateTimeField(
        label="Received (UTC)",
        widget=WhenInput(),
        initial=timezone.now,
        help_text="When anybody at the company received it: put it back if that was earlier.",
    )
    one_click = forms.BooleanField(
        label="By the one-click unsubscribe of the mail programme",
        required=False,
        help_text="It leaves two days instead of ten.",
    )
    text = forms.CharField(
        label="Their own words",
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=4000,
        help_text="Kept sealed in the thread of the case. Not needed.",
    )
    evidence = forms.FileField(
        label="The letter or e-mail",
        required=False,
        help_text=f"Stored sealed. Not needed. {LARGEST}",
    )

    def __init__(self, *args: Any, client: Client, marketing_channel: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client, self.marketing_channel = client, marketing_channel
        self.asked = addresses.FIELDS[marketing_channel]
        for name in self.asked:
            self.fields[name] = forms.CharField(
                label=LABELS[name], required=False, max_length=LONGEST.get(name, 200)
            )
            self.fields[name].widget.attrs["autocomplete"] = "off"
        self.fields[self.asked[0]].widget.attrs["autofocus"] = True
        self.order_fields([*self.asked, "brand", "channel", "received_at", "one_click"])
        _offer(self, "brand", client.brands.all())
        if marketing_channel not in ("", "email"):
            del self.fields["one_click"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = {name: cleaned.pop(name, None) for name in self.asked}
        address, faults = addresses.read(given, self.client.default_country)
        for name, sentence in faults.items():
            self.add_error(name, sentence)
        if not self.errors and not addresses.is_usable(address):
            self.add_error(self.asked[0], addresses.NEEDED[self.marketing_channel])
        return {**cleaned, "address": address}

    def clean_evidence(self) -> Evidence | None:
        return evidence_from(self.cleaned_data.get("evidence"))

    def clean_received_at(self) -> Any:
        received_at = self.cleaned_data["received_at"]
        if received_at > timezone.now():
            raise ValidationError("It cannot have been received in the future.")
        return received_at

    @property
    def address(self) -> Profile:
        """The address in its normal form, once the form is valid."""
        found = self.cleaned_data["address"]
        if not isinstance(found, Profile):
            raise TypeError("the form is not valid")
        return found


class ConfirmForm(VerbForm):
    """What the consumer was told."""

    channel = forms.ChoiceField(label="Told by", choices=Channel.choices)
    text = forms.CharField(
        label="What the consumer was told",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=4000,
        help_text="Kept sealed in the thread.",
    )


class LiftForm(VerbForm):
    """The evidence that lifts an opt-out: a dated opt-in, and the client's instruction."""

    instruction = InstructionField(
        Instruction.objects.none(),
        label="The client's instruction to lift",
        help_text="Whoever logged it cannot lift the opt-out.",
    )
    opted_in_at = forms.DateTimeField(
        label="The consumer opted in again (UTC)",
        widget=WhenInput(),
        help_text="Must be later than the receipt of the opt-out.",
    )
    evidence = forms.FileField(
        label="Evidence of the opt-in",
        help_text=f"The form, e-mail or record that shows it, with its date. Stored sealed. {LARGEST}",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = instructions_in_force(
            self.case.client_id, Instruction.Kind.SUPPRESSION_LIFT, timezone.now()
        )
        _offer(self, "instruction", rows)

    def clean_evidence(self) -> Any:
        return evidence_from(self.cleaned_data["evidence"])


def _offer(form: forms.Form, name: str, rows: "QuerySet[Any]") -> None:
    field = form.fields[name]
    if isinstance(field, forms.ModelChoiceField):
        field.queryset = rows
