"""No room imports from a room that stands on it, and the name of our package is ours alone."""

import ast
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from django.conf import settings

BASE = Path(settings.BASE_DIR)
ROOMS = {
    "portal": {"portal"},
    "clients": {"portal", "clients"},
    "consumers": {"portal", "clients", "consumers"},
    "requests": {"portal", "clients", "consumers", "requests"},
}
# They put the project together, and so name its apps.
MAY_NAME_ALL = {"portal/urls.py", "portal/settings.py"}


def imports_of(source: str) -> Iterator[str]:
    """The top-level packages that a module imports anywhere, within functions too, and by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif _is_import_by_name(node) and isinstance(node, ast.Call):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value.split(".")[0]


def _is_import_by_name(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not node.args:
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in ("import_module", "import_string", "__import__")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_rooms_it_stands_on(room: str) -> None:
    wrong = []
    files = list((BASE / room).rglob("*.py"))
    assert files
    for path in files:
        name = path.relative_to(BASE).as_posix()
        if name not in MAY_NAME_ALL:
            found = set(imports_of(path.read_text(encoding="utf-8"))) & set(ROOMS)
            wrong += [f"{name} imports {other}" for other in sorted(found - ROOMS[room])]
    assert wrong == []


def test_no_room_imports_from_the_tests() -> None:
    wrong = [
        path.name
        for room in ROOMS
        for path in (BASE / room).rglob("*.py")
        if "tests" in set(imports_of(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []


def test_the_search_for_imports_finds_every_form_of_them() -> None:
    source = (
        "import clients.x\nfrom consumers import y\n"
        "def f():\n    from requests.z import q\n    import_module('portal.a')\nfrom . import b\n"
    )
    assert set(imports_of(source)) == {"clients", "consumers", "requests", "portal"}


def test_the_http_library_of_our_packages_name_is_not_installed() -> None:
    # Looked up by distribution, because the import would find our own package.
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.distribution("requests")


def test_requests_is_our_package() -> None:
    import requests

    assert Path(requests.__file__ or "").parent == BASE / "requests"
