"""What holds for every model."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.db import connection, models
from django.db.models import Q

from portal.personal import subject_column
from portal.retire import retiring_models
from portal.sealed import RETIRED

OURS = (
    "portal",
    "vault",
    "ledger",
    "cases",
    "correspondence",
    "access",
    "clients",
    "consumers",
    "requests",
)


def our_models() -> list[type[models.Model]]:
    """The project's own models without history tables, which copy what a constrained row held."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in OURS and not hasattr(model, "instance_type")
    ]


def pairs_of(
    model: type[models.Model],
) -> Iterator[tuple[models.Field[Any, Any], models.Field[Any, Any]]]:
    """The (x_at, x_by) pairs of a model."""
    fields = {field.name: field for field in model._meta.get_fields() if hasattr(field, "column")}
    for name, field in fields.items():
        other = fields.get(re.sub("_at$", "_by", name)) if name.endswith("_at") else None
        if other is not None:
            yield field, other  # type: ignore[misc]


def holds_pair(model: type[models.Model], at: str, by: str) -> bool:
    """Whether one check constraint of the model names both columns as null and as not null."""
    wanted = {(f"{name}__isnull", value) for name in (at, by) for value in (True, False)}
    return any(
        wanted <= set(leaves(constraint.condition))
        for constraint in model._meta.constraints
        if isinstance(constraint, models.CheckConstraint) and isinstance(constraint.condition, Q)
    )


def leaves(condition: Q) -> Iterator[tuple[str, Any]]:
    """The (lookup, value) pairs of a condition."""
    for child in condition.children:
        if isinstance(child, Q):
            yield from leaves(child)
        elif isinstance(child, tuple):
            yield child


def test_every_pair_of_when_and_who_is_held_together_by_the_database() -> None:
    strays, seen = [], 0
    for model in our_models():
        for at, by in pairs_of(model):
            seen += 1
            # Two columns that can never be empty need no constraint to be filled together.
            if (at.null or by.null) and not holds_pair(model, at.name, by.name):
                strays.append(f"{model._meta.label}: {at.name} and {by.name}")
    assert seen
    assert strays == []


def test_the_search_for_pairs_finds_a_stray() -> None:
    class Stray(models.Model):
        closed_at = models.DateTimeField(null=True)
        closed_by = models.CharField(max_length=8, null=True)

        class Meta:
            app_label = "strays"

        def __str__(self) -> str:
            return "stray"

    try:
        assert [(at.name, by.name) for at, by in pairs_of(Stray)] == [("closed_at", "closed_by")]
        assert not holds_pair(Stray, "closed_at", "closed_by")
    finally:
        apps.all_models["strays"].clear()


@pytest.mark.django_db(databases=["default", "vault"])
def test_every_table_of_a_client_carries_the_client_in_its_key() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(a.attname::text) FROM pg_index i "
            "JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey) "
            "WHERE i.indisprimary GROUP BY c.relname"
        )
        keys = dict(cursor.fetchall())
    without = [
        model._meta.label
        for model in apps.get_app_config("consumers").get_models()
        if not hasattr(model, "instance_type")
        and subject_column(model)
        and "client_id" not in keys[model._meta.db_table]
    ]
    assert without == []


def test_the_sweep_has_an_index_on_every_model_whose_rows_are_retired() -> None:
    models_found = retiring_models()
    assert models_found
    assert [
        model._meta.label
        for model in models_found
        if not any(index.condition == RETIRED for index in model._meta.indexes)
    ] == []


def test_the_projects_own_checks_find_nothing() -> None:
    assert [found for found in checks.run_checks() if (found.id or "").startswith("portal.")] == []
