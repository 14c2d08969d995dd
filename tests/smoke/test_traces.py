"""What looks for traces finds each form of a value, and takes nothing else for one."""

import base64
import io
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.smoke import traces
from tests.smoke.traces import Traces

NAME = "Zoë Quackenwhistle"
LOOKED_FOR = Traces(
    {"name": NAME, "number": "19310829", "digest": "ab12cd34ef"}, {"key": b"\0\xffKEY\x80"}
)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (f"Dear {NAME},".encode(), "text"),
        (NAME.upper().encode(), "text"),
        (NAME.lower().encode(), "text"),
        (quote(f"?q={NAME}").encode(), "escaped"),
        (json.dumps({"name": NAME}).encode(), "escaped"),
        (f"x{NAME}".encode("utf-16-le"), "utf-16"),
        (NAME.encode("utf-16-be"), "utf-16"),
        (b"\\\\x" + f"a {NAME}".encode().hex().encode(), "hex"),
        (NAME.encode().hex().upper().encode(), "hex"),
        *(
            (base64.b64encode(b"." * before + NAME.encode() + b"..."), "base64")
            for before in range(6)
        ),
        (base64.urlsafe_b64encode(b"." + NAME.upper().encode()), "base64"),
    ],
)
def test_every_form_is_found(content: bytes, form: str) -> None:
    assert LOOKED_FOR.in_bytes(content) == {f"name ({form})"}


def test_a_number_counts_by_itself_alone() -> None:
    assert LOOKED_FOR.in_bytes(b"born 19310829,") == {"number (text)"}
    assert LOOKED_FOR.in_bytes(b"119310829 193108290 a19310829 19310829f") == set()


def test_raw_bytes_are_found_as_they_are() -> None:
    assert LOOKED_FOR.in_bytes(b"..\0\xffKEY\x80..") == {"key"}
    assert LOOKED_FOR.in_bytes(b"..\0\xffkey\x80..") == set()


@pytest.mark.parametrize("before", [0, 91, 100, 111, 300])
def test_nothing_is_missed_where_two_pieces_meet(
    before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "_CHUNK", 100)
    content = b"\xfe" * before + NAME.encode() + b"\0\xffKEY\x80" + b"\xfe" * 5
    assert LOOKED_FOR.in_stream(io.BytesIO(content)) == {"name (text)", "key"}


def test_files_are_named_by_their_place_and_their_names_are_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "one").write_bytes(b"ab12cd34ef")
    (folder / f"{NAME}.txt").write_bytes(b"")
    (folder / "three").write_bytes(b"nothing")
    found = LOOKED_FOR.in_folder(tmp_path)
    assert found == {"a/one": {"digest (text)"}, f"a/{NAME}.txt": {"name (text)"}}


def test_a_value_that_says_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match="town is too short"):
        Traces({"town": "Ely"})
