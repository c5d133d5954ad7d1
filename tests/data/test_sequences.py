import pytest

from tfcompress.data import sequences
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.interactions import rows_by_user
from tfcompress.errors import DataError

FILES = {
    "train_input": "5 6 7\n6 8\n9 5 5\n",
    "val_input": "6 8 9\n",
    "val_output": "5\n",
    "test_output": "8\n7\n6 9\n",
}


def write(folder, files):
    paths = {name: folder / f"{name}.txt" for name in files}
    for name, path in paths.items():
        path.write_text(files[name])
    return paths


def read(folder, files, bad=None):
    split, tokens = sequences.read_directory(write(folder, files), bad or BadRows())

    def decode(rows):
        return [[tokens[int(index)].as_py() for index in row] for row in rows]

    return split, decode


def test_one_file_has_one_sequence_a_line(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("5 6\n\n7\n5 6\n")
    (rows,), tokens = rows_by_user([sequences.read(path, BadRows())])
    assert [[tokens[int(i)].as_py() for i in row] for row in rows] == [[5, 6], [7], [5, 6]]


def test_lines_belong_together_by_their_number(tmp_path):
    split, decode = read(tmp_path, FILES)
    assert (split.name, split.ordered, split.notes) == ("given", True, ())
    assert decode(split.train) == [[5, 6, 7], [6, 8], [9, 5, 5]]
    assert decode(split.valid.history) == [[6, 8, 9]]
    assert decode(split.valid.targets) == [[5]]
    assert decode(split.test.history) == decode(split.train)
    assert decode(split.test.targets) == [[8], [7], [6, 9]]


def test_test_input_is_the_history_where_it_is_there(tmp_path):
    split, decode = read(tmp_path, FILES | {"test_input": "5\n\n7\n"})
    assert decode(split.test.history) == [[5], [], [7]]


def test_without_validation_files_the_last_training_item_is_held_out(tmp_path):
    files = {name: text for name, text in FILES.items() if "val" not in name}
    split, decode = read(tmp_path, files)
    assert decode(split.train) == [[5, 6], [6], [9, 5]]
    assert decode(split.valid.history) == [[5, 6], [6], [9, 5]]
    assert decode(split.valid.targets) == [[7], [8], [5]]
    assert decode(split.test.history) == [[5, 6, 7], [6, 8], [9, 5, 5]]
    assert "no validation file" in split.notes[0]


def test_a_user_without_training_items_keeps_the_line_numbers_right(tmp_path):
    split, decode = read(tmp_path, FILES | {"train_input": "5 6 7\n\n9 5 5\n"})
    assert decode(split.train) == [[5, 6, 7], [9, 5, 5]]
    assert decode(split.test.history) == [[5, 6, 7], [], [9, 5, 5]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"test_output": "8\n7\n"}, "test_output.txt: has 2 lines, but train_input.txt has 3"),
        ({"val_output": "8\n7\n"}, "val_output.txt: has 2 lines, but val_input.txt has 1"),
        ({"test_output": "8\n\n6\n"}, "test_output.txt, line 2: is blank; write the target"),
        ({"train_input": ""}, "train_input.txt: is empty"),
    ],
)
def test_files_that_do_not_fit_together(tmp_path, changed, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, FILES | changed)


@pytest.mark.parametrize("name", ["val_input", "val_output"])
def test_half_of_a_validation_pair(tmp_path, name):
    files = {key: text for key, text in FILES.items() if key != name}
    with pytest.raises(DataError, match=f"has no {name} beside it"):
        read(tmp_path, files)


@pytest.mark.parametrize(
    ("changed", "count", "train", "valid", "test"),
    [
        ({"test_output": "8\n\n6 9\n"}, 1, 3, [[5]], [[8], [6, 9]]),
        ({"test_output": "8\n7\0\n6 9\n"}, 1, 3, [[5]], [[8], [6, 9]]),
        ({"train_input": "5 6 7\n6\0\n9 5 5\n"}, 1, 2, [[5]], [[8], [6, 9]]),
        ({"train_input": "5\0\n6 8\n9 5 5\n", "test_output": "8\0\n7\n\n"}, 3, 2, [[5]], [[7]]),
        ({"val_input": "\0\n6 8 9\n", "val_output": "5\n6\n"}, 1, 3, [[6]], [[8], [7], [6, 9]]),
    ],
)
def test_bad_lines_leave_their_examples_out(tmp_path, changed, count, train, valid, test):
    with pytest.raises(DataError, match=r"line \d: .*--bad-rows skip"):
        read(tmp_path, FILES | changed)
    bad = BadRows("skip")
    split, decode = read(tmp_path, FILES | changed, bad)
    assert bad.total == count
    assert len(split.train) == train
    assert decode(split.valid.targets) == valid
    assert decode(split.test.targets) == test
    assert len(split.test.history) == len(test)
