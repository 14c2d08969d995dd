"""Forms of letters and templates. They check what can be typed; the verbs decide."""

from typing import Any

from django import forms

from portal.correspondence.models import Letter
from portal.correspondence.purposes import Party

OFF = {"autocomplete": "off"}


class TemplateForm(forms.Form):
    """The text of a new version."""

    subject = forms.CharField(max_length=200)
    body = forms.CharField(
        label="Text",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 18}),
        help_text="A blank line begins a new paragraph.",
    )


class LetterForm(forms.Form):
    """A draft: whom it goes to, its subject and its text."""

    name = forms.CharField(max_length=120, required=False, widget=forms.TextInput(attrs=OFF))
    email = forms.EmailField(
        label="E-mail address", required=False, widget=forms.EmailInput(attrs=OFF)
    )
    address = forms.CharField(
        label="Address for the post",
        required=False,
        max_length=600,
        widget=forms.Textarea(attrs={"rows": 4, **OFF}),
        help_text="A line each, as it stands on the envelope below the name.",
    )
    subject = forms.CharField(max_length=200, widget=forms.TextInput(attrs=OFF))
    body = forms.CharField(
        label="Text", max_length=20_000, widget=forms.Textarea(attrs={"rows": 16, **OFF})
    )

    def __init__(self, *args: Any, way: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["address" if way == Letter.Way.EMAIL else "email"]

    @property
    def party(self) -> Party:
        """Whom the letter goes to, as typed."""
        lines = self.cleaned_data.get("address", "").splitlines()
        return Party(
            self.cleaned_data["name"].strip(),
            self.cleaned_data.get("email", ""),
            tuple(line.strip() for line in lines if line.strip()),
        )


def initial_of(content: dict[str, Any]) -> dict[str, str]:
    """The form's first values from a letter's unsealed content."""
    name, email, lines = content.get("to", ["", "", []])
    return {
        "name": name,
        "email": email,
        "address": "\n".join(lines),
        "subject": content.get("subject", ""),
        "body": content.get("body", ""),
    }
