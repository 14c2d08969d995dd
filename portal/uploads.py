"""Uploads are sealed while they arrive (placeholder until the streams land)."""

from django.core.files.uploadhandler import MemoryFileUploadHandler


class SealedUploadHandler(MemoryFileUploadHandler):
    """See docs."""
