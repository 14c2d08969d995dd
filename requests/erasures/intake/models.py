"""The file of an erasure of many."""

from django.db import models
from django.db.models import Q

from portal import vault
from portal.cases import files
from portal.cases.models import CaseFile
from portal.ids import new_id
from portal.personal import plain
from requests.erasures.models import Erasure


class ErasureFile(models.Model):
    """A client's file that names whom to erase: how it is read, and how far it was.

    Its bytes are a file of the case (`content`), sealed under a key of its own. `rows_read` and `position` move
    on with the rows themselves, in one transaction; `position` is the byte after the last row that was read.
    """

    id = plain(models.UUIDField(primary_key=True, default=new_id, editable=False))
    client_id = plain(models.UUIDField())
    erasure = plain(
        models.OneToOneField(Erasure, models.CASCADE, related_name="file", db_constraint=False)
    )
    content = plain(
        models.OneToOneField(CaseFile, models.PROTECT, related_name="+", db_constraint=False)
    )
    digest = plain(models.CharField(max_length=64))
    mapping = plain(models.JSONField(default=dict))
    refused_columns = plain(models.JSONField(default=dict))
    position = plain(models.BigIntegerField(default=0))
    rows_read = plain(models.BigIntegerField(default=0))
    read_at = plain(models.DateTimeField(null=True))

    class Meta:
        indexes = [models.Index(fields=["client_id", "digest"], name="erasurefile_digest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(rows_read=0, position=0) | Q(rows_read__gt=0, position__gt=0),
                name="erasurefile_rows_have_a_place",
            ),
        ]

    def __str__(self) -> str:
        return f"File of {self.erasure}"


def destroy(erasure: Erasure) -> None:
    """Shred the key of the case's file, if it has one, and remove its bytes. Repeating it changes nothing."""
    file = file_of(erasure)
    if file is None:
        return
    content = file.content
    if content.key_ref is not None:
        vault.shred(content.client_id, [content.key_ref])
    files.remove_content(content)
    CaseFile.objects.filter(client_id=content.client_id, pk=content.pk).update(
        sealed=None, key_page=None, key_slot=None
    )


def file_of(erasure: Erasure) -> ErasureFile | None:
    """The file of an erasure of many, or None where its people were typed in."""
    found = ErasureFile.objects.filter(client_id=erasure.client_id, erasure_id=erasure.pk)
    return found.select_related("content").first()
