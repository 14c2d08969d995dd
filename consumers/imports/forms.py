"""The forms of an import: whose file it is, and what its columns mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms

from clients.access import visible_clients
from clients.models import Client
from consumers import mapping as mappings
from consumers import sensitive
from consumers.imports.models import ImportJob
from portal.models import User

LEFT_OUT = ("", "Leave out")
ATTRIBUTE_NAMES = {
    "external_id": "External id",
    "email": "E-mail",
    "full_name": "Full name",
    "street": "Street",
    "street2": "Street, second line",
    "full_address": "Full address in one column",
    "locality": "Town",
    "region": "State or region",
    "birthday": "Date of birth",
    "url": "Address of the page",
}


class UploadForm(forms.Form):
    """A file, what it holds and whose it is. Only the user's own clients can be chosen."""

    client = forms.ModelChoiceField(Client.objects.none(), empty_label="Choose a client")
    kind = forms.ChoiceField(label="What the file holds", choices=ImportJob.Kind.choices)
    file = forms.FileField(
        help_text="CSV with a header, text in columns, or NDJSON, of any size. It is sealed while it "
        "arrives and removed when the import has ended.",
        error_messages={
            "required": "Choose the file.",
            "empty": "The file is empty. Choose a file with rows in it.",
        },
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["client"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        field.queryset = visible_clients(user).filter(ended_at__isnull=True)
        if field.queryset.count() == 1:
            field.initial, field.empty_label = field.queryset.get(), None


class MappingForm(forms.Form):
    """A choice of attribute for each welcome column, and how values are read.

    The fields are numbered by the column's place, so that no name of a column becomes one of a field.
    """

    day_first = forms.TypedChoiceField(
        label="Dates such as 03/04/1948",
        choices=[("no", "Month first: 4 March"), ("yes", "Day first: 3 April")],
        coerce=lambda chosen: chosen == "yes",
    )
    decimal_comma = forms.TypedChoiceField(
        label="Numbers",
        choices=[("no", "1,204.50"), ("yes", "1.204,50")],
        coerce=lambda chosen: chosen == "yes",
    )
    country = forms.CharField(
        label="Default country",
        max_length=2,
        help_text="ISO code of two letters, for rows that name none.",
    )
    currency = forms.CharField(
        max_length=3, help_text="ISO code of three letters, for amounts that name none."
    )

    def __init__(
        self,
        *args: Any,
        headers: Sequence[str],
        refused: Iterable[str],
        suggested: mappings.Mapping,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.headers, self.refused, self.suggested = headers, frozenset(refused), suggested
        self.place_of = {h: f"column-{n}" for n, h in enumerate(headers) if h not in self.refused}
        for header, name in self.place_of.items():
            chosen = suggested.columns.get(header, "")
            self.fields[name] = forms.ChoiceField(
                label=f"What {header} means",
                required=False,
                choices=choices(suggested.kind, header, chosen),
                initial=chosen,
            )
        self._offer_options()

    def _offer_options(self) -> None:
        """Only what the kind of file needs is asked."""
        for name in ("day_first", "decimal_comma"):
            self.fields[name].initial = "yes" if getattr(self.suggested, name) else "no"
        for name in ("country", "currency"):
            self.fields[name].initial = getattr(self.suggested, name)
        if self.suggested.kind != mappings.PURCHASES:
            del self.fields["decimal_comma"], self.fields["currency"]

    @property
    def options(self) -> list[forms.BoundField]:
        """The fields that are no columns, in their order."""
        return [field for field in self if not field.name.startswith("column-")]

    def column(self, header: str) -> forms.BoundField | None:
        """The select of a column, or None where the column is refused."""
        name = self.place_of.get(header)
        return self[name] if name else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            cleaned["mapping"] = self._mapping(cleaned)
            for sentence in mappings.problems(cleaned["mapping"], self.headers):
                self.add_error(None, sentence)
        return cleaned

    def _mapping(self, cleaned: Mapping[str, Any]) -> mappings.Mapping:
        chosen = {header: cleaned[name] for header, name in self.place_of.items() if cleaned[name]}
        given = {
            name: cleaned[name] for name in ("day_first", "decimal_comma") if name in cleaned
        } | {name: cleaned[name].upper() for name in ("country", "currency") if name in cleaned}
        return replace(self.suggested, columns=chosen, **given)


def attribute_name(attribute: str) -> str:
    """An attribute as staff read it."""
    if attribute.startswith("opt_in."):
        return f"Opted in: {attribute.removeprefix('opt_in.')}"
    if attribute.startswith(mappings.DEMOGRAPHIC):
        return f"Demographic: {attribute.removeprefix(mappings.DEMOGRAPHIC)}"
    return ATTRIBUTE_NAMES.get(attribute, attribute.replace("_", " ").capitalize())


def choices(kind: str, header: str, chosen: str = "") -> list[tuple[str, str]]:
    """What a column can mean. A consumer's column may be kept under its own name, as a demographic."""
    offered = list(mappings.attributes(kind))
    if kind == mappings.CONSUMERS and (name := sensitive.words(header).replace(" ", "_")):
        offered.append(mappings.DEMOGRAPHIC + name)
    if chosen and chosen not in offered:
        offered.append(chosen)
    return [LEFT_OUT, *((attribute, attribute_name(attribute)) for attribute in offered)]


class InformedForm(forms.Form):
    """The word of a member of staff that the client was told."""

    confirmed = forms.BooleanField(
        label="I have informed the client, and asked that this data be sent no more.",
        error_messages={"required": "Tick the box once the client was informed."},
    )
