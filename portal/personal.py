"""What is personal, declared once, where the field is.

Invariants:
- Every field of every model is declared: `plain(...)` or `personal(...)`. `manage.py check` refuses the rest.
- Whatever erases, exports, previews, sweeps or maps personal data reads these declarations; there is no
  second list.
- Fields of other people's models (Django's log, sessions) are declared in `FOREIGN`, because we cannot
  write at their definition.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from django.apps import apps
from django.db import models

AnyField = TypeVar("AnyField", bound="models.Field[Any, Any]")


class Category(StrEnum):
    """The policy's categories of personal data (policy, "What information we collect")."""

    NAME = "name"
    EMAIL = "e-mail"
    ADDRESS = "mailing address"
    TELEPHONE = "telephone"
    DEMOGRAPHICS = "demographics"
    BIRTHDAY = "birthday"
    PURCHASES = "purchase history"
    WEB_HISTORY = "web history"
    PREFERENCES = "communication preferences"
    FREE_TEXT = "free text about a person"
    IDENTIFIER = "identifier"
    STAFF = "staff"


class Fate(StrEnum):
    """What erasure does to a field."""

    NULLIFY = "nullify"
    DELETE_ROW = "delete the row"
    COARSEN = "coarsen"
    KEEP = "keep"


@dataclass(frozen=True)
class Declaration:
    """What one field holds. `categories` is empty where the field is not personal."""

    categories: tuple[Category, ...] = ()
    fate: Fate = Fate.KEEP
    label: str = ""
    reason: str = ""
    sealed: bool = False

    @property
    def is_personal(self) -> bool:
        return bool(self.categories)


PLAIN = Declaration()


def plain(field: AnyField) -> AnyField:
    """Declare a field that says nothing about a consumer."""
    field.personal = PLAIN  # type: ignore[attr-defined]
    return field


def personal(
    field: AnyField,
    *categories: Category,
    fate: Fate = Fate.NULLIFY,
    label: str,
    reason: str = "",
    sealed: bool = False,
) -> AnyField:
    """Declare a personal field with its categories, its fate on erasure and its Fides taxonomy label.

    `sealed` says that the value is ciphertext or a keyed digest and never plaintext.
    A fate of KEEP needs a reason, which the certificate and the data map repeat.
    """
    if not categories:
        raise ValueError("A personal field names at least one category.")
    if fate is Fate.KEEP and not reason:
        raise ValueError("A personal field that survives erasure says why.")
    field.personal = Declaration(categories, fate, label, reason, sealed)  # type: ignore[attr-defined]
    return field


STAFF_FIELD = Declaration(
    (Category.STAFF,), Fate.KEEP, "user.account", "a member of staff, not a consumer"
)

FOREIGN: Mapping[str, Mapping[str, Declaration]] = {
    "portal.User": dict.fromkeys(
        ("username", "first_name", "last_name", "email", "password"), STAFF_FIELD
    ),
    "admin.LogEntry": {},
    "auth.Group": {},
    "auth.Permission": {},
    "contenttypes.ContentType": {},
    "sessions.Session": {},
}
"""Models (and inherited fields) of other packages. A field not named here is plain: the admin's log
keeps references only, and a session keeps the id of a member of staff."""


def declaration(field: "models.Field[Any, Any]") -> Declaration | None:
    """What `field` was declared as, or None where nobody has declared it."""
    declared = getattr(field, "personal", None)
    if isinstance(declared, Declaration):
        return declared
    foreign = FOREIGN.get(field.model._meta.label)
    if foreign is not None:
        return foreign.get(field.name, PLAIN)
    original = _original(field.model)
    if original is None:
        return None
    if field.name.startswith("history_"):
        return PLAIN
    # The history library builds foreign keys anew and so loses what was declared on the original.
    return declaration(original._meta.get_field(field.name))  # type: ignore[arg-type]


def _original(model: type[models.Model]) -> type[models.Model] | None:
    """The model whose history `model` keeps, or None where it is no history table."""
    original: type[models.Model] | None = getattr(model, "instance_type", None)
    return original


def is_history(model: type[models.Model]) -> bool:
    """Whether `model` is a history table."""
    return _original(model) is not None


def subject_column(model: type[models.Model]) -> str:
    """The column of `model` that names the consumer, or an empty string where its rows belong to nobody."""
    column: str = getattr(_original(model) or model, "data_subject", "")
    return column


def fields_of(model: type[models.Model]) -> "Iterator[models.Field[Any, Any]]":
    """The columns of `model` (many-to-many tables are models of their own)."""
    for field in model._meta.get_fields(include_hidden=True):
        if isinstance(field, models.Field) and field.concrete and not field.many_to_many:
            yield field


def personal_fields(
    model: type[models.Model],
) -> "list[tuple[models.Field[Any, Any], Declaration]]":
    """The personal columns of `model` with their declarations."""
    found = []
    for field in fields_of(model):
        declared = declaration(field)
        if declared is not None and declared.is_personal:
            found.append((field, declared))
    return found


def subject_models() -> list[type[models.Model]]:
    """Every model, history tables too, whose rows belong to one consumer (its `data_subject` column)."""
    return [model for model in apps.get_models() if subject_column(model)]


def searchable_columns() -> "Iterator[tuple[type[models.Model], models.Field[Any, Any]]]":
    """Every column in which a person's value could stand by mistake: all text, JSON and binary columns."""
    kinds = (models.CharField, models.TextField, models.JSONField, models.BinaryField)
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            for field in fields_of(model):
                if isinstance(field, kinds):
                    yield model, field
