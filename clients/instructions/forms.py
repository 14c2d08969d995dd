"""Forms for instructions. They check what can be typed; the verbs decide."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.formats import date_format

from clients.controllers import Client, ClientContact
from clients.instructions.models import Instruction
from clients.instructions.verbs import Evidence, check_can_log
from portal.admin import VerbForm
from portal.cases.models import Channel
from portal.errors import Refused

LARGEST = f"Up to {settings.EVIDENCE_MAX_BYTES // 1024**2} MB."
EVIDENCE_HELP = f"The letter, e-mail or form in which the client said so. Stored sealed. {LARGEST}"


class WhenInput(forms.DateTimeInput):
    """The browser's own date and time picker."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


def evidence_from(upload: Any) -> Evidence | None:
    """The evidence in an uploaded file, or None without one. Raises ValidationError with a sentence."""
    if not upload:
        return None
    try:
        return Evidence.of_upload(upload)
    except Refused as refusal:
        raise ValidationError(refusal.sentence, code=refusal.code) from refusal


def contacts_of(client: Client) -> "QuerySet[ClientContact]":
    """The people at the client who can be named as having instructed us."""
    return ClientContact.objects.filter(client=client)


class InstructionField(forms.ModelChoiceField[Instruction]):
    """Instructions by their reference, with what tells them apart."""

    def label_from_instance(self, obj: Any) -> str:
        covers = "standing" if obj.is_standing else "for one case"
        received = date_format(obj.received_at, "DATE_FORMAT")
        return f"{obj.reference}: {obj.get_kind_display()}, {covers}, received {received}"


class LogForm(forms.Form):
    """What is logged of a client's instruction. Its cleaned data are the arguments of `log_instruction`."""

    kind = forms.ChoiceField(label="The client wants us to", choices=Instruction.Kind.choices)
    is_standing = forms.BooleanField(
        label="Standing instruction",
        required=False,
        help_text="Covers every act of its kind while it is in effect. Otherwise it covers one case.",
    )
    instructed_by = forms.ModelChoiceField(
        ClientContact.objects.none(),
        label="Who instructed us",
        required=False,
        help_text="The authority check asks whether this person may. It can be named later.",
    )
    channel = forms.ChoiceField(label="Came in by", choices=Channel.choices)
    is_oral = forms.BooleanField(
        label="Said, not written",
        required=False,
        help_text="Waits for written confirmation before anything else is done.",
    )
    received_at = forms.DateTimeField(
        label="Received (UTC)",
        widget=WhenInput(),
        help_text="When anybody at the company received it, not when it is logged.",
    )
    effective_from = forms.DateTimeField(
        label="Effective from (UTC)",
        widget=WhenInput(),
        required=False,
        help_text="Empty: from receipt.",
    )
    effective_until = forms.DateTimeField(
        label="Effective until (UTC)",
        widget=WhenInput(),
        required=False,
        help_text="Empty: until it is withdrawn or superseded.",
    )
    purposes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, required=False, help_text="None chosen: not limited."
    )
    data_categories = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, required=False, help_text="None chosen: not limited."
    )
    supersedes = InstructionField(
        Instruction.objects.none(),
        required=False,
        help_text="The earlier instruction that ends when this one is approved.",
    )
    evidence = forms.FileField(required=False, help_text=EVIDENCE_HELP)
    note = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=4000,
        help_text="Stored sealed.",
    )

    def __init__(self, *args: Any, client: Client, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client, self.now = client, now
        self._offer("instructed_by", contacts_of(client))
        opened = Instruction.objects.filter(client=client, closed_at__isnull=True)
        self._offer("supersedes", opened.order_by("-received_at"))
        self._narrow("purposes", client.purposes, Client._meta.get_field("purposes"))
        self._narrow(
            "data_categories", client.data_categories, Client._meta.get_field("data_categories")
        )

    def _offer(self, name: str, rows: "QuerySet[Any]") -> None:
        field = self.fields[name]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = rows

    def _narrow(self, name: str, permitted: list[str], column: Any) -> None:
        field = self.fields[name]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = [
                (code, label) for code, label in column.base_field.choices if code in permitted
            ]

    def clean_evidence(self) -> Evidence | None:
        return evidence_from(self.cleaned_data.get("evidence"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        given = {name: value for name, value in data.items() if name not in ("evidence", "note")}
        given["effective_from"] = given["effective_from"] or given["received_at"]
        try:
            check_can_log(
                Instruction(client=self.client, **given),
                has_evidence=data["evidence"] is not None,
                now=self.now,
            )
        except Refused as refusal:
            raise ValidationError(refusal.sentence, code=refusal.code) from refusal
        return data


class FindingForm(VerbForm):
    """A reason in words, which the thread keeps sealed."""

    finding = forms.CharField(
        label="Why", widget=forms.Textarea(attrs={"rows": 4}), max_length=4000
    )


class LegalityForm(FindingForm):
    """The outcome of the legality review."""

    lawful = forms.TypedChoiceField(
        label="Would carrying it out be lawful?",
        choices=[("yes", "Yes, it is lawful"), ("no", "No: suspend it and inform the client now")],
        coerce=lambda answer: answer == "yes",
        widget=forms.RadioSelect,
    )
    field_order = ["lawful", "finding"]


class AuthorityForm(VerbForm):
    """Who instructed us, where nobody was named or somebody else was."""

    instructed_by = forms.ModelChoiceField(
        ClientContact.objects.none(), label="Who instructed us", required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["instructed_by"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = contacts_of(self.case.client)
            field.initial = self.case.instructed_by_id


class EvidenceForm(VerbForm):
    """A document of the client."""

    evidence = forms.FileField(help_text=EVIDENCE_HELP)

    def clean_evidence(self) -> Evidence | None:
        return evidence_from(self.cleaned_data.get("evidence"))
