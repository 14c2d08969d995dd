"""Who may send a file: decided before the first byte of it is read.

Django reads a form, and with it the files in it, when the first piece of code asks for `request.POST`; that
is the CSRF check, long before the view asks who is there. So:

- A file is refused everywhere by default (`FILE_UPLOAD_HANDLERS`), whoever sends it.
- A page that takes files says so by its `uploads` attribute. `upload_gate`, which stands before the CSRF
  check, opens it to a member of staff with one of the page's roles, and up to the page's size.
- Whatever was sealed and not kept is removed when the request ends, however it ends.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.template.defaultfilters import filesizeformat

from portal.errorpages import bad_request
from portal.roles import ALL_ROLES, has_role
from portal.uploads import SealedUpload

FORM_ROOM = 1024**2
"""What the other fields of a form may take, in bytes, beside its file."""


@dataclass(frozen=True)
class UploadPage:
    """A page that takes files: from whom, and up to how many bytes each."""

    roles: frozenset[str]
    largest: int


Uploads = Callable[[Mapping[str, Any]], UploadPage | None]
"""The `uploads` attribute of a view: called with the arguments in its address. None: it takes no file there."""


def at_any_address(roles: frozenset[str], size: Callable[[], int]) -> Uploads:
    """The `uploads` of a view that takes files whatever its arguments are."""

    def page(kwargs: Mapping[str, Any]) -> UploadPage:
        return UploadPage(roles, size())

    return page


class UploadRefused(MultiPartParserError):
    """A file is not taken. `sentence` tells why; the page that says so has `status`."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


def too_large(largest: int) -> UploadRefused:
    """The refusal of a file of more than `largest` bytes."""
    limit = filesizeformat(largest).replace("\xa0", " ")
    return UploadRefused(
        f"This page takes files of up to {limit}. Go back and choose a smaller one.", 413
    )


class RefusingHandler(FileUploadHandler):
    """Takes no file. A form without one passes."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise UploadRefused(
            "No file is taken here, or not from your role. Nothing of it was stored.", 403
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never called: the file was refused before its first byte."""

    def file_complete(self, file_size: int) -> None:
        """Never called, likewise."""


class SealedUploadHandler(FileUploadHandler):
    """Hands each file to a `SealedUpload`, and refuses one of more than `largest` bytes."""

    def __init__(self, request: HttpRequest, largest: int) -> None:
        super().__init__(request)
        self.largest = largest
        self.uploads: list[SealedUpload] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        kind = self.content_type or "application/octet-stream"
        self.uploads.append(SealedUpload(self.file_name or "file", kind, self.charset))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > self.largest:
            raise too_large(self.largest)
        self.uploads[-1].receive(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[Any]":
        self.uploads[-1].finish(file_size)
        return self.uploads[-1]

    def discard(self) -> None:
        """Remove what nobody kept: the rest of an upload that was cut off, and files of a refused form."""
        for upload in self.uploads:
            upload.close()


def evidence_size() -> int:
    """The largest file of evidence, in bytes."""
    return int(settings.EVIDENCE_MAX_BYTES)


def takes_files(form: type[forms.Form] | None) -> bool:
    """Whether a form has a field for a file. Such fields are declared in the class."""
    if form is None:
        return False
    return any(isinstance(field, forms.FileField) for field in form.base_fields.values())


class upload_gate:  # noqa: N801  (named like a middleware function, but needs process_view)
    """Lets files in for those who may send them to this page. Stands before the CSRF check."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            for handler in request.upload_handlers:
                if isinstance(handler, SealedUploadHandler):
                    handler.discard()

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: Mapping[str, Any]
    ) -> HttpResponse | None:
        page = _page_of(view, kwargs)
        if page is None or not _may_hold_files(request):
            return None
        if not has_role(request.user, *ALL_ROLES):
            return redirect_to_login(request.get_full_path())
        if not has_role(request.user, *page.roles):
            return (
                None  # A form without a file passes, and the view says what it says to this role.
            )
        if _length_of(request) > page.largest + FORM_ROOM:
            return bad_request(request, too_large(page.largest))
        request.upload_handlers = [SealedUploadHandler(request, page.largest)]
        return None


def _page_of(view: object, kwargs: Mapping[str, Any]) -> UploadPage | None:
    uploads: Uploads | None = getattr(view, "uploads", None)
    return uploads(kwargs) if uploads else None


def _may_hold_files(request: HttpRequest) -> bool:
    return request.method == "POST" and request.content_type == "multipart/form-data"


def _length_of(request: HttpRequest) -> int:
    """The length that the sender tells. It is not trusted: the handler counts for itself."""
    with suppress(ValueError):
        return int(request.META.get("CONTENT_LENGTH") or 0)
    return 0
