"""A trained run trained on with rounded tables, into a run of its own.

What is trained for are the answers of the trained model, not labels: at 115x less than float32 on
amazon_games_seq labels win back 1.1 % of the nDCG@10 on validation, the answers 3.9 %.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from tfcompress import layers
from tfcompress.errors import ConfigError
from tfcompress.files import write_file
from tfcompress.memory import keep_freed_memory
from tfcompress.rate_distortion import TransformedTable
from tfcompress.rate_distortion.stored_tables import tables_to_bytes
from tfcompress.search.budget import check_one_given
from tfcompress.search.keras_model.measures import Measures
from tfcompress.search.keras_model.straight_through import StraightThrough
from tfcompress.search.keras_model.tables import ModelTables
from tfcompress.search.run.quality import RunQuality
from tfcompress.search.run.tuning import Tuning
from tfcompress.search.settings import Settings
from tfcompress.search.shipped_bytes import shipped_bytes
from tfcompress.training.checkpoint import Progress
from tfcompress.training.config import FineTuning, TrainConfig
from tfcompress.training.loop import make_deterministic, run_metrics
from tfcompress.training.run import Run
from tfcompress.training.variables import assign

if TYPE_CHECKING:
    from tfcompress.training.epoch import BatchDone
    from tfcompress.training.loop import EpochDone

_CODINGS = 40
"""Of an epoch: tables are coded anew so many times."""


@dataclass(frozen=True)
class Coarseness:
    """How coarse tables are to be; one of the three is given.

    Attributes:
        times_smaller: float or None. Bytes of the tables as float32 over what they may take.
        max_bytes: float or None. What they may take.
        settings: Settings or None. How tables are coded, the step too, as a search found it: they
            may take what the trained tables take then. The other two code as a search begins.
    """

    times_smaller: float | None = None
    max_bytes: float | None = None
    settings: Settings | None = None

    def __post_init__(self) -> None:
        """Checks that one is given, and in its range."""
        check_one_given(vars(self), positive=("times_smaller", "max_bytes"))

    def bytes_of(self, tables: ModelTables) -> float:
        """What these tables may take."""
        if self.settings is not None:
            return float(tables.encode(self.settings).nbytes)
        if self.times_smaller is not None:
            return tables.float_bytes / self.times_smaller
        assert self.max_bytes is not None
        return self.max_bytes


def fine_tune(
    source: Run,
    run: Run,
    coarseness: Coarseness,
    *,
    epochs: int = 1,
    learning_rate: float | None = None,
    seed: int | None = None,
    data: str | None = None,
    on_batch: BatchDone | None = None,
    on_epoch: EpochDone | None = None,
) -> dict[str, Any]:
    """Trains a run on while its tables are rounded, and keeps what the last epoch gives.

    It is trained twice, without dropout and with that of the source: which one is better depends on
    how far the trained model overfits. What is kept is the best by the smooth companion of the
    quality on validation (`Task.examine`), tables coded and dense layers refitted without training
    among them.

    The new run is one like any other, its model holding the coded tables as floats; the tables
    themselves lie beside it, and `convert` stores them as they are.

    Args:
        source: Run. A finished one.
        run: Run. A new directory.
        coarseness: Coarseness.
        epochs: int.
        learning_rate: float or None. Of Adam at the start, falling to 0 along a line. None takes
            that of the source's training, its first one.
        seed: int or None. None takes that of the source.
        data: str or None. Where the data of the source lie now; None where they lay then.
        on_batch: callable or None. Called with (epoch, batches done, batches in all).
        on_epoch: callable or None. Called with the epoch's entry of the history.

    Returns:
        The content of metrics.json: that of a training, and "fine_tuning": whether training
        `helps`, the `dropout` of the better one, what the model gave on "validation" and "test"
        before (`started_from`) and with coded tables but no training (`coded_only`), `table_bytes`,
        `float_bytes`, `step`.

    Raises:
        ConfigError: `run` exists, or another training is running there; `source` cannot be
            fine-tuned, or the data are others; the loss is no finite number.
    """
    config = _config(source, epochs, learning_rate, seed, data)
    _refuse_finished(run, source)
    keep_freed_memory()
    # Before models are loaded: dropout draws its seed then.
    make_deterministic(config.seed)
    model = source.model()
    measured = RunQuality(source, model, data)
    started_from = measured.splits(model)
    tables, settings = _coded_tables(model, measured)
    settings = coarseness.settings or settings
    max_bytes = coarseness.bytes_of(tables)
    config = config.model_copy(update={"fine_tuning": _fine_tuning(source, max_bytes, settings)})

    task = type(measured.task)(config, measured.dataset)
    # Batches that no epoch of the training had.
    first = source.config().epochs
    batches = [task.batches(first + epoch) for epoch in range(config.epochs)]
    rounding = StraightThrough(tables, settings, max_bytes, max(1, len(batches[0]) // _CODINGS))
    rounding.begin()
    tuning = Tuning(model, source.model(), task, batches, rounding, on_batch, on_epoch)
    # As `convert` would have them without training.
    coded_only, on_test = tuning.reached(), measured.on_test(model)
    with run.held():
        _refuse_finished(run, source)
        run.start(config, measured.dataset.vocabulary)

        dropouts = dict.fromkeys((0.0, config.dropout))
        # One after the other: weights are held of the best alone.
        ways = (tuning.train(coded_only.weights, dropout) for dropout in dropouts)
        best = max(ways, key=lambda way: way.soft)
        helps = best.soft > coded_only.soft
        kept = best if helps else coded_only
        assign(model.variables, kept.weights)
        # The rate has come down to nothing there; what was better before was so by luck.
        progress = Progress(
            data_sha256=measured.dataset.sha256,
            watched=task.watched,
            history=best.history,
            best_epoch=config.epochs - 1,
        )
        metrics = run_metrics(task, model, progress)
        metrics["valid"] = kept.quality
        metrics["fine_tuning"] = {
            "helps": helps,
            "dropout": best.dropout,
            "started_from": started_from,
            "coded_only": {"validation": coded_only.quality[measured.metric], "test": on_test},
            "table_bytes": kept.coded.nbytes,
            "float_bytes": tables.float_bytes,
            "step": kept.coded.settings.step,
        }
        write_file(run.tables_file, tables_to_bytes(kept.coded.tables))
        run.finish(model, metrics)
        return metrics


def _config(
    source: Run, epochs: int, learning_rate: float | None, seed: int | None, data: str | None
) -> TrainConfig:
    """The configuration of the source, but for what may differ."""
    before = source.config()
    if before.fine_tuning is not None:
        raise ConfigError(
            f"{source.path}: has coded tables already; go on from {before.fine_tuning.run}, which "
            "it was made from"
        )
    fields = before.model_dump(exclude={"fine_tuning"})
    given = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
    fields |= {name: value for name, value in given.items() if value is not None}
    if data is not None:
        fields["data"]["source"] = data
    return TrainConfig.parse(fields)


def _fine_tuning(source: Run, max_bytes: float, settings: Settings) -> FineTuning:
    ways = {name: value for name, value in vars(settings).items() if name != "step"}
    digest = hashlib.sha256(source.model_file.read_bytes()).hexdigest()
    return FineTuning(run=str(source.path), model_sha256=digest, max_bytes=max_bytes, **ways)


def _refuse_finished(run: Run, source: Run) -> None:
    """Raises `ConfigError` for a directory that holds a run of any kind."""
    if run.path.resolve() == source.path.resolve():
        raise ConfigError(f"{run.path}: is the run to go on from; name another directory")
    if run.checkpoints.is_dir() or run.metrics_file.exists():
        raise ConfigError(f"{run.path}: holds a run already; choose another --out")
    if Run.is_run(run.path):
        run.config()  # A folder of somebody else's is left alone.


def _coded_tables(model: keras.Model, measured: RunQuality) -> tuple[ModelTables, Settings]:
    """The tables of the embedding that the run is about, and how they are coded at first."""
    from tfcompress.tflite.tables.table_reads import TableReads

    task, samples = measured.task, measured.samples(model)
    layer = model.get_layer(task.table)
    measures = Measures.of(model, samples, [layer], [layer])
    # Where rows are read as they are, the rotation goes into the layers around them.
    folds = task.config.embedding == "full"
    reads = TableReads(others=int(task.config.tie), is_folded=folds)

    def size_of(name: str, table: TransformedTable) -> int:
        del name
        return shipped_bytes(table, "delegate", reads)

    tables = ModelTables(
        model,
        [f"{task.table}/{key}" for key in layers.layer_tables(layer)],
        samples.counts,
        samples.fresh,
        logits=samples.logits,
        metrics=measures.metrics,
        row_metrics=measures.row_metrics,
        size_of=size_of,
        refit=measures.refit,
    )
    return tables, measures.start
