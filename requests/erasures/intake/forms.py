"""The form that takes the file of an erasure."""

from django import forms

from requests.erasures.forms import UnderInstruction


class LogFileForm(UnderInstruction):
    """The client's instruction and the file that names whom to erase."""

    file = forms.FileField(
        help_text="CSV with a header, text in columns, or NDJSON. It is sealed while it arrives, and destroyed "
        "when the erasure is sealed or closed without.",
        error_messages={
            "required": "Choose the file.",
            "empty": "The file is empty. Choose a file with rows in it.",
        },
    )
