"""Keeps the vault's tables on the database "vault" and everything else off it."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

ALIAS = "vault"


class VaultRouter:
    """The vault has a database of its own, because it is never restored from a backup."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == ALIAS else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == ALIAS else None

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:
        labels = {one._meta.app_label, other._meta.app_label}
        return None if ALIAS not in labels else labels == {ALIAS}

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if app_label == ALIAS:
            return db == ALIAS
        return False if db == ALIAS else None
