"""The forms of the second step and of the audit trail."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms

from portal.access.review import Clients
from portal.access.trail import Question
from portal.ledger.models import Outcome
from portal.models import User


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


class TrailForm(forms.Form):
    """What to look for in the audit trail. None of it is personal, so that a search can be kept as a link."""

    actor = forms.ModelChoiceField(
        User.objects.order_by("username"), label="Who", required=False, empty_label="Everybody"
    )
    verb = forms.RegexField(
        r"^[a-z_]+(\.[a-z_]+)?$",
        required=False,
        max_length=60,
        help_text="Such as erasure.approve, or erasure for all that is done to erasures.",
    )
    outcome = forms.ChoiceField(choices=[("", "Any"), *Outcome.choices], required=False)
    reference = forms.CharField(
        label="Case", required=False, max_length=20, help_text="Such as ER-2026-000001."
    )
    client = forms.ChoiceField(required=False)
    begin = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    end = forms.DateField(
        label="To, inclusive", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        clients = [(str(pk), name) for pk, name in Clients.named(user)]
        self.fields["client"].choices = [("", "Any"), *clients]  # type: ignore[attr-defined]

    def question(self) -> Question:
        """The valid form as a question; days are those of UTC, as the ledger's times are."""
        given = self.cleaned_data
        return Question(
            actor=given["actor"].pk if given["actor"] else None,
            verb=given["verb"],
            outcome=given["outcome"],
            reference=given["reference"].strip(),
            client=UUID(given["client"]) if given["client"] else None,
            begin=_midnight(given["begin"]) if given["begin"] else None,
            end=_midnight(given["end"] + timedelta(days=1)) if given["end"] else None,
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
