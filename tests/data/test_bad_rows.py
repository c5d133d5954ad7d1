"""Every reader against every defect: an error that names the place, or rows that are counted."""

import re
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.writers import OPTIONS, TABLES, TEXT, format_of, line, lines, parquet
from tfcompress.data import count_items, delimited, load
from tfcompress.data import lines as lines_module
from tfcompress.data import parquet as parquet_module
from tfcompress.data.bad_rows import BadRows, Defect
from tfcompress.errors import ConfigError, DataError

ROWS = [
    (b"u%d" % user, b"i%d" % ((3 * user + k) % 7), b"%d" % (100 + k))
    for k in range(5)
    for user in range(6)
]
LATER = b"99999999999999999999"

# What a bad row is: (user, item, time), and what the message says about the column.
FIELDS = {
    "zero byte": ((b"u1", b"i\0", b"7"), "item", "holds a zero byte"),
    "bad UTF-8": ((b"u1", b"i\xff", b"7"), "item", "is not UTF-8"),
    "bad UTF-8 in user": ((b"\xe9", b"i1", b"7"), "user", "is not UTF-8"),
    "no item": ((b"u1", b"", b"7"), "item", "is empty"),
    "no user": ((b"", b"i1", b"7"), "user", "is empty"),
    "overflow": ((b"u1", b"i1", LATER), "time", "an integer beyond 64 bits"),
    "no time": ((b"u1", b"i1", b""), "time", "expected a number"),
    "a word for a time": ((b"u1", b"i1", b"soon"), "time", "expected a number"),
    "infinite time": ((b"u1", b"i1", b"inf"), "time", "which is no time"),
    "time that is not UTF-8": ((b"u1", b"i1", b"\xff7"), "time", "expected a number"),
}
NAMES = {
    "csv": {"user": "userId", "item": "movieId", "time": "timestamp"},
    "tsv": {"user": "user", "item": "item", "time": "timestamp"},
    "recbole": {"user": "user_id:token", "item": "item_id:token", "time": "timestamp:float"},
    "movielens": {"user": "UserID", "item": "MovieID", "time": "Timestamp"},
    "u.data": {"user": "UserID", "item": "MovieID", "time": "Timestamp"},
    "criteo": {"user": "C1", "item": "C2", "time": "I1"},
}
RAGGED = {"one field more": lambda row: row + row[-4:], "one field": lambda row: b"u1"}
LINES = {  # of pairs, adjacency lines and sequences
    "zero byte": (b"u1 i\0", "holds a zero byte"),
    "bad UTF-8": (b"u1 i1\xff", r"byte 6 \(0xff\) is not UTF-8"),
    "carriage return": (b"u1 i1\ru2 i2", "holds a lone carriage return"),
}


def table():
    """(kind, bad line, the message) for each reader of text and each defect it can meet."""
    for kind in TABLES:
        for name, (row, column, found) in FIELDS.items():
            bad = line(kind, *row)
            yield pytest.param(
                kind, bad, f"column '{NAMES[kind][column]}' .*{found}", id=f"{kind}-{name}"
            )
        for name, change in RAGGED.items():
            bad = change(line(kind, b"u1", b"i\xff", b"7"))
            yield pytest.param(kind, bad, r"expected \d+ fields", id=f"{kind}-{name}")
    yield pytest.param("csv", b'u1,5,"i\n1",7', "column 'movieId' holds a line break", id="csv-nl")
    for kind in ("pairs", "adjacency", "sequences"):
        for name, (bad, found) in LINES.items():
            yield pytest.param(kind, bad, found, id=f"{kind}-{name}")
    for bad in (b"u1", b"u1 i1 i2"):
        yield pytest.param("pairs", bad, 'expected "user item"', id=f"pairs-{bad.decode()}")


def read(path, kind, **options):
    return load(path, format=format_of(kind), **OPTIONS.get(kind, {}), **options)


def assert_same(found, expected):
    assert found.vocabulary == expected.vocabulary
    for ours, theirs in (
        (found.train, expected.train),
        (found.valid.history, expected.valid.history),
        (found.test.history, expected.test.history),
        (found.test.targets, expected.test.targets),
    ):
        np.testing.assert_array_equal(ours.values, theirs.values)
        np.testing.assert_array_equal(ours.offsets, theirs.offsets)


@pytest.fixture(params=[96, 1 << 20])
def blocks(request, monkeypatch):
    """Files are read in many blocks, or in one."""
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", max(request.param, 128))
    monkeypatch.setattr(lines_module, "BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(("kind", "bad", "message"), table())
def test_a_bad_row_is_refused_by_its_place_or_skipped_and_counted(tmp_path, kind, bad, message):
    good = lines(kind, ROWS)
    clean, dirty = tmp_path / "clean.txt", tmp_path / "dirty.txt"
    clean.write_bytes(b"\n".join(good) + b"\n")
    place = len(good) - 2
    dirty.write_bytes(b"\n".join([*good[:place], bad, good[place], bad, good[-1], b""]))
    pattern = f"^{re.escape(str(dirty))}, line {place + 1}: {message}.*--bad-rows skip$"
    with pytest.raises(DataError, match=pattern) as caught:
        read(dirty, kind)
    assert "\n" not in str(caught.value)
    found = read(dirty, kind, bad_rows="skip")
    assert found.skipped_rows == 2
    assert found.notes[-1].startswith(f"dirty.txt: 2 bad rows skipped, such as line {place + 1}: ")
    expected = read(clean, kind)
    assert expected.skipped_rows == 0
    assert expected.notes == found.notes[:-1]
    assert_same(found, expected)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n\r\n"),
        lambda text: text.removesuffix(b"\n"),
    ],
    ids=["byte order mark", "CRLF", "both and blank lines", "no end of line"],
)
def test_what_is_no_defect(tmp_path, kind, change):
    text = b"\n".join(lines(kind, ROWS)) + b"\n"
    clean, other = tmp_path / "clean.txt", tmp_path / "other.txt"
    clean.write_bytes(text)
    other.write_bytes(change(text))
    for policy in ("error", "skip"):
        found = read(other, kind, bad_rows=policy)
        assert_same(found, read(clean, kind))
        assert found.skipped_rows == 0


@pytest.mark.parametrize("policy", ["error", "skip"])
@pytest.mark.parametrize("kind", TEXT)
def test_files_that_cannot_be_read_at_all(tmp_path, kind, policy):
    path = tmp_path / "data.txt"

    def refused(content, message):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            read(path, kind, bad_rows=policy)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)

    refused(b"", "is empty")
    text = b"\n".join(lines(kind, ROWS))
    if kind in ("csv", "tsv", "recbole"):
        header, rows = text.split(b"\n", 1)
        refused(header + b"\n", "has a header but no rows")
        refused(b"\n".join([header.replace(b"user", b"who"), rows]), "line 1: no user column among")
        refused(b"\n".join([header.replace(b"item", b"x").replace(b"movie", b"x"), rows]), "item")
        refused(b"\xff" + text, "line 1: is not UTF-8")
        refused(text.decode().encode("utf-16-le"), "line 1: holds a zero byte")
    bad = text.replace(b"i", b"\0") if kind in ("adjacency", "sequences", "pairs") else None
    if bad is not None:
        refused(bad, "holds no interactions" if policy == "skip" else "line 1: holds a zero byte")


@pytest.mark.parametrize("kind", ["movielens", "u.data", "criteo"])
def test_a_first_row_without_a_header_may_be_bad(tmp_path, kind):
    path = tmp_path / "data.txt"
    for bad in (b"u1", b"\xff\0", line(kind, b"u\0", b"i\xff", b"1")):
        path.write_bytes(b"\n".join([bad, *lines(kind, ROWS)]))
        with pytest.raises(DataError, match="line 1: "):
            read(path, kind)
        assert read(path, kind, bad_rows="skip").skipped_rows == 1


def test_a_header_in_pairs_is_a_bad_row(tmp_path):
    path = tmp_path / "data.txt"
    path.write_bytes(b"user item\n" + b"\n".join(lines("pairs", ROWS)))
    with pytest.raises(DataError, match="line 1: names columns"):
        read(path, "pairs")
    assert read(path, "pairs", bad_rows="skip").skipped_rows == 1


class TestParquet:
    CHANGES: ClassVar = {
        "null user": ({"user": None}, "column 'user' is missing"),
        "null item": ({"item": None}, "column 'item' is missing"),
        "null time": ({"timestamp": None}, "column 'timestamp' is missing"),
        "zero byte": ({"item": b"i\0"}, "column 'item' holds a zero byte"),
        "bad UTF-8": ({"item": b"\xffi"}, "column 'item' is not UTF-8"),
        "empty item": ({"item": b""}, "column 'item' is empty"),
        "overflow": ({"timestamp": 2**63}, "column 'timestamp' holds '9223372036854775808', an"),
    }

    @pytest.mark.parametrize("size", [3, 1 << 18])
    @pytest.mark.parametrize("name", CHANGES)
    def test_a_bad_row_is_refused_or_skipped(self, tmp_path, monkeypatch, name, size):
        monkeypatch.setattr(parquet_module, "_ROWS", size)
        changes, message = self.CHANGES[name]
        rows = [ROWS[0], ROWS[1], *ROWS, ROWS[2]]
        bad = (1, len(rows) - 1)
        columns = {
            "user": [row[0] for row in rows],
            "item": [row[1] for row in rows],
            "timestamp": [int(row[2]) for row in rows],
        }
        for column, value in changes.items():
            for row in bad:
                columns[column][row] = value
        clean, dirty = tmp_path / "clean.parquet", tmp_path / "dirty.parquet"
        parquet(clean, [row for k, row in enumerate(rows) if k not in bad])
        # Parquet's strings are not checked by those that write them, nor by Arrow.
        text = {
            name: pa.Array.from_buffers(pa.string(), len(rows), pa.array(columns[name]).buffers())
            for name in ("user", "item")
        }
        parquet(dirty, rows, **text, timestamp=pa.array(columns["timestamp"], pa.uint64()))
        with pytest.raises(DataError, match=f"dirty.parquet, row 2: {message}") as caught:
            load(dirty)
        assert "\n" not in str(caught.value)
        found = load(dirty, bad_rows="skip")
        assert found.skipped_rows == 2
        assert_same(found, load(clean))

    @pytest.mark.parametrize("policy", ["error", "skip"])
    def test_damaged_files(self, tmp_path, policy):
        path = tmp_path / "data.parquet"
        parquet(path, ROWS)
        content = path.read_bytes()

        def refused(content, message):
            path.write_bytes(content)
            with pytest.raises(DataError, match=message) as caught:
                load(path, bad_rows=policy)
            assert str(caught.value).startswith(str(path))

        refused(b"", "is empty")
        refused(content[: len(content) // 2], "begins as Parquet but its end is missing or damaged")
        refused(content[:20] + b"\xff" * 40 + content[60:], "row 1 or one of the next .* damaged")
        refused(content.replace(b"user", b"whom"), "no user column among")


@settings(max_examples=40)
@given(st.data())
def test_any_mixture_of_bad_rows_is_counted_exactly(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("mixture")
    kind = data.draw(st.sampled_from(TABLES))
    bad = [line(kind, *row) for row, _, _ in FIELDS.values()]
    bad += [change(line(kind, b"u1", b"i1", b"7")) for change in RAGGED.values()]
    good = lines(kind, ROWS)
    first = 1 if kind in ("csv", "tsv", "recbole", "movielens", "u.data", "criteo") else 0
    mixed, count = good[:first], 0
    for row in good[first:]:
        chosen = data.draw(st.lists(st.sampled_from(bad), max_size=2))
        mixed += [*chosen, row]
        count += len(chosen)
    (folder / "clean.txt").write_bytes(b"\n".join(good))
    (folder / "dirty.txt").write_bytes(b"\n".join(mixed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BLOCK_BYTES", data.draw(st.integers(128, 1000)))
        found = read(folder / "dirty.txt", kind, bad_rows="skip")
    assert found.skipped_rows == count
    assert_same(found, read(folder / "clean.txt", kind))


def test_counting_skips_and_counts_too(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"item,x\na,1\nb\n,2\na,\xff\n\xff,1\n")
    with pytest.raises(DataError, match="line 3: expected 2 fields"):
        count_items(path)
    bad = BadRows("skip")
    tokens, counts = count_items(path, bad_rows=bad)
    assert (tokens.to_pylist(), counts.tolist(), bad.total) == (["a"], [2], 3)


def test_policies():
    with pytest.raises(ConfigError, match="bad_rows: 'ignore' is not known; choose error or skip"):
        BadRows("ignore")


def test_a_row_with_two_defects_counts_once(tmp_path):
    bad = BadRows("skip")
    defects = [
        Defect(np.array(rows, bool), lambda row, name=name: (f"{name} of {row}", ""))
        for name, rows in (("first", [0, 1, 1]), ("second", [0, 1, 0]))
    ]
    assert bad.screen(tmp_path, defects, str).tolist() == [True, False, False]
    assert bad.screen(tmp_path, [], str) is None
    assert bad.total == bad.count(tmp_path) == 2
    assert bad.notes == (f"{tmp_path.name}: 2 bad rows skipped, such as 1: first of 1",)
