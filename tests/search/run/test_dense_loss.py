from importlib import import_module

import pytest

from tfcompress.data import LOADERS
from tfcompress.errors import ConfigError
from tfcompress.search import Budget
from tfcompress.search.run import search as run_search
from tfcompress.search.run.dense_loss import dense_loss
from tfcompress.search.run.quality import RunQuality
from tfcompress.search.run.search import search_run
from tfcompress.search.tflite_file.quality import FileQuality
from tfcompress.tflite import inspect_model
from tfcompress.tflite.export import export


@pytest.fixture
def measured(trained, dataset, monkeypatch):
    monkeypatch.setitem(LOADERS, "sequence-ranker", lambda source, **options: dataset)
    return RunQuality(trained, trained.model())


def test_it_is_what_the_files_lose(trained, measured):
    model = trained.model()
    assert dense_loss(model, measured, "float32") == 0
    assert 0 <= dense_loss(model, measured, "int8") < 0.05


def test_the_model_is_exported_once(trained, measured, monkeypatch):
    exports = []

    def counting(model):
        exports.append(model)
        return export(model)

    # The package has a function of the module's name.
    monkeypatch.setattr(import_module("tfcompress.tflite.export"), "export", counting)
    assert dense_loss(trained.model(), measured, "int8") >= 0
    assert len(exports) == 1


def test_coarser_weights_are_compared_with_the_trained_ones(trained, measured, monkeypatch):
    seen = []

    def examine(files, content):
        seen.append({constant.dtype for constant in inspect_model(content).constants})
        return (0.6 if "int8" in seen[-1] else 0.8), 0.0

    monkeypatch.setattr(FileQuality, "examine", examine)
    monkeypatch.setattr("tfcompress.search.steady_quality._SUFFICES", 0)
    assert dense_loss(trained.model(), measured, "int8") == pytest.approx(0.25)
    plain, coarse = seen
    assert "int8" in coarse
    assert "int8" not in plain


def test_a_model_without_any_quality_has_none_to_lose(trained, measured, monkeypatch):
    monkeypatch.setattr(FileQuality, "examine", lambda files, content: (0.0, 0.0))
    assert dense_loss(trained.model(), measured, "int8") == 0


def test_it_comes_off_the_loss_accepted(trained, measured, monkeypatch):
    budgets = []

    def find_tables(tables, budget, **options):
        budgets.append(budget)
        return run_search.Found(None, {}, 1.0, 1, ())

    monkeypatch.setattr("tfcompress.search.keras_model.search.find_tables", find_tables)
    monkeypatch.setattr(run_search, "dense_loss", lambda *args, **options: 0.03)
    for budget in (Budget(max_loss=0.05), Budget(max_bytes=1e4)):
        found = search_run(trained.model(), budget, measured, dense_dtype="int4", refit=False)
    assert found.dense_loss == 0
    assert budgets[0].max_loss == pytest.approx(0.02)
    assert budgets[1] == Budget(max_bytes=1e4)
    with pytest.raises(ConfigError, match=r"got 3.00%, but dense weights as int4 lose 3.00%"):
        search_run(trained.model(), Budget(max_loss=0.03), measured, dense_dtype="int4")
