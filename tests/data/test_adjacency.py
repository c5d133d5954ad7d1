from tfcompress.data import adjacency
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.interactions import rows_by_user


def read(path):
    (rows,), tokens = rows_by_user([adjacency.read(path, BadRows())])
    return [[tokens[int(index)].as_py() for index in row] for row in rows]


def test_a_user_and_its_items_a_line(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("0 10 11 12\n1\n\n2 11 \n0 13\n")
    assert read(path) == [[10, 11, 12, 13], [11]]


def test_users_and_items_are_different_worlds(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("a a b\nb a\n")
    assert read(path) == [["a", "b"], ["a"]]
