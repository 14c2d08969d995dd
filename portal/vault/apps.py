"""The vault as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """Keys of consumers, and nothing about the consumers themselves."""

    name = "portal.vault"
    label = "vault"
    verbose_name = "vault"
