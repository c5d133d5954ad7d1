import pytest

from tests.data.writers import CRITEO_COLUMNS, lines
from tfcompress.data import count_items, criteo, load
from tfcompress.errors import DataError

ROW = "1\t" + "-1\t\t" * 6 + "7\t" + "\t".join(["68fd1e64", ""] * 13)


@pytest.mark.parametrize(
    ("line", "is_row"),
    [
        (ROW, True),
        (ROW[2:], True),  # without the label
        (ROW.replace("68fd1e64", "68fd1e6g", 1), False),
        ("2" + ROW[1:], False),
        (ROW + "\t", False),
        ("\t" * 39, False),
        ("user\titem", False),
    ],
)
def test_rows_are_recognised(line, is_row):
    assert criteo.is_row(line) == is_row


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text(f"{ROW}\n{ROW.replace('68fd1e64', '00000001', 2)}\n")
    return path


def test_every_category_is_counted_with_its_column(path):
    tokens, counts = count_items(path)
    found = dict(zip(tokens.to_pylist(), counts.tolist(), strict=True))
    assert counts.sum() == 2 * 13
    assert found["C1=68fd1e64"] == found["C3=68fd1e64"] == found["C1=00000001"] == 1
    assert found["C5=68fd1e64"] == 2
    assert not any(token.startswith("C2=") for token in found)
    assert all(counts > 0)


def test_one_column_is_counted_as_it_stands(path):
    tokens, counts = count_items(path, item_column="C5")
    assert (tokens.to_pylist(), counts.tolist()) == (["68fd1e64"], [2])
    with pytest.raises(DataError, match="line 1: column 'C2' is empty"):
        count_items(path, item_column="C2")
    path.write_text(ROW[2:])
    with pytest.raises(DataError, match="no column 'label'"):
        count_items(path, item_column="label")


def test_a_ranker_is_told_which_columns_to_take(tmp_path):
    path = tmp_path / "train.csv"
    rows = [
        (b"%08x" % user, b"%08x" % item, b"%d" % item) for user in range(4) for item in range(4)
    ]
    path.write_bytes(b"\n".join(lines("criteo", rows)))
    with pytest.raises(DataError, match="a ranker needs --user-column and --item-column"):
        load(path)
    data = load(path, **CRITEO_COLUMNS)
    assert (data.format, data.ordered, len(data.train)) == ("criteo", True, 4)


def test_other_tables_are_not_these(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1\t2\t3\n")
    with pytest.raises(DataError, match=r"line 1: expected 40 fields between tabs, .* found '1"):
        load(path, format="criteo", user_column="C1", item_column="C2")
