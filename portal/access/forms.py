"""The forms of the second step."""

from typing import Any

from django import forms


class OneTimeInput(forms.TextInput):
    """A field that never shows again what was typed into it."""

    def format_value(self, value: Any) -> None:
        return None


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
        widget=OneTimeInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )

    def clean_code(self) -> str:
        """Spaces are how apps show codes, and no part of them."""
        return "".join(str(self.cleaned_data["code"]).split())


class FirstCodeForm(CodeForm):
    """The first code of an app that has just been set up."""

    code = forms.CharField(
        label="The code that the app shows now",
        max_length=12,
        widget=OneTimeInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )
