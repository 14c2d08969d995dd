"""The search form and the reveal form. Their values are normalised as an import would."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms

from clients.access import visible_clients
from clients.models import Client
from consumers import normalise
from consumers.profile import Profile
from consumers.search import REASONS
from portal.models import User
from portal.roles import SECURITY_OFFICER, has_role

REASON_CHOICES = [("", "Choose a reason"), *REASONS.items()]
SENTENCES = {
    "email": "This is no e-mail address; write it like name@example.com.",
    "telephone": "This is no telephone number; write it with its area code.",
    "birthday": "Write the date as year-month-day, such as 1970-12-31.",
}


class PersonForm(forms.Form):
    """What is known of a person. `profile` gives it normalised once the form is valid."""

    email = forms.CharField(label="E-mail", required=False, max_length=254)
    telephone = forms.CharField(required=False, max_length=40)
    external_id = forms.CharField(label="External id", required=False, max_length=200)
    given_name = forms.CharField(required=False, max_length=100)
    surname = forms.CharField(required=False, max_length=100)
    street = forms.CharField(required=False, max_length=200)
    postcode = forms.CharField(required=False, max_length=16)
    locality = forms.CharField(label="Town", required=False, max_length=100)

    def country(self) -> str:
        """The country by whose rules the values are read."""
        return "US"

    def countries(self) -> list[str]:
        """The countries by whose rules they are read, where it could be several."""
        return [self.country()]

    @property
    def profile(self) -> Profile:
        """The person as a profile to search by."""
        return self.profiles[self.countries()[0]]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = {name: cleaned.get(name) or "" for name in PersonForm.base_fields}
        read = {country: _read(given, country) for country in self.countries()}
        self.profiles = {country: profile for country, (profile, _) in read.items()}
        # What one country cannot read may be written as another does.
        for name in frozenset[str].intersection(*(faults for _, faults in read.values())):
            self.add_error(name, SENTENCES.get(name, "This value cannot be read; check it."))
        return cleaned


def _read(given: Mapping[str, str], country: str) -> tuple[Profile, frozenset[str]]:
    """The values in their normal forms by the rules of `country`, and the names of those that it cannot read."""
    readers: dict[str, Callable[[str], str | None]] = {
        "email": normalise.email,
        "telephone": lambda value: normalise.telephone(value, country),
        "external_id": normalise.identifier,
        "given_name": normalise.name,
        "surname": normalise.name,
        "street": normalise.text,
        "postcode": lambda value: normalise.postcode(value, country),
        "locality": normalise.text,
    }
    known: dict[str, Any] = {}
    faults = set()
    for name, read in readers.items():
        try:
            known[name] = read(given[name]) or None
        except normalise.Unusable:
            faults.add(name)
    return Profile(**known, country=country), frozenset(faults)


class SearchForm(PersonForm):
    """A person, the client whose person it is, and why somebody looks."""

    client = forms.ModelChoiceField(
        Client.objects.none(), required=False, empty_label="All clients"
    )
    reason = forms.ChoiceField(choices=REASON_CHOICES)
    field_order = ["client", "reason"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["client"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        field.queryset = visible_clients(user)
        if not has_role(user, SECURITY_OFFICER):
            field.required = True
            field.empty_label = "Choose a client"

    def country(self) -> str:
        client = self.cleaned_data.get("client")
        return client.default_country if client else "US"

    def countries(self) -> list[str]:
        """That of the client; those of all clients where all are searched."""
        if self.cleaned_data.get("client"):
            return [self.country()]
        searched = Client.objects.filter(ended_at__isnull=True).order_by("default_country")
        return list(searched.values_list("default_country", flat=True).distinct()) or ["US"]


class RevealForm(forms.Form):
    """Why somebody must see a person's values."""

    reason = forms.ChoiceField(
        choices=REASON_CHOICES, help_text="That you looked, and why, goes into the ledger."
    )
