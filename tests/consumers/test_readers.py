"""Files are read in a stream, resumed at any row, and refused with a reason."""

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.readers import FileFormat, FileRefused, inspect, read
from tests.consumers.people import FILES, PURCHASES, find


def rows_of(content: bytes, **options: str) -> list[tuple[int, list[str], str]]:
    stream = io.BytesIO(content)
    file = inspect(stream, **options)
    return [(row.number, row.values, row.bad) for row in read(stream, file)]


def refusal(content: bytes, **options: str) -> str:
    with pytest.raises(FileRefused) as caught:
        rows_of(content, **options)
    assert "\n" not in caught.value.sentence
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
    assert rows_of(b"a,b\n1\n\n1,2,3\n1,2,,\n4,5\n") == [
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
        (b"\xff\xfea\x00", "encoding"),
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


CELL = st.text(st.sampled_from('ab ,;"\n\ré'), max_size=6)


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
