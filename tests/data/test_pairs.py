import pytest

from tfcompress.data import lines, pairs
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.interactions import rows_by_user
from tfcompress.errors import DataError


def read(path):
    (rows,), tokens = rows_by_user([pairs.read(path, BadRows())])
    return [[tokens[int(index)].as_py() for index in row] for row in rows]


@pytest.mark.parametrize("size", [5, 1000])
def test_one_interaction_a_line_users_may_be_mixed(tmp_path, monkeypatch, size):
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    path = tmp_path / "data.txt"
    path.write_text("ann  x1\nbob\tx2\n\n ann x3 \nann x3")
    assert read(path) == [["x1", "x3", "x3"], ["x2"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2\n1\n", """, line 2: expected "user item", found 1 tokens: '1'; correct"""),
        ("1 2\n\n1 2 3\n", """, line 3: expected "user item", found 3 tokens: '1 2 3'"""),
        ("user item\n1 2\n", ", line 1: names columns: 'user item'; remove it"),
        ("", "is empty"),
    ],
)
def test_other_lines_are_refused(tmp_path, text, message):
    path = tmp_path / "data.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read(path)
