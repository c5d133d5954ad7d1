"""Public data sets as they lie in shared/data beside the checkout; skipped where absent."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tfcompress.data import count_items, load

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def path_of(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


def lines_of(path):
    return [line.split() for line in path.read_text().splitlines()]


def decoded(data, row):
    return [str(token) for token in data.vocabulary.decode(row).to_pylist()]


def test_ml1m_sequences():
    path = path_of("ml1m_seq")
    data = load(path)
    assert (data.name, data.format, data.split, data.ordered) == (
        "ml1m_seq", "sequences", "given", True
    )  # fmt: skip
    assert len(data.train) == len(data.test.targets) == 6_040
    assert len(data.vocabulary.tokens) == 3_416
    assert len(data.train.values) == 987_019
    assert len(data.valid.targets) == 512
    train = lines_of(path / "train_input.txt")
    counts = Counter(token for line in train for token in line)
    best, worst = data.vocabulary.tokens[0].as_py(), data.vocabulary.tokens[-1].as_py()
    assert data.vocabulary.counts[0] == counts[str(best)] == max(counts.values())
    assert data.vocabulary.counts[-1] == counts[str(worst)] == min(counts.values())
    targets = [line[0] for line in lines_of(path / "test_output.txt")]
    for user in (0, 13, 6_039):
        assert decoded(data, data.train[user]) == train[user]
        assert decoded(data, data.test.history[user]) == train[user]
        assert decoded(data, data.test.targets[user]) == [targets[user]]
    assert not (data.test.targets.values == 1).any()


def test_ml1m_validation_histories_are_training_lines_and_one_more_item():
    path = path_of("ml1m_seq")
    train = {tuple(line) for line in lines_of(path / "train_input.txt")}
    histories = lines_of(path / "val_input.txt")
    assert all(tuple(line[:-1]) in train and tuple(line) not in train for line in histories)


def test_amazon_games_pairs():
    path = path_of("amazon_games_seq")
    data = load(path)
    assert (data.format, data.split, data.ordered) == ("pairs", "leave-one-out", True)
    assert len(data.train) == 31_013
    assert len(data.test.targets) == len(data.valid.targets) == 31_013 - 112
    assert len(data.train.values) == 287_107 - 2 * len(data.test.targets)
    tokens, counts = count_items(path)
    assert len(tokens) == 23_715
    assert counts.sum() == 287_107
    top = np.sort(counts)[::-1][: len(counts) // 100].sum() / counts.sum()
    assert top == pytest.approx(0.169, abs=0.001)
    first = [line[1] for line in lines_of(path / "Video.txt") if line[0] == "1"]
    assert decoded(data, data.train[0]) == first[:-2]
    assert decoded(data, data.test.history[0]) == first[:-1]
    assert decoded(data, data.test.targets[0]) == first[-1:]


def test_gowalla_adjacency():
    path = path_of("gowalla")
    data = load(path)
    assert (data.format, data.split, data.ordered) == ("adjacency", "given", False)
    assert len(data.train) == 29_858
    assert len(data.train.values) == 719_081
    assert len(data.valid.targets.values) == 91_047
    assert len(data.test.targets.values) == 217_242
    train, valid, test = (lines_of(path / f"{part}.txt") for part in ("train", "valid", "test"))
    items = {item for part in (train, valid, test) for line in part for item in line[1:]}
    assert len(items) == 40_981
    assert len(data.vocabulary.tokens) == len({item for line in train for item in line[1:]})
    last = data.test.history[0][-(len(train[0]) - 1) :]
    assert decoded(data, last) == train[0][1:]
    assert len(data.test.history[0]) == len(train[0]) + len(valid[0]) - 2
    assert decoded(data, data.test.targets[0]) == test[0][1:]


def test_ml100k_table_with_times():
    path = path_of("ml100k")
    data = load(path)
    assert (data.format, data.split, data.ordered) == ("recbole", "leave-one-out", True)
    assert len(data.train) == 943
    assert len(data.train.values) == 100_000 - 2 * 943
    rows = [line for line in lines_of(path / "ml-100k.inter")[1:] if line[0] == "196"]
    rows.sort(key=lambda row: int(row[3]))
    assert decoded(data, data.test.history[0])[:-1] == [row[1] for row in rows[:-2]]


def test_criteo_rows():
    path = path_of("ctr_smoke") / "criteo"
    parts = {
        part: [line.split("\t") for line in (path / f"{part}.csv").read_text().splitlines()]
        for part in ("train", "dev", "test")
    }
    fields = parts["train"]
    tokens, counts = count_items(path / "train.csv")
    assert len(tokens) == len({(k, row[k]) for row in fields for k in range(14, 40) if row[k]})
    assert counts.sum() == sum(field != "" for row in fields for field in row[14:])
    data = load(path, user_column="C7", item_column="C3", bad_rows="skip")
    assert (data.format, data.split, data.ordered) == ("criteo", "given", True)
    assert len(data.train.values) == sum(row[16] != "" for row in fields)
    rows = [row for part in parts.values() for row in part]
    assert data.skipped_rows == sum(row[16] == "" or row[20] == "" for row in rows)
