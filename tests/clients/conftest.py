"""Pages are asked for without TLS and without collected static files."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def plain_http(settings: Settings, tmp_path: Path) -> None:
    """The production settings redirect to TLS and serve collected files."""
    settings.SECURE_SSL_REDIRECT = False
    settings.STATIC_ROOT = str(tmp_path)
