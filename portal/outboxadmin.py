"""The outbox on its page and on the start page: what waits, what could not be sent, and trying that again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from portal import outbox
from portal.admin import PortalAdmin, moment, page_of, staff_user
from portal.errors import Refused
from portal.models import OutboxMessage, User
from portal.roles import ADMINISTRATOR, AUDITOR, SECURITY_OFFICER, has_role
from portal.startpage import Due, due_provider

FAULTS: Final = {
    "NobodyToInform": "Nobody who should be told has an e-mail address.",
    "WorkersDied": "Every worker that took it died.",
}


class StandingFilter(admin.SimpleListFilter):
    """What has become of the messages; answered by their partial indexes."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "Could not be sent"), ("waiting", "Waiting"), ("sent", "Sent")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.value() == "failed":
            return queryset.filter(outbox.FAILED)
        if self.value() == "waiting":
            return queryset.filter(work_due=True)
        return queryset.filter(sent_at__isnull=False) if self.value() == "sent" else queryset


@admin.register(OutboxMessage)
class OutboxAdmin(PortalAdmin[OutboxMessage]):
    """What waits to leave the portal, and what could not."""

    viewers = (SECURITY_OFFICER, ADMINISTRATOR, AUDITOR)
    client_path = ""
    list_display = ("created_at", "what", "about", "standing", "attempts", "why")
    list_filter = (StandingFilter,)
    ordering = ("-created_at",)
    actions = ("try_again",)
    fields = ("created_at", "what", "about", "standing", "attempts", "why")
    readonly_fields: ClassVar[Any] = ("what", "about", "standing", "why")

    def has_change_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        return False

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, SECURITY_OFFICER)

    @admin.display(description="Message")
    def what(self, message: OutboxMessage) -> str:
        return outbox.kind_of(message).says

    @admin.display(description="About")
    def about(self, message: OutboxMessage) -> str:
        url = page_of(outbox.kind_of(message).about, message.object_id)
        return format_html('<a href="{}">Open its page</a>', url) if url else "-"

    @admin.display(description="Standing")
    def standing(self, message: OutboxMessage) -> str:
        if message.sent_at:
            return f"Sent on {moment(message.sent_at)}"
        if not message.work_due:
            return "Could not be sent"
        return (
            f"Tried again on {moment(message.next_attempt_at)}" if message.last_fault else "Waiting"
        )

    @admin.display(description="Why")
    def why(self, message: OutboxMessage) -> str:
        return FAULTS.get(message.last_fault, message.last_fault) or "-"

    @admin.action(description="Try again", permissions=["try_again"])
    def try_again(self, request: HttpRequest, chosen: "QuerySet[OutboxMessage]") -> None:
        """Give the chosen messages that failed for good all of their attempts anew."""
        done, now = 0, timezone.now()
        for message in chosen:
            try:
                outbox.try_again(message, by=staff_user(request), now=now)
                done += 1
            except Refused as refusal:
                messages.error(request, refusal.sentence)
        if done:
            word = "message is" if done == 1 else "messages are"
            messages.success(request, f"{done} {word} tried again.")


@due_provider
def due(user: User, now: datetime) -> Iterator[Due]:
    """Messages that failed for good, for whoever can try them again."""
    if not has_role(user, SECURITY_OFFICER):
        return
    failed = OutboxMessage.objects.filter(outbox.FAILED).count()
    url = f"{reverse('admin:portal_outboxmessage_changelist')}?standing=failed"
    yield Due("fault", "Messages could not be sent", failed, url)
