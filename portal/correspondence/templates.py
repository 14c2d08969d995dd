"""The texts of the purposes in the database, version by version."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from portal import ledger
from portal.correspondence import placeholders
from portal.correspondence.models import TemplateVersion
from portal.correspondence.purposes import Purpose, purpose, purposes
from portal.errors import Refused
from portal.models import User
from portal.roles import SECURITY_OFFICER, check_role


def current(code: str) -> TemplateVersion:
    """The newest version of a purpose; its default text becomes version 1 where nobody has written one."""
    found = TemplateVersion.objects.filter(purpose=code).order_by("-number").first()
    return found or _first(purpose(code))


def _first(of: Purpose) -> TemplateVersion:
    version, _ = TemplateVersion.objects.get_or_create(
        purpose=of.code,
        number=1,
        defaults={
            "subject": of.default_subject,
            "body": of.default_body,
            "made_at": timezone.now(),
            "made_by": User.objects.system(),
        },
    )
    return version


def sync() -> None:
    """Write version 1 of every purpose that has none. Idempotent."""
    for one in purposes():
        current(one.code)


def check_text(code: str, subject: str, body: str) -> None:
    """Raise Refused with what to do where a text cannot be a version of the purpose."""
    of = purpose(code)
    for text in (subject, body):
        placeholders.check(text, of.placeholders)
    if not subject.strip() or not body.strip():
        raise Refused("A template needs a subject and a text.", code="empty")
    missing = sorted(of.required - placeholders.names_in(subject + body))
    if missing:
        named = ", ".join(f"{{{name}}}" for name in missing)
        raise Refused(f"This letter must say {named}.", code="required")


def write(code: str, *, subject: str, body: str, by: User, now: datetime) -> TemplateVersion:
    """Write a new version; letters that are drafted from now on use it. Raises Refused."""
    check_role(by, SECURITY_OFFICER)
    check_text(code, subject, body)
    with transaction.atomic():
        current(code)
        rows = TemplateVersion.objects.select_for_update().filter(purpose=code)
        newest = max(row.number for row in rows)
        version = TemplateVersion.objects.create(
            purpose=code,
            number=newest + 1,
            subject=subject.strip(),
            body=body.strip(),
            made_at=now,
            made_by=by,
        )
        ledger.record(
            verb="template.write",
            by=by,
            object_kind=TemplateVersion._meta.label_lower,
            object_id=version.pk,
            now=now,
        )
    return version


def preview(code: str, subject: str, body: str) -> tuple[str, str]:
    """Subject and text filled with the purpose's samples. Raises Refused."""
    check_text(code, subject, body)
    samples = purpose(code).placeholders
    return placeholders.fill(subject, samples), placeholders.fill(body, samples)
