"""Filters of changelists that ask no query to know their choices."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.cases.states import StateTable


class StateFilter(admin.SimpleListFilter):
    """The states of a kind of case. A filter on the plain column would run SELECT DISTINCT."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        table: StateTable = model_admin.model.TABLE
        return table.choices

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(state=self.value()) if self.value() else queryset
