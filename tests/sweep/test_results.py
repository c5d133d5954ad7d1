import json

import pytest

from tests.sweep.conftest import artefacts
from tfcompress.errors import DataError
from tfcompress.sweep import Results, read_rows
from tfcompress.sweep.artefact import Measured
from tfcompress.sweep.results import fail, new_row

PLANNED = artefacts(embedding="full", seed=[0, 1])
ROWS = [new_row(artefact) for artefact in PLANNED]


@pytest.fixture
def results(tmp_path):
    results = Results(tmp_path)
    for row in ROWS[:2]:
        results.append(row)
    return results


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_a_torn_last_line_is_cut_off(results, tmp_path, kept):
    whole = results.path.read_bytes()
    line = json.dumps(ROWS[2]).encode()
    results.path.write_bytes(whole + line[:kept])
    assert [row["key"] for row in read_rows(tmp_path)] == [row["key"] for row in ROWS[:2]]
    healed = Results(tmp_path)
    assert healed.path.read_bytes() == whole
    healed.append(ROWS[2])
    assert read_rows(tmp_path) == ROWS[:3]


def test_a_line_that_is_complete_but_for_its_end_is_cut_off_too(tmp_path):
    (tmp_path / "results.jsonl").write_text(json.dumps(ROWS[0]))
    assert Results(tmp_path).rows == {}
    assert (tmp_path / "results.jsonl").read_bytes() == b""


@pytest.mark.parametrize("line", ["", "{", "[]", "1", '{"key": "x"}'])
def test_another_bad_line_is_an_error_that_names_it(results, line):
    results.path.write_text(line + "\n" + results.path.read_text())
    with pytest.raises(DataError, match=r"results.jsonl, line 1: is no row"):
        Results(results.path.parent)


def test_no_row_comes_twice(results):
    with pytest.raises(ValueError, match="has a row already"):
        results.append(ROWS[0])


def test_the_last_row_of_a_file_counts(results, tmp_path):
    plain, other = PLANNED[:2]
    less = plain.model_copy(update={"measured": Measured(latency=False)})
    assert less.file_key == plain.file_key != other.file_key
    assert results.of_file(less) == ROWS[0]
    again = ROWS[0] | {"valid": {"ndcg@10": 0.5}}
    results.add_again(new_row(less))
    results.add_again(again)
    # A failed row is none of a file; nor is one of another version, which stays all the same.
    results.append(fail(new_row(PLANNED[2]), "too wide", "training"))
    foreign = {"training": {"config": {}}, "method": "magic"}
    results.append({"key": "x", "config": foreign, "status": "done"})
    for read in (results, Results(tmp_path)):
        assert read.of_file(less) == read.rows[plain.key] == again
        assert read.of_file(other) == ROWS[1]
        assert read.of_file(PLANNED[2]) is None
        assert set(read.rows) == {plain.key, less.key, other.key, PLANNED[2].key, "x"}
    assert len(read_rows(tmp_path)) == 6


def test_a_folder_without_rows_has_none(tmp_path):
    assert read_rows(tmp_path) == []
