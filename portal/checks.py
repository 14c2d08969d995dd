"""System checks: what would be a silent mistake in a portal that must not make any."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, register

from portal.personal import declaration, fields_of, subject_column


@register()
def every_field_is_declared(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """portal.E001: a field that nobody has declared as plain or personal."""
    return [
        Error(
            f"{model._meta.label}.{field.name} is declared neither plain nor personal.",
            hint="Wrap the field in portal.personal.plain() or personal() where it is defined.",
            obj=model,
            id="portal.E001",
        )
        for model in apps.get_models()
        if model._meta.managed
        for field in fields_of(model)
        if declaration(field) is None
    ]


@register()
def subject_column_exists(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """portal.E002: a model names a data_subject column that it does not have."""
    found: list[CheckMessage] = []
    for model in apps.get_models():
        column = subject_column(model)
        names = {field.column for field in fields_of(model)}
        if column and not {column, "client_id"} <= names:
            found.append(
                Error(
                    f"{model._meta.label} names the data subject by {column!r}, but lacks it or client_id.",
                    hint="Every personal table carries client_id and the column that names the person.",
                    obj=model,
                    id="portal.E002",
                )
            )
    return found


@register()
def reach_is_known(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """portal.E003: nobody has told the admin which client's rows are whose, so that its lists stay empty."""
    from portal.admin import PortalAdminSite

    if PortalAdminSite.within_reach is not None:
        return []
    return [
        Error(
            "PortalAdminSite.within_reach is not set.",
            hint="The app that knows the clients sets it when it is ready (clients.apps).",
            id="portal.E003",
        )
    ]


@register()
def lists_ask_for_reach(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """portal.E004: an admin class that would show every client's rows to everybody who opens its list."""
    from django.contrib import admin

    from portal.admin import PortalAdmin

    return [
        Error(
            f"{type(found).__name__} lists {model._meta.label} without regard to the client.",
            hint="Derive it from portal.admin.PortalAdmin and name the client's column in client_path.",
            obj=type(found),
            id="portal.E004",
        )
        for model, found in admin.site._registry.items()
        if any(field.attname == "client_id" for field in model._meta.fields)
        if not (isinstance(found, PortalAdmin) and found.client_path)
    ]


@register()
def mailbox_url_is_one(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """portal.E005: PRIVACY_IMAP_URL names no mailbox."""
    from django.conf import settings

    from portal.correspondence.imap import BadUrl, address

    try:
        if settings.PRIVACY_IMAP_URL:
            address()
    except BadUrl as fault:
        hint = "imaps://user:password@host/folder; see docs/operating/mail.md."
        return [Error(str(fault), hint=hint, id="portal.E005")]
    return []
