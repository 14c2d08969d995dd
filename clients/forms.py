"""Forms for clients and mail drops."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from clients.controllers import Brand, Client, ClientAssignment, MailDrop
from clients.instructions.forms import WhenInput
from portal.admin import VerbForm
from portal.models import User
from portal.roles import ACCOUNT_MANAGER

CHOSEN_FROM_LISTS = ("regions", "lawful_bases", "purposes", "data_categories")


class ClientForm(forms.ModelForm[Client]):
    """A client's record. What is chosen from a list has a box for each choice."""

    privacy_policy_url = forms.URLField(required=False, assume_scheme="https")

    class Meta:
        model = Client
        fields = [
            "name",
            "code",
            *CHOSEN_FROM_LISTS,
            "default_country",
            "time_zone",
            "recall_hours",
            "processing_days",
            "privacy_policy_url",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in CHOSEN_FROM_LISTS:
            # The form of a reader without the right to change has no fields.
            if name in self.fields:
                self.fields[name] = _boxes(name)


def _boxes(name: str) -> forms.MultipleChoiceField:
    column: Any = Client._meta.get_field(name)
    return forms.MultipleChoiceField(
        choices=column.base_field.choices, widget=forms.CheckboxSelectMultiple
    )


class AssignmentForm(forms.ModelForm[ClientAssignment]):
    """Who looks after the client: account managers only."""

    class Meta:
        model = ClientAssignment
        fields = ["user"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("user")
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = User.objects.filter(
                groups__name=ACCOUNT_MANAGER, is_active=True
            ).order_by("username")


class BrandChoice(forms.ModelChoiceField[Brand]):
    """Brands by client, since two clients may have brands of one name."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.client}: {obj}"


class DropForm(forms.ModelForm[MailDrop]):
    """A mailing to be planned."""

    class Meta:
        model = MailDrop
        fields = [
            "client",
            "brand",
            "name",
            "key_code",
            "mail_date",
            "lead_days",
            "kill_file_deadline",
        ]
        field_classes = {"brand": BrandChoice}

        labels = {"kill_file_deadline": "The printer takes names out until (UTC)"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brand = self.fields.get("brand")
        if isinstance(brand, forms.ModelChoiceField):
            brand.empty_label = "All brands of the client"
            brand.help_text = ""

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or {}
        mail_date = data.get("mail_date")
        if mail_date is not None and mail_date < timezone.now().date():
            self.add_error("mail_date", "The mail date has passed.")
        brand: Brand | None = data.get("brand")
        client: Client | None = data.get("client")
        if brand is not None and client is not None and brand.client_id != client.pk:
            self.add_error("brand", "This brand is another client's.")
        return data


class MoveForm(VerbForm):
    """Another date for a mailing."""

    mail_date = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    lead_days = forms.IntegerField(
        min_value=1,
        max_value=180,
        help_text="Days before the mail date on which the list is locked.",
    )
    kill_file_deadline = forms.DateTimeField(
        label="The printer takes names out until (UTC)", widget=WhenInput(), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("mail_date", "lead_days", "kill_file_deadline"):
            self.fields[name].initial = getattr(self.case, name)


class EndForm(forms.Form):
    """The typed confirmation of the end of all processing."""

    confirmation = forms.CharField(label="Type the client's short name to confirm")

    def __init__(self, *args: Any, client: Client, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client = client

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.client.code:
            raise ValidationError(f"Type {self.client.code} to confirm.", code="confirmation")
        return typed
