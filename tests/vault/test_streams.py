"""Sealed files of any size: they read back whole, from any place, or not at all."""

from __future__ import annotations

import csv
import io
import os
import threading
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.vault import KeyShredded, SealBroken
from portal.vault.streams import (
    CHUNK,
    HEADER,
    SEALED_CHUNK,
    SealedReader,
    SealedWriter,
    binding,
    plain_size,
    sealed_size,
)

KEY = os.urandom(32)
AAD = binding("import.file", UUID(int=1), UUID(int=2))
sizes = st.one_of(
    st.integers(0, 100),
    st.integers(-2, 2).map(lambda step: CHUNK + step),
    st.integers(-2, 2).map(lambda step: 2 * CHUNK + step),
    st.integers(0, 4 * CHUNK),
)


def sealed(content: bytes, parts: int = 1) -> bytes:
    target = io.BytesIO()
    with SealedWriter(target, KEY, AAD) as writer:
        step = max(1, -(-len(content) // parts))
        for place in range(0, len(content), step):
            writer.write(content[place : place + step])
        assert writer.tell() == len(content)
    return target.getvalue()


def opened(blob: bytes, key: bytes = KEY, aad: bytes = AAD) -> bytes:
    return SealedReader(io.BytesIO(blob), key, aad).read()


@settings(deadline=None)
@given(size=sizes, parts=st.integers(1, 7))
def test_a_file_of_any_size_written_in_any_parts_reads_back(size: int, parts: int) -> None:
    content = os.urandom(size)
    blob = sealed(content, parts)
    assert len(blob) == sealed_size(size)
    assert plain_size(len(blob)) == size
    assert opened(blob) == content


@settings(deadline=None)
@given(size=sizes, data=st.data())
def test_a_file_cut_off_anywhere_is_refused(size: int, data: st.DataObject) -> None:
    blob = sealed(os.urandom(size))
    cut = data.draw(
        st.one_of(
            st.integers(0, len(blob) - 1),
            st.integers(0, size // CHUNK).map(
                lambda n: min(HEADER + n * SEALED_CHUNK, len(blob) - 1)
            ),
        )
    )
    with pytest.raises(SealBroken):
        opened(blob[:cut])


@settings(deadline=None)
@given(size=sizes, data=st.data())
def test_a_flipped_bit_anywhere_is_refused(size: int, data: st.DataObject) -> None:
    blob = bytearray(sealed(os.urandom(size)))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        opened(bytes(blob))


def test_chunks_cannot_be_swapped_repeated_added_or_taken_from_another_file() -> None:
    blob, other = sealed(os.urandom(3 * CHUNK + 5)), sealed(os.urandom(3 * CHUNK + 5))
    head = blob[:HEADER]
    chunks = [
        blob[start : start + SEALED_CHUNK] for start in range(HEADER, len(blob), SEALED_CHUNK)
    ]
    foreign = other[HEADER : HEADER + SEALED_CHUNK]
    one, two, three, last = chunks
    for order in (
        [two, one, three, last],
        [one, one, two, three, last],
        [one, three, last],
        [foreign, two, three, last],
        [one, two, three],
        [one, two, three, last, last],
        [last],
    ):
        with pytest.raises(SealBroken):
            opened(head + b"".join(order))


def test_a_wrong_key_or_another_binding_is_refused() -> None:
    blob = sealed(b"alice@example.com")
    with pytest.raises(SealBroken):
        opened(blob, key=os.urandom(32))
    with pytest.raises(SealBroken):
        opened(blob, aad=binding("import.file", UUID(int=1), UUID(int=3)))
    with pytest.raises(KeyShredded):
        opened(blob, key=bytes(32))


def test_a_writer_broken_off_leaves_no_whole_file() -> None:
    target = io.BytesIO()
    with pytest.raises(TypeError), SealedWriter(target, KEY, AAD) as writer:
        writer.writelines([os.urandom(2 * CHUNK), "no bytes"])  # type: ignore[list-item]
    with pytest.raises(SealBroken):
        opened(target.getvalue())
    forgotten = io.BytesIO()
    SealedWriter(forgotten, KEY, AAD).write(b"x")
    with pytest.raises(SealBroken):
        opened(forgotten.getvalue())


def test_a_closed_writer_takes_nothing_more_and_leaves_its_target_open() -> None:
    target = io.BytesIO()
    writer = SealedWriter(target, KEY, AAD)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")
    assert not target.closed
    assert opened(target.getvalue()) == b""


@settings(deadline=None)
@given(size=sizes, data=st.data())
def test_reading_goes_on_from_any_place(size: int, data: st.DataObject) -> None:
    content = os.urandom(size)
    source = io.BytesIO(b"before" + sealed(content))
    source.seek(6)
    reader = SealedReader(source, KEY, AAD)
    for _ in range(4):
        offset = data.draw(st.integers(0, size + 3))
        count = data.draw(st.integers(0, 2 * CHUNK))
        assert reader.seek(offset) == min(offset, size)
        assert io.BufferedReader.read(_buffered(reader), count) == content[offset : offset + count]
    assert reader.seek(0, io.SEEK_END) == size
    assert reader.read() == b""
    assert reader.seek(-size, io.SEEK_CUR) == 0
    assert reader.read() == content


def _buffered(reader: SealedReader) -> io.BufferedReader:
    class Kept(io.BufferedReader):
        def __del__(self) -> None:
            if not self.closed:
                self.detach()

    return Kept(reader)


def test_a_csv_with_quoted_line_breaks_is_read_from_a_sealed_file() -> None:
    rows = [["name", "note"], *([f"Alice {number}", 'line\r\n"two"'] for number in range(9000))]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    source = io.BytesIO(sealed(text.getvalue().encode()))
    reader = io.BufferedReader(SealedReader(source, KEY, AAD))
    assert list(csv.reader(io.TextIOWrapper(reader, encoding="utf-8", newline=""))) == rows


def test_a_text_reader_stands_on_the_sealed_reader_itself() -> None:
    source = io.BytesIO(sealed("Zoë\n".encode() * 40000))
    lines = io.TextIOWrapper(
        SealedReader(source, KEY, AAD),  # type: ignore[type-var]
        encoding="utf-8",
    )
    assert sum(line == "Zoë\n" for line in lines) == 40000


def test_a_stream_that_cannot_seek_is_read_forward() -> None:
    content = os.urandom(3 * CHUNK)
    read_end, write_end = os.pipe()
    blob = sealed(content)

    def write() -> None:
        with os.fdopen(write_end, "wb") as sink:
            sink.write(blob)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(read_end, "rb") as source:
        assert SealedReader(source, KEY, AAD).read() == content
    writer.join()
