"""Codes of the program as words for staff."""

from functools import cache

from django import template
from django.apps import apps
from django.utils.text import capfirst

register = template.Library()
ADDED = "_added"
"""The end of a count's name that says that rows came to a table instead of going from it."""


@register.filter
def deed(verb: str) -> str:
    """The verb of a leaf: "instruction.check_authority" as "Check authority"."""
    return str(capfirst(words(verb.rpartition(".")[2])))


@register.filter
def words(code: str) -> str:
    """A code as words: "nobody_named" as "nobody named"; a table by the name of what it holds."""
    table = code.removesuffix(ADDED)
    name = _tables().get(table)
    if name is None:
        return code.replace("_", " ")
    return f"{name}: note of the erasure" if code.endswith(ADDED) else name


@cache
def _tables() -> dict[str, str]:
    """What the rows of each table are called."""
    return {
        model._meta.db_table: str(model._meta.verbose_name)
        for model in apps.get_models(include_auto_created=True)
    }
