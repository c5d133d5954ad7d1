import gzip

import pytest

from tfcompress.data.bad_rows import BadRows
from tfcompress.data.labelled_text import read
from tfcompress.errors import DataError


def rows(path, bad=None):
    return [
        pair
        for batch in read(path, bad)
        for pair in zip(batch.labels.to_pylist(), batch.texts.to_pylist(), strict=True)
    ]


def test_a_label_a_tab_and_a_text(tmp_path):
    path = tmp_path / "data.txt"
    path.write_bytes("\ufeffgood\tI like it\r\n\r\n bad \t no\tthanks \r\n  \ngood\tja".encode())
    assert rows(path) == [("good", "I like it"), ("bad", "no\tthanks"), ("good", "ja")]
    packed = tmp_path / "data.txt.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert rows(packed) == rows(path)


@pytest.mark.parametrize("block", [4, 1000])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"no tab here", "found no tab: 'no tab here'; correct or remove the line"),
        (b"\ttext", r"found no label: '\\ttext'"),
        (b"label\t ", r"found no text: 'label\\t '"),
        (b"a\tb\xffc", r"byte 4 \(0xff\) is not UTF-8"),
        (b"a\t\0", "zero byte"),
        (b"a\tb\rc\td", "lone carriage return"),
    ],
)
def test_a_bad_line_is_named(tmp_path, monkeypatch, line, message, block):
    monkeypatch.setattr("tfcompress.data.lines.BLOCK_BYTES", block)
    path = tmp_path / "data.txt"
    path.write_bytes(b"good\tfine\n\n" + line + b"\nbad\tnot\n")
    with pytest.raises(DataError, match=f"data.txt, line 3: .*{message}") as caught:
        rows(path)
    assert "\n" not in str(caught.value)
    bad = BadRows("skip")
    assert rows(path, bad) == [("good", "fine"), ("bad", "not")]
    assert bad.total == 1


@pytest.mark.parametrize("header", ["label\ttext", "Sentence\tLabel"])
def test_a_line_of_column_names_is_no_example(tmp_path, header):
    path = tmp_path / "data.tsv"
    path.write_text(f"{header}\ngood\tfine\n")
    with pytest.raises(DataError, match="line 1: names columns"):
        rows(path)
    assert rows(path, BadRows("skip")) == [("good", "fine")]


def test_an_empty_file(tmp_path):
    (tmp_path / "data.txt").write_text("")
    with pytest.raises(DataError, match="is empty"):
        rows(tmp_path / "data.txt")
