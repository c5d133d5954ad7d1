"""Rounding while a model trains: what the model reads, what is coded, how many bytes it takes."""

import keras
import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.search import ModelTables
from tfcompress.search.coded_sizes import FINEST, fit_step
from tfcompress.search.keras_model.straight_through import StraightThrough
from tfcompress.search.search import START
from tfcompress.training.ranking_task import RankingTask

NAME = "item_embedding/embeddings"


@pytest.fixture
def parts(config, dataset):
    """A task, its model and the tables of it."""
    task = RankingTask(config, dataset)
    model = task.build_model()
    generator = np.random.default_rng(0)
    table = model.get_layer(task.table).embeddings
    table.assign(generator.normal(size=table.shape))
    return task, model, ModelTables(model, [NAME], {task.table: dataset.id_counts})


def fit(task, model, rounding):
    trainer = task.trainer(model)
    trainer.compile(optimizer=keras.optimizers.Adam(0.02), loss=task.loss)
    trainer.fit(task.batches(0), verbose=0, callbacks=[rounding], shuffle=False)


def test_the_model_reads_coded_tables_and_floats_are_trained(parts):
    task, model, tables = parts
    variable, trained = tables.variables[0], np.array(tables.variables[0])
    rounding = StraightThrough(tables, START, max_bytes=900, every=3)
    first = rounding.coded
    rounding.begin()
    np.testing.assert_array_equal(variable, first.tables[NAME].dequantize())
    fit(task, model, rounding)
    assert rounding.coded.settings != first.settings, "not coded anew while it trained"
    coded = rounding.finish()
    np.testing.assert_array_equal(variable, coded.tables[NAME].dequantize())
    assert 0.9 * 900 < coded.nbytes <= 900
    assert not np.array_equal(coded.tables[NAME].integers, first.tables[NAME].integers)
    # What is coded is the trained table moved a little, not what rounding left of it.
    floats = tables._trained[NAME]
    moved = np.abs(floats - trained).max()
    assert 0 < moved < 1
    assert np.square(floats - trained).mean() < 0.1 * np.square(np.array(variable) - trained).mean()


def test_without_training_the_floats_stay(parts):
    task, model, tables = parts
    trained = np.array(tables.variables[0])
    rounding = StraightThrough(tables, START, max_bytes=900, every=1)
    rounding.set_model(task.trainer(model))
    rounding.begin()
    first = rounding.coded
    rounding.finish()
    np.testing.assert_allclose(tables._trained[NAME], trained, atol=1e-6)
    assert abs(rounding.coded.nbytes / first.nbytes - 1) < 0.02


def test_a_restart_goes_back_to_what_was_coded_first(parts):
    task, model, tables = parts
    rounding = StraightThrough(tables, START, max_bytes=900, every=3)
    rounding.begin()
    first, floats = rounding.coded, np.array(tables._trained[NAME])
    fit(task, model, rounding)
    assert rounding.finish().nbytes != first.nbytes or rounding.coded.settings != first.settings
    rounding.restart()
    assert rounding.coded is first
    np.testing.assert_array_equal(tables.variables[0], first.tables[NAME].dequantize())
    np.testing.assert_array_equal(tables._trained[NAME], floats)


def test_bytes_that_cannot_be_kept_are_told(parts):
    tables = parts[2]
    assert 0.97 * 1500 < fit_step(tables.encode, START, 1500).nbytes <= 1500
    with pytest.raises(ConfigError, match="max_bytes: 50 bytes are asked for, the tables take"):
        fit_step(tables.encode, START, 50)


def test_bytes_beyond_what_the_finest_step_takes_are_not_pursued(parts):
    task, model, tables = parts
    rounding = StraightThrough(tables, START, max_bytes=10**6, every=1)
    rounding.begin()
    fit(task, model, rounding)
    assert rounding.coded.settings.step >= FINEST
    assert FINEST <= rounding.finish().settings.step < START.step
