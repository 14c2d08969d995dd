"""Files are read in a stream, resumed at any row, and refused with a reason."""

import bz2
import contextlib
import gzip
import io
import itertools
import lzma
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.readers import LINE_LIMIT, FileFormat, FileRefused, Row, inspect, read
from tests.consumers.people import FILES, PURCHASES, find


def rows_of(content: bytes, **options: str) -> list[tuple[int, list[str], str]]:
    stream = io.BytesIO(content)
    file = inspect(stream, **options)
    return [(row.number, row.values, row.bad) for row in read(stream, file)]


def refusal(content: bytes, **options: str) -> str:
    with pytest.raises(FileRefused) as caught:
        rows_of(content, **options)
    assert "\n" not in caught.value.sentence
    assert caught.value.sentence.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(mark: str) -> None:
    content = f"a{mark}b\r\n1{mark}2\r\n".encode()
    file = inspect(io.BytesIO(content))
    assert (file.delimiter, file.headers, file.kind) == (mark, ("a", "b"), "csv")
    assert rows_of(content) == [(1, ["1", "2"], "")]


def test_headers_are_trimmed_and_a_byte_order_mark_is_no_part_of_them() -> None:
    content = b"\xef\xbb\xbf\n name , given name\n Alice , x \n"
    assert inspect(io.BytesIO(content)).headers == ("name", "given name")
    assert rows_of(content) == [(1, ["Alice ", "x "], "")]


def test_quoted_line_breaks_and_delimiters_stay_in_their_cell() -> None:
    assert rows_of(b'a,b\n"1\n2, 3",4\n5,6\n') == [(1, ["1\n2, 3", "4"], ""), (2, ["5", "6"], "")]


def test_a_row_of_another_width_is_marked_and_the_file_goes_on() -> None:
    assert rows_of(b"a,b\n1\n\n1,2,3\n1,2,,\n  \n4,5\n") == [
        (1, ["1"], "too_few_cells"),
        (2, ["1", "2", "3"], "too_many_cells"),
        (3, ["1", "2"], ""),
        (4, ["4", "5"], ""),
    ]


def test_blank_separated_text_is_read() -> None:
    content = b" customer_id  date number_of_cds\r\n 00001 19970101  1\r\n 00002 19970112 \r\n"
    assert inspect(io.BytesIO(content)).kind == "blanks"
    assert rows_of(content) == [
        (1, ["00001", "19970101", "1"], ""),
        (2, ["00002", "19970112"], "too_few_cells"),
    ]


def test_json_lines_are_read_with_nested_names() -> None:
    content = (
        b'{"name":"Alice","at":{"city":"Perth"},"n":1}\n\n{"name":null,"ok":true}\n'
        b'{"name":["x"]}\nnot json\n'
    )
    assert inspect(io.BytesIO(content)).headers == ("name", "at.city", "n", "ok")
    assert rows_of(content) == [
        (1, ["Alice", "Perth", "1", ""], ""),
        (2, ["", "", "", "true"], ""),
        (3, ["", "", "", ""], "nested"),
        (4, [], "syntax"),
    ]


def test_a_name_that_comes_late_marks_the_row_and_its_value_stays_for_the_scan() -> None:
    early = b'{"a":"1"}\n' * 30_000
    stream = io.BytesIO(early + b'{"a":"1","late":"2"}\n')
    *_, last = read(stream, inspect(stream))
    assert (last.number, last.values, last.bad) == (30_001, ["1", "2"], "unknown_name")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (b"\xff\xfea\x00", "utf_16"),
        (b"\xfe\xff\x00a", "utf_16"),
        ("id,name\n1,Alice\n".encode("utf-16-le"), "nul"),
        (gzip.compress(b"id,name\n1,Alice\n", mtime=0), "packed"),
        (bz2.compress(b"id,name\n1,Alice\n"), "packed"),
        (lzma.compress(b"id,name\n1,Alice\n"), "packed"),
        (b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "workbook"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "document"),
        (b"{\\rtf1\\ansi id,name}", "document"),
        (b'<?xml version="1.0"?>\n<people>', "markup"),
        (b"\n <!DOCTYPE html><table><tr>", "markup"),
        (b'[\n {"id": 1}\n]', "json_array"),
        (b'[{"id":1},{"id":2}]', "json_array"),
        (b'{\n "id": 1\n}\n', "no_header"),
        (b'id,"name\n1,Alice\n2,Bob\n', "no_header"),
        (b"id," + b"name " * 20 + b"\n1,Alice\n", "long_header"),
        (b'{"id":1,"' + b"n" * 81 + b'":2}\n', "long_header"),
        (b"id,na\xe2\x80\x8bme,name\n1,2,3\n", "duplicate_header"),
        (b"id,\x01\x02\n1,2\n", "blank_header"),
        (b",".join(b"c%d" % n for n in range(200_000)) + b"\n", "cell_too_long"),
        (b"a,b\n1,\xe9\n", "encoding"),
        (b"a,b\n1,\x00\n", "nul"),
        (b"a,A \n1,2\n", "duplicate_header"),
        (b"a,,b\n1,2,3\n", "blank_header"),
        (b"1,2\n3,4\n", "no_header"),
        (b"a\rb\r", "line_ends"),
        (",".join(f"c{i}" for i in range(501)).encode(), "too_many_columns"),
        (b"a,b\n1," + b"x" * 65_537 + b"\n", "cell_too_long"),
        (b'a,b\n1,"' + b"x,y\n" * 40_000, "cell_too_long"),
        (b"a,b\n1," + b"x" * 1_100_000, "cell_too_long"),
        (b'{"a":"' + b"x" * 1_100_000 + b'"}', "no_header"),
        (b"{}\n", "no_header"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_code(content: bytes, code: str) -> None:
    assert refusal(content) == code


def test_latin_1_is_read_where_it_is_asked_for() -> None:
    assert rows_of(b"a,b\n1,\xe9\n", encoding="latin-1") == [(1, ["1", "é"], "")]
    assert refusal(b"a,b\n", encoding="ebcdic") == "encoding"


def test_a_refusal_names_the_row_and_never_the_value() -> None:
    with pytest.raises(FileRefused, match="row 2") as caught:
        rows_of(b"a,b\nsecret,1\nsecret,\xe9\n")
    seen: BaseException | None = caught.value
    while seen is not None:
        assert "secret" not in repr(seen)
        seen = seen.__context__


def test_a_format_can_be_stored() -> None:
    file = inspect(io.BytesIO(b"a;b\n1;2\n"))
    assert FileFormat.from_json(file.to_json()) == file


def test_names_of_columns_are_on_one_line_and_hold_nothing_invisible() -> None:
    content = (
        b'\xef\xbb\xbf\xef\xbb\xbfid,"first\r\nname",\x1b[31mcity,e\xe2\x80\x8bmail\n1,2,3,4\n'
    )
    assert inspect(io.BytesIO(content)).headers == ("id", "first name", "[31mcity", "email")
    content = b'{"\\u0000id":"1","first\\nname":"2"}\n'
    assert inspect(io.BytesIO(content)).headers == ("id", "first name")
    assert rows_of(content) == [(1, ["1", "2"], "")]


def test_the_mark_that_a_spreadsheet_names_in_its_first_line_parts_the_cells() -> None:
    assert rows_of(b'sep=;\r\nid;"name, first"\r\n1;2\r\n') == [(1, ["1", "2"], "")]
    assert inspect(io.BytesIO(b'"sep=|"\nid|name\n')).headers == ("id", "name")


def test_lines_may_end_in_any_way_within_one_file() -> None:
    content = b"a,b\r\n1,2\n3,4\r5,6\r\r\n7,8\n\r9,0"
    assert [cells for _, cells, _ in rows_of(content)] == [
        ["1", "2"],
        ["3", "4"],
        ["5", "6"],
        ["7", "8"],
        ["9", "0"],
    ]
    assert rows_of(b'a,b\n1,2\r"') == [(1, ["1", "2"], "")]
    assert rows_of(b'a,b\n"1\r2","3\r\n4"\n') == [(1, ["1\r2", "3\r\n4"], "")]


def test_a_quotation_mark_that_is_not_closed_spoils_its_own_row_and_says_so() -> None:
    # Cells of two rows come to one row of the right width: it must not be taken for one.
    assert rows_of(b'a,b\n1,"Alice\n2,"Bob\n3,Charlie\n') == [
        (1, ["1", "Alice\n2,Bob"], "open_quote"),
        (2, ["3", "Charlie"], ""),
    ]
    assert rows_of(b'a,b,c\n1,"Alice,x\n2,Bob,"y"\n3,Charlie,z\n')[0][2] == "open_quote"
    assert rows_of(b'a,b\n1,2\n3,"Alice\n4,Bob\n')[-1][2] == "open_quote"
    assert rows_of(b'a,b\n1,"Alice') == [(1, ["1", "Alice"], "")]


def test_a_quotation_mark_within_a_cell_is_read_as_well_as_it_can_be() -> None:
    assert rows_of(b'a,b\n1,5" pipe\n2,="00123"\n3,"x" \n') == [
        (1, ["1", '5" pipe'], ""),
        (2, ["2", '="00123"'], ""),
        (3, ["3", "x "], ""),
    ]


def test_an_open_quotation_mark_is_found_long_before_it_has_swallowed_the_file() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0, /) -> int:
            self.taken = offset
            return offset

        def readinto(self, buffer: Any, /) -> int:
            pattern = b'","\n'
            head = b'a,b\n1,2\n"\n'
            for place in range(len(buffer)):
                at = self.taken + place
                buffer[place] = head[at] if at < len(head) else pattern[(at - len(head)) % 4]
            self.taken += len(buffer)
            return len(buffer)

    endless = Endless()
    stream = io.BufferedReader(endless)
    with pytest.raises(FileRefused, match="row 2") as caught:
        list(read(stream, FileFormat("csv", ("a", "b"), ",", "utf-8", 4)))
    assert caught.value.code == "cell_too_long"
    assert endless.taken < 3 * LINE_LIMIT


def test_json_in_another_encoding_is_told_from_what_is_no_json() -> None:
    content = b'{"a":"1"}\n{"a":"\xe9"}\n{"a":\n{"a":"\\ud800"}\n'
    assert [bad for _, _, bad in rows_of(content)] == ["", "encoding", "syntax", "syntax"]


PIECES = [
    *(b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\t", b" ", b"a", b"a,b\n", b"=1", b'{"a":"1"}'),
    *(b"{", b"}", b":", b"[", b"\xe9", b"\xff", b"\0", "\u2028".encode()),
]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


@given(st.sampled_from([b"", b"a,b\n", b'{"a":1,"b":2}\n', b"a b\n"]), HOSTILE)
def test_any_bytes_are_rows_or_a_refusal_and_can_be_resumed(head: bytes, rest: bytes) -> None:
    stream = io.BytesIO(head + rest)
    rows: list[Row] = []
    try:
        file = inspect(stream)
    except FileRefused:
        return
    with contextlib.suppress(FileRefused):
        rows += read(stream, file)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all(row.bad or len(row.values) == len(file.headers) for row in rows)
    for place, row in enumerate(rows):
        again: list[Row] = []
        with contextlib.suppress(FileRefused):
            again += read(stream, file, after=row.number, position=row.end)
        assert again == rows[place + 1 :]


CELL = st.text(st.sampled_from('ab ,;"\n\ré\u2028'), max_size=6)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6))
def test_reading_can_be_resumed_after_every_row(table: list[list[str]]) -> None:
    quoted = (",".join('"' + c.replace('"', '""') + '"' for c in cells) for cells in table)
    stream = io.BytesIO("\n".join(["x,y,z", *quoted]).encode())
    file = inspect(stream)
    rows = list(read(stream, file))
    assert [row.values for row in rows] == table
    for place, row in enumerate(rows):
        again = list(read(stream, file, after=row.number, position=row.end))
        assert again == rows[place + 1 :]


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_a_stream_that_cannot_seek_is_resumed_by_reading_over() -> None:
    content = b"a,b\n1,2\n3,4\n5,6\n"
    file = inspect(io.BytesIO(content))
    first = next(read(Pipe(content), file))
    rest = list(read(Pipe(content), file, after=first.number, position=first.end))
    assert [row.values for row in rest] == [["3", "4"], ["5", "6"]]
    with pytest.raises(FileRefused, match="shorter"):
        list(read(Pipe(b"a"), file))


def test_the_published_data_sets_are_read_whole() -> None:
    with find(FILES).open("rb") as stream:
        file = inspect(stream)
        assert file.headers[:3] == ("rec_id", "given_name", "surname")
        rows = list(read(stream, file))
    assert (len(rows), {row.bad for row in rows}) == (5_000, {""})
    with find(PURCHASES).open("rb") as stream:
        file = inspect(stream)
        assert file.headers == ("customer_id", "date", "number_of_cds", "dollar_value")
        *_, last = read(stream, file)
        assert last.number == 69_659
        half = next(itertools.islice(read(stream, file), 34_999, None))
        assert sum(1 for _ in read(stream, file, after=35_000, position=half.end)) == 34_659
