"""Staff, and the tables that every app shares."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from portal.ids import new_id
from portal.personal import plain
from portal.work import LeasedWork


class StaffManager(UserManager["User"]):
    """The staff, and the one actor that is nobody: the schedule."""

    def system(self) -> "User":
        """The actor of scheduled work. It cannot log in."""
        user, _ = self.get_or_create(
            username="system",
            defaults={"is_system": True, "is_active": False, "password": "!"},
        )
        return user


class User(AbstractUser):
    """A member of staff. Roles are groups (see `portal.roles`)."""

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    is_system = plain(models.BooleanField(default=False, editable=False))

    objects: ClassVar[StaffManager] = StaffManager()

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        # A superuser would pass every permission check without a role; here only roles decide.
        self.is_superuser = False
        super().save(*args, **kwargs)


class OutboxMessage(LeasedWork):
    """Something that must happen outside the database, written in the transaction that decided it.

    It carries the kind and the id of the object it is about, and nothing else.
    """

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    kind = plain(models.CharField(max_length=60))
    object_id = plain(models.UUIDField())
    created_at = plain(models.DateTimeField())
    sent_at = plain(models.DateTimeField(null=True))

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=models.Q(work_due=True),
                name="outbox_due",
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(work_due=False, sent_at__isnull=True),
                name="outbox_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class JournalMark(models.Model):
    """A line of the erasure journal that this database knows of (see `portal.restore`)."""

    number = plain(models.BigIntegerField(primary_key=True))
    at = plain(models.DateTimeField())

    def __str__(self) -> str:
        return f"journal line {self.number}"
