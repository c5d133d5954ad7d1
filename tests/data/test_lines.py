import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.data import lines as module
from tfcompress.data.lines import quote, read_lines
from tfcompress.errors import DataError

token = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Z"], exclude_characters="\ufeff"),
    min_size=1,
    max_size=4,
)
blank = st.text(" \t", max_size=2)
line_lists = st.lists(st.lists(token, max_size=4), min_size=1, max_size=8)


def rows_of(path):
    return [lines.line(row) for lines in read_lines(path) for row in range(len(lines.lengths))]


@settings(max_examples=50)
@given(line_lists, st.tuples(blank, st.sampled_from(["\n", "\r\n"]), st.booleans()), st.data())
def test_lines_come_back_whatever_the_block(tmp_path_factory, rows, layout, data):
    space, ending, closed = layout
    path = tmp_path_factory.mktemp("lines") / "data.txt"
    text = ending.join(space + f" {space}".join(row) + space for row in rows)
    path.write_bytes((text + ending * closed).encode())
    if not path.stat().st_size:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", data.draw(st.integers(1, 30)))
        found = rows_of(path)
        starts = [(lines.first_line, len(lines.lengths)) for lines in read_lines(path)]
    if not closed and not (space or rows[-1]):
        rows = rows[:-1]  # an end of line ends a line, it begins none
    assert found == rows
    assert [first for first, _ in starts] == [
        1 + sum(length for _, length in starts[:k]) for k in range(len(starts))
    ]


def test_byte_order_mark_and_compression(tmp_path):
    path = tmp_path / "data.txt.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf1 2\n3\n"))
    assert rows_of(path) == [["1", "2"], ["3"]]


@pytest.mark.parametrize("size", [4, 1000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"1 2\n3 \xff4\n", r", line 2: byte 3 \(0xff\) is not UTF-8; convert"),
        (b"1 2\n\n\xe4\n", r", line 3: byte 1 \(0xe4\) is not UTF-8"),
        ("1 2\n3 4\n".encode("utf-16-le"), ", line 1: holds a zero byte"),
        (b"1 2\r3 4\r5 6", "line 1: holds a lone carriage return"),
        (b"1 2\n3 4\r5 6\n", "line 2: holds a lone carriage return"),
    ],
)
def test_files_that_are_no_lines_of_tokens(tmp_path, monkeypatch, content, message, size):
    monkeypatch.setattr(module, "BLOCK_BYTES", size)
    path = tmp_path / "data.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        list(read_lines(path))
    assert str(caught.value).startswith(str(path))


def test_quotes_are_short():
    assert quote("a\nb") == r"'a\nb'"
    assert len(quote("x" * 1000)) == 62
