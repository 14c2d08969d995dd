"""Forms for catalog suppressions."""

from django import forms

from portal.admin import VerbForm


class ViolationForm(VerbForm):
    """What came although it should not."""

    text = forms.CharField(
        label="Which catalog, and when",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=4000,
        help_text="Stored sealed.",
    )
