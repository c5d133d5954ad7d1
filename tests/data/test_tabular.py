import datetime
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfcompress.data import delimited, load, parquet, tabular
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.columns import choose_columns
from tfcompress.data.interactions import rows_by_user
from tfcompress.errors import DataError


def read(path, format="csv", bad_rows="error", **options):
    columns = choose_columns(path, tabular.column_names(path, format), **options)
    (rows,), tokens = rows_by_user([tabular.read(path, format, columns, BadRows(bad_rows))])
    return [[tokens[int(index)].as_py() for index in row] for row in rows]


def refused(path, message, format="csv"):
    with pytest.raises(DataError, match=message) as caught:
        read(path, format)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.fixture(params=[128, 1 << 20])
def path(request, monkeypatch, tmp_path):
    """A file that is read in many blocks, or in one."""
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", request.param)
    monkeypatch.setattr(parquet, "_ROWS", max(2, request.param // 32))
    return tmp_path / "ratings.csv"


def test_rows_are_sorted_by_time_for_each_user(path):
    path.write_text("userId,movieId,timestamp\n1,30,3\n2,10,5\n1,20,2\n1,20,2\n1,10,-1\n")
    assert read(path) == [[10, 20, 20, 30], [10]]


def test_without_a_time_column_the_order_of_the_file_counts(path):
    path.write_text("user,rating,item\nb,5,y\na,4,x\nb,3,w\n")
    assert read(path) == [["y", "w"], ["x"]]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_delimiters(path, delimiter):
    rows = ["user item", "u,1 i,1", "u,1 i,2"] if delimiter != "," else ["user item", "u1 i,1"]
    quoted = [[f'"{field}"' for field in row.split()] for row in rows]
    path.write_text("\n".join(delimiter.join(row) for row in quoted))
    assert read(path) == ([["i,1", "i,2"]] if delimiter != "," else [["i,1"]])


@pytest.mark.parametrize("format", ["csv", "tsv", "recbole"])
@pytest.mark.parametrize("policy", ["error", "skip"])
def test_blanks_around_a_field_are_no_part_of_it(path, format, policy):
    delimiter = "," if format == "csv" else "\t"
    rows = ["user_id, item_id ,time", "u, a b, 3", " u,a b ,2", "u,\u00a0c,1 ", "v ,é , 4"]
    path.write_text("\n".join(row.replace(",", delimiter) for row in rows))
    assert read(path, format, policy) == [["\u00a0c", "a b", "a b"], ["é"]]
    path.write_text("user,item\nu,a\nu,  \n".replace(",", delimiter))
    refused(path, "line 3: column 'item' is empty", format)


def test_tsv_has_no_quotes(path):
    path.write_text('user\titem\n1\t"a\n1\tb"\n')
    assert read(path, "tsv") == [['"a', 'b"']]


def test_lines_in_quotes_byte_order_mark_and_carriage_returns(path):
    path.write_bytes(b'\xef\xbb\xbfuser,item,text\r\n1,2,"a\r\nb, c"\r\n\r\n1,3,\r\n')
    assert read(path) == [[2, 3]]


def test_columns_behind_thousands_of_others(tmp_path):
    path = tmp_path / "wide.csv"
    others = [f"column{k}" for k in range(9_000)]
    rows = [[*others, "user", "item"], [*others, "1", "2"], [*others, "1", "3"]]
    path.write_text("\n".join(",".join(row) for row in rows))
    assert path.read_text().index("user") > 1 << 16
    assert read(path) == [[2, 3]]


def test_compressed_by_its_suffix(tmp_path):
    path = tmp_path / "ratings.csv.gz"
    path.write_bytes(gzip.compress(b"user,item\n1,2\n1,3\n"))
    assert read(path) == [[2, 3]]


def test_many_blocks_count_every_row(path):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 20, 500), rng.integers(0, 30, 500)
    text = "".join(f"{u},{i}\n" for u, i in zip(users, items, strict=True))
    path.write_text("user,item\n" + text)
    expected = [[int(i) for i in items[users == user]] for user in dict.fromkeys(users.tolist())]
    assert read(path) == expected


def test_odd_tokens_are_kept_as_they_are(path):
    tokens = ["-5", "9223372036854775808", "null", "NA", "007", "x y", "é"]
    path.write_text("user,item\n" + "".join(f"1,{token}\n" for token in tokens))
    assert read(path) == [tokens]


LONG = "1,2,3\n" * 40


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a table"),
        (b"\n\n", "is empty"),
        (b"user,item\n", "has a header but no rows; expected"),
        (b"user,item", "has a header but no rows"),
        (b"1,2\n3,4\n", "line 1: no user column among '1', '2'; name it with --user-column"),
        (b"user,item\n1,2\n3\n", "line 3: expected 2 fields as in the header, found 1: '3'"),
        (b"user,item\n1,2\n\n3,4,5\n", "line 4: expected 2 fields as in the header, found 3"),
        (b'user,item\n"a\nb",2\n3\n', "line 4: expected 2 fields"),
        (b"user,item\n1,2\n\xff,4\n", "line 3: column 'user' is not UTF-8; convert"),
        (b"\xffuser,item\n1,2\n", "line 1: is not UTF-8"),
        (b"user,item\n1,2\n,4\n", "line 3: column 'user' is empty; fill"),
        (b"user,item\n1,2\n\n3,\n", "line 4: column 'item' is empty"),
        (b"user,item,time\n1,2,3\n1,2,x\n", "line 3: column 'time' holds 'x', expected a number"),
        (b"user,item,time\n1,2,\n1,2,3\n", "line 2: column 'time' holds ''"),
        (
            f"user,item,time\n{LONG}1,2,2024-01-01\n".encode(),
            "line 42: column 'time' holds '2024-01-01', expected a number",
        ),
        (f"user,item,time\n{LONG}1,,3\n".encode(), "line 42: column 'item' is empty"),
        (f"user,item,time\n{LONG}1,2\n".encode(), "line 42: expected 3 fields"),
        (f"user,item,time\n{LONG}".encode() + b"1,\xe9,3\n", "line 42: column 'item' is not UTF-8"),
        (b"user,item\n1,2\n" + b"x" * 100 + b"\n", r"line 3: .* found 1: 'x{57}\.\.\.'"),
    ],
)
def test_bad_csv_is_refused_by_line_and_column(path, content, message):
    path.write_bytes(content)
    refused(path, message)


def test_a_quotation_mark_that_nobody_closes(path, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 64)
    path.write_text('user,item\n1,"2\n' + "1,2\n" * 100)
    refused(path, "line 2: a quotation mark opens in this row and is not closed")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,2,"abc\n3,4,x\n', 2),
        ('1,2,x\n3,4,"abc\n5,6,"x"\n7,8,y\n', 3),
        ('"1",2,"a\nb"\n\n3,4,"abc\n5,6,y', 5),
        ('1,2,"abc\n3,4,"abc\n5,6,y\n', 2),
        ('1,2,x\n\n3,4,"abc\n5,6,z\n7,8,"abc\n9,1,y', 4),
        ('1,2,"abc\n3,4,"abc', 2),
        ('1,"a,x\n2,b,y\n', 2),
        ('1,2,"a" b\n"x\n"y,4,z\n', 3),
    ],
)
@pytest.mark.parametrize("policy", ["error", "skip"])
def test_a_quotation_mark_that_takes_in_rows_below(tmp_path, rows, line, policy):
    path = tmp_path / "a.csv"
    path.write_text("user,item,title\n" + rows)
    with pytest.raises(DataError, match=f"a.csv, line {line}: a quotation mark opens in this row"):
        read(path, bad_rows=policy)


@pytest.mark.parametrize("policy", ["error", "skip"])
def test_names_beyond_ascii(path, policy):
    path.write_text("użytkownik,item\nä,я\nä,日本\n")
    assert read(path, bad_rows=policy, user_column="użytkownik") == [["я", "日本"]]


def test_a_header_in_quotes_where_there_are_none(path):
    path.write_text('"user_id"\t"item_id"\n"u"\t"a"\n"u"\t"b"\n')
    refused(path, 'line 1: column "user_id" is in quotation marks.* choose --format csv', "tsv")
    refused(path, 'line 1: column "user_id" .*; write the file without them$', "recbole")
    assert read(path, "csv") == [["a", "b"]]


def test_what_cannot_be_passed_over_is_not_said_to_be(path):
    path.write_text('user,item,title\n1,2,x\n\n1,,"a\n3,4,y\n3,4,z')
    refused(path, "line 4: a quotation mark opens in this row .* belong to the text$")
    path.write_text('user,item,title\n1,,"a\n3,4,y\n3,4,z\n')
    refused(path, "line 2: a quotation mark opens in this row .* belong to the text$")
    path.write_text('user,item,title\n1,2,x\n1,"a\n3,4,y\n')
    refused(path, "line 3: a quotation mark opens in this row .* belong to the text$")


def test_lines_that_belong_to_a_field_take_in_no_rows(path):
    path.write_text('user,item,title\n1,2,"a\n""b"""\n\n1,3,"x" y\n1,4,5" disc')
    assert read(path) == [[2, 3, 4]]


def test_marks_inside_fields_are_letters(path):
    path.write_text('user,item,title\n1,2,5" disc\n1,3,"say ""hi"""\n')
    assert read(path) == [[2, 3]]


def test_cut_off_compression(tmp_path):
    path = tmp_path / "a.csv.gz"
    content = gzip.compress(b"user,item\n" + b"".join(b"%d,%d\n" % (k, k) for k in range(9999)))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"a\.csv\.gz: cannot be read"):
        load(path)


class TestParquet:
    def write(self, path, **columns):
        pq.write_table(pa.table(columns), path, row_group_size=3)

    @pytest.mark.parametrize(
        "items",
        [
            pa.array(["x", "y", "x", "z"]),
            pa.array(["x", "y", "x", "z"], pa.large_string()),
            pa.array(["x", "y", "x", "z"]).dictionary_encode(),
            pa.array([5, 6, 5, 7], pa.int16()),
            pa.array([5, 2**63, 5, 7], pa.uint64()),
        ],
    )
    def test_token_types(self, path, items):
        self.write(path, user=[1, 1, 2, 1], item=items)
        values = items.to_pylist()
        if 2**63 in values:
            values = [str(value) for value in values]
        assert read(path, "parquet") == [[values[0], values[1], values[3]], [values[2]]]

    @pytest.mark.parametrize(
        "times",
        [
            [3, 1, 2, 0],
            [0.3, 0.1, 0.2, 0.0],
            [datetime.date(2024, 1, day) for day in (4, 2, 3, 1)],
            [datetime.datetime(2024, 1, day) for day in (4, 2, 3, 1)],
            [datetime.datetime(year, 12, 31) for year in (9999, 2024, 2300, 1)],
            pa.array([1_000_002, 1_000_000, 1_000_001, 5], pa.timestamp("ns")),
            ["2024-01-04", "2024-01-02", "2024-01-03", "2024-01-01"],
        ],
    )
    def test_times(self, path, times):
        self.write(path, user=["u"] * 4, item=["d", "b", "c", "a"], timestamp=times)
        assert read(path, "parquet") == [["a", "b", "c", "d"]]

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"user": [1, 1, 1, None]}, "row 4: column 'user' is missing"),
            ({"item": ["a", "b", None, "c"]}, "row 3: column 'item' is missing"),
            ({"time": [1, 2, None, 4]}, "row 3: column 'time' is missing"),
            ({"time": [1.0, 2.0, 3.0, float("nan")]}, "row 4: column 'time' holds 'nan'"),
            ({"time": ["1", "2", "3", "x"]}, "row 4: column 'time' holds 'x', expected a number"),
            ({"time": [str(2**60)] * 3 + ["0.5"]}, "row 4: column 'time' holds '0.5', a fraction"),
            ({"time": [True] * 4}, "column 'time' holds bool; times are numbers, dates or"),
            ({"time": [datetime.time(1)] * 4}, "column 'time' holds time64"),
            ({"time": [datetime.timedelta(1)] * 4}, "column 'time' holds duration"),
            ({"time": [[1]] * 4}, "column 'time' holds list"),
            ({"item": [1.0, 2.0, 3.0, 4.0]}, "column 'item' holds double; tokens are"),
        ],
    )
    def test_bad_values_are_refused_by_row_and_column(self, path, columns, message):
        self.write(path, **({"user": [1] * 4, "item": [1] * 4} | columns))
        refused(path, message, "parquet")

    def test_no_rows(self, path):
        self.write(path, user=pa.array([], pa.int64()), item=pa.array([], pa.int64()))
        refused(path, "has a header but no rows", "parquet")

    def test_other_files_are_no_parquet(self, path):
        path.write_text("user,item\n1,2\n")
        refused(path, "not a Parquet file", "parquet")


def test_a_long_field_before_the_wrong_row(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"user,item\nu,{'x' * 200_000}\nu,\n")
    refused(path, "line 3: column 'item' is empty")
