"""Handing out a file of a case."""

from datetime import datetime
from uuid import UUID

from django.http import FileResponse, Http404

from portal.cases import files
from portal.cases.models import Case, CaseFile
from portal.cases.verbs import record_verb
from portal.models import User


def download(case: Case, file_id: UUID, *, by: User, now: datetime) -> FileResponse:
    """The file, opened in memory; 404 where it is another case's or was erased. Writes a leaf.

    It is always an attachment of an inert type, so that no file of a stranger runs in a browser here.
    """
    row = CaseFile.objects.filter(client_id=case.client_id, case_id=case.pk, pk=file_id).first()
    if row is None or row.sealed is None:
        raise Http404
    name = row.unseal_content().get("name", "file")
    content = files.open_content(row)
    record_verb(case, "read_file", by=by, now=now)
    response = FileResponse(
        content, as_attachment=True, filename=name, content_type="application/octet-stream"
    )
    response["Cache-Control"] = "no-store"
    return response
