"""Forms for erasures. They check what can be typed; the verbs decide."""

from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.html import escape

from clients.instructions.forms import InstructionField, WhenInput
from clients.instructions.verbs import instructions_in_force
from clients.models import Client, Instruction
from consumers.forms import PersonForm
from consumers.models import Consumer, LegalHold
from consumers.profile import Profile, masked
from consumers.vaulting import open_profiles
from portal.admin import VerbForm
from portal.cases.models import Channel
from requests.erasures.approval import mark_of
from requests.erasures.models import ErasureSubject
from requests.erasures.subjects import given_of


class UnderInstruction(forms.Form):
    """What every new erasure needs: the client's instruction, how it came in, and when."""

    instruction = InstructionField(
        Instruction.objects.none(),
        empty_label="Choose an instruction",
        help_text="Only approved instructions to erase that are in effect and not used up.",
    )
    channel = forms.ChoiceField(label="Came in by", choices=Channel.choices)
    received_at = forms.DateTimeField(
        label="Received (UTC)",
        widget=WhenInput,
        help_text="When anybody at the company received it: put it back if that was earlier.",
    )

    def __init__(self, *args: Any, client: Client, now: datetime, **kwargs: Any) -> None:
        self.client = client
        kwargs["initial"] = {"received_at": now, "channel": Channel.EMAIL}
        super().__init__(*args, **kwargs)
        field = self.fields["instruction"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        field.queryset = _usable(client, now)


class LogErasureForm(UnderInstruction, PersonForm):
    """Whom a client's instruction says to erase."""

    field_order = ["instruction", "channel", "received_at"]

    def country(self) -> str:
        return self.client.default_country


def _usable(client: Client, now: datetime) -> "QuerySet[Instruction]":
    return instructions_in_force(client.pk, Instruction.Kind.ERASURE, now)


class _AsShown(forms.HiddenInput):
    """Carries the mark of what this page shows, also where an older one was posted and refused."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = mark

    def format_value(self, value: Any) -> str:
        return self._mark


class ApproveForm(VerbForm):
    """The typed confirmation of the second person, and what that person has read."""

    confirmation = forms.CharField(
        max_length=20,
        label="Type the reference of this erasure",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    # An empty one is no mark, and the verb refuses it with a sentence.
    read = forms.CharField(max_length=64, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Taken before the preview is made: what changes in between is refused rather than overlooked.
        self.fields["read"].widget = _AsShown(mark_of(self.case))

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"]
        if typed.strip().upper() != self.case.reference:
            raise forms.ValidationError(f"Type {self.case.reference} to confirm.")
        return typed


class HoldForm(VerbForm):
    """Why the data must be kept for now."""

    ground = forms.ChoiceField(choices=LegalHold.Ground.choices)


class ResolveForm(VerbForm):
    """Who an ambiguous row is: one of the candidates, masked, or none of them; nothing is chosen beforehand.

    It is the row that was posted, or the one whose number is in `initial`, or the first.
    """

    NONE = "none"
    subject = forms.ModelChoiceField(
        ErasureSubject.objects.none(),
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "This row is settled already."},
    )
    consumer = forms.ChoiceField(label="Who is meant", widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        subject, consumer = self.fields["subject"], self.fields["consumer"]
        assert isinstance(subject, forms.ModelChoiceField)  # noqa: S101
        assert isinstance(consumer, forms.ChoiceField)  # noqa: S101
        self.open_rows = self.case.subjects.filter(match=ErasureSubject.Match.AMBIGUOUS)
        subject.queryset = self.open_rows
        row = subject.initial = self._chosen(subject)
        self.people = {
            str(person.pk): person
            for person in Consumer.objects.filter(
                client_id=self.case.client_id, pk__in=row.candidates if row else []
            )
        }
        consumer.choices = [
            *_masked_choices(list(self.people.values())),
            (self.NONE, "None of them: leave this row out"),
        ]
        given = given_of(self.case, row) if row else None
        if row and given:
            consumer.help_text = escape(f"Row {row.row_number} says: {_shown(given)}")

    def _chosen(self, subject: "forms.ModelChoiceField[Any]") -> ErasureSubject | None:
        posted, number = self.data.get("subject", ""), str(self.initial.get("row", ""))
        if posted:
            with suppress(forms.ValidationError):  # told to the user by the field itself
                return cast("ErasureSubject", subject.clean(posted))
            return None
        row: ErasureSubject | None = None
        open_rows = self.open_rows.order_by("row_number")
        if number.isascii() and number.isdigit() and len(number) < 16:
            row = open_rows.filter(row_number=number).first()
        return row or open_rows.first()

    def clean_consumer(self) -> Consumer | None:
        return self.people.get(self.cleaned_data["consumer"])


def _masked_choices(people: list[Consumer]) -> list[tuple[str, str]]:
    """What staff see of each candidate: the reference and masked values."""
    profiles = open_profiles(people)
    return [
        (str(one.pk), f"{one.reference}: {_shown(profiles[one.pk])}" if one.pk in profiles else "")
        for one in people
    ]


def _shown(profile: Profile) -> str:
    values = masked(profile)
    shown = (
        "external_id",
        "given_name",
        "surname",
        "street",
        "locality",
        "postcode",
        "email",
        "telephone",
    )
    return ", ".join(values[name] for name in shown if name in values)
