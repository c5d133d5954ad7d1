from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tfcompress.data.dataset import Examples
from tfcompress.data.ragged import Ragged
from tfcompress.errors import ConfigError, ModelError
from tfcompress.measure.quality import examine, measure_quality, why_no_quality
from tfcompress.ranking import evaluate
from tfcompress.vocabulary import Vocabulary


@pytest.fixture
def expected(dataset, numpy_scores):
    return evaluate(numpy_scores, dataset.test, length=5)


@pytest.mark.parametrize("mask_history", [True, False])
@pytest.mark.parametrize("k", [3, 10])
def test_the_file_ranks_as_its_weights_do(ranker, dataset, numpy_scores, k, mask_history):
    arguments = {"k": k, "mask_history": mask_history}
    found = measure_quality(ranker.path, ranker.info, dataset, **arguments)
    assert found == evaluate(numpy_scores, dataset.test, length=5, **arguments)
    assert 0 < found.ndcg < 1
    assert found.num_users == len(dataset.test.targets)


def test_any_split_is_measured_and_examined(ranker, dataset, numpy_scores):
    swapped = replace(dataset, valid=dataset.test, test=dataset.valid)
    expected = evaluate(numpy_scores, dataset.test, length=5)
    found = measure_quality(ranker.path, ranker.info, swapped, split="validation")
    assert found == expected
    assert examine(ranker.path, ranker.info, swapped) == (expected, expected.soft_gain)


def test_lists_of_the_best_rank_the_same(top_k_ranker, dataset, expected):
    # 20 items less the at most 8 seen ones are more than 10.
    found = measure_quality(top_k_ranker.path, top_k_ranker.info, dataset)
    assert found == replace(expected, top_k=20, soft_gain=found.soft_gain)
    # A target behind the list gains nothing.
    assert 0 < found.soft_gain < expected.soft_gain


def test_nan_names_the_file_and_the_user(nan_ranker, dataset):
    with pytest.raises(ModelError, match=r"nan\.tflite: user row 0: .*NaN as score 7"):
        measure_quality(nan_ranker.path, nan_ranker.info, dataset)


def test_other_data_are_refused_with_both_hashes(ranker, dataset):
    other = replace(dataset, sha256="b2" * 32)
    with pytest.raises(ConfigError, match=r"trained on data a1a1a1a1a1a1, tiny is b2b2b2b2b2b2"):
        measure_quality(ranker.path, ranker.info, other)


def test_the_same_data_read_with_another_vocabulary_are_refused(ranker, dataset):
    tokens = dataset.vocabulary.tokens
    shorter = Vocabulary(tokens[:-3], dataset.vocabulary.counts[:-3])
    with pytest.raises(ConfigError, match=f"{shorter.sha256[:12]}; read it with the options"):
        measure_quality(ranker.path, ranker.info, replace(dataset, vocabulary=shorter))


@pytest.fixture
def renamed(dataset):
    """The same interactions under another hash, ids in another order, one token unknown."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(dataset.vocabulary.tokens))
    tokens = dataset.vocabulary.tokens.take(pa.array(order)).to_pylist()
    unknown = 2 + int(order[4])  # the model's id of the token that gets another name
    tokens[4] = "never seen"
    new_ids = np.concatenate([[0, 1], 2 + np.argsort(order)]).astype(np.int32)

    def translate(rows):
        return Ragged(new_ids[rows.values], rows.offsets)

    def forget(rows):
        return Ragged(
            np.where(rows.values == unknown, 1, rows.values).astype(np.int32), rows.offsets
        )

    test = dataset.test
    data = replace(
        dataset,
        sha256="c3" * 32,
        vocabulary=Vocabulary(pa.array(tokens), dataset.vocabulary.counts),
        test=Examples(translate(test.history), translate(test.targets)),
    )
    return data, Examples(forget(test.history), forget(test.targets))


def test_remapped_tokens_keep_their_ids_and_unknown_ones_become_1(
    ranker, renamed, vocabulary, numpy_scores
):
    data, same = renamed
    found = measure_quality(ranker.path, ranker.info, data, remap=True, vocabulary=vocabulary)
    assert found == evaluate(numpy_scores, same, length=5)


def test_the_vocabulary_beside_the_model_is_found(ranker, renamed, vocabulary, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(ranker.path.read_bytes())
    with pytest.raises(ConfigError, match=r"vocabulary\.parquet: not there; --remap needs"):
        measure_quality(path, ranker.info, renamed[0], remap=True)
    vocabulary.save(tmp_path / "vocabulary.parquet")
    found = measure_quality(path, ranker.info, renamed[0], remap=True)
    assert found.num_users == len(renamed[0].test.targets)


def test_a_vocabulary_of_another_model_is_refused(ranker, renamed):
    other = Vocabulary(pa.array(["x"]), np.array([1]))
    with pytest.raises(ConfigError, match=f"the one given is {other.sha256[:12]}"):
        measure_quality(ranker.path, ranker.info, renamed[0], remap=True, vocabulary=other)


def test_inputs_and_outputs_of_another_kind_are_refused(ranker, several_inputs, pair, dataset):
    with pytest.raises(ModelError, match=r"several\.tflite: expected one input of ids, found 4"):
        measure_quality(several_inputs.path, ranker.info, dataset)
    with pytest.raises(ModelError, match=r"to come out, found \['float32', 'float32'\]"):
        measure_quality(pair.path, ranker.info, dataset)


def test_a_model_that_is_no_ranker_says_so(ranker, several_inputs):
    assert why_no_quality(ranker.info) is None
    assert "does not describe a sequence ranker" in why_no_quality(several_inputs.info)
