"""`tfcompress train`: interactions or labelled texts in, a run directory out.

The defaults stand here again, because reading them from the configuration would import pydantic for
every `--help`; a test holds them equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcompress.choices import BadRows, Loss, Model
from tfcompress.errors import ConfigError
from tfcompress.memory import keep_freed_memory
from tfcompress_cli import console, data_options, fine_tune
from tfcompress_cli.console import Backend
from tfcompress_cli.training_progress import QUALITY_NAMES, showing

if TYPE_CHECKING:
    from tfcompress.training import TrainConfig

Option = typer.Option
DataPanel = data_options.PANEL
TrainingPanel = "Training"
TuningPanel = "Fine-tuning for few bytes"


def train(
    context: typer.Context,
    out: Annotated[Path, Option(help="Run directory to make.")],
    data: Annotated[
        str | None,
        typer.Argument(
            help="A name (synthetic, synthetic-text, movielens-1m, ...), a file or a directory. "
            "Left out with --from, it is that of the run.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Model,
        Option(help="What to train: on interactions, or on lines of label<TAB>text."),
    ] = "sequence-ranker",
    embedding: Annotated[
        str, Option(help="full, truncated, hash, memcom, ...; an unknown name lists them.")
    ] = "memcom",
    ratio: Annotated[
        float | None,
        Option(help="Full table over compressed table, in parameters.", show_default="16; full: 1"),
    ] = None,
    dim: Annotated[int, Option(help="Width of an embedding.")] = 64,
    tie: Annotated[
        bool, Option("--tie", help="Score against the input table: no output matrix.")
    ] = False,
    source: Annotated[
        Path | None,
        Option(
            "--from",
            help="A finished run to go on from, its tables rounded: for an epoch, from the "
            "learning rate of its training down to 0, where nothing else is said. Needs "
            "--quantize.",
            metavar="RUN",
            rich_help_panel=TuningPanel,
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        Option(
            help="How small the tables are to be: 85x (than float32), 60KB, or what convert "
            "--curve wrote.",
            rich_help_panel=TuningPanel,
        ),
    ] = None,
    epochs: Annotated[int, Option(help="At most this many.")] = 30,
    seed: Annotated[int, Option(help="Same seed, same machine, same weights.")] = 0,
    resume: Annotated[bool, Option("--resume", help="Go on with an interrupted run.")] = False,
    backend: Annotated[Backend, Option(help="Of Keras.", envvar="KERAS_BACKEND")] = "tensorflow",
    history_length: Annotated[
        int, Option(help="Items of history the model reads.", rich_help_panel=TrainingPanel)
    ] = 50,
    hidden_units: Annotated[
        str, Option(help="Widths of the tower, such as 128,64.", rich_help_panel=TrainingPanel)
    ] = "128",
    dropout: Annotated[float, Option(rich_help_panel=TrainingPanel)] = 0.3,
    loss: Annotated[
        Loss,
        Option(help="Softmax; auto is full up to 2,000 items.", rich_help_panel=TrainingPanel),
    ] = "auto",
    num_negatives: Annotated[
        int, Option(help="Of sampled softmax, a batch.", rich_help_panel=TrainingPanel)
    ] = 1024,
    batch_size: Annotated[int, Option(rich_help_panel=TrainingPanel)] = 512,
    learning_rate: Annotated[float, Option(help="Of Adam.", rich_help_panel=TrainingPanel)] = 2e-3,
    patience: Annotated[
        int,
        Option(
            help="Epochs without gain before the rate drops, then before stopping.",
            rich_help_panel=TrainingPanel,
        ),
    ] = 3,
    rate_drop: Annotated[
        float,
        Option(
            help="Learning rate of the end over that of the start; 1: stop instead.",
            rich_help_panel=TrainingPanel,
        ),
    ] = 0.25,
    format: data_options.Format = None,
    user_column: data_options.UserColumn = None,
    item_column: data_options.ItemColumn = None,
    time_column: data_options.TimeColumn = None,
    min_count: Annotated[
        int, Option(help="Rarer items or words become id 1.", rich_help_panel=DataPanel)
    ] = 1,
    max_items: Annotated[
        int | None, Option(help="Keep the most frequent ones.", rich_help_panel=DataPanel)
    ] = None,
    bad_rows: Annotated[
        BadRows,
        Option(help="Rows that cannot be used: stop, or count them.", rich_help_panel=DataPanel),
    ] = "error",
    max_words: Annotated[
        int | None,
        Option(help="Texts: words that count.", show_default="64", rich_help_panel=DataPanel),
    ] = None,
    bigram_buckets: Annotated[
        int | None,
        Option(help="Texts: of hashed bigrams.", show_default="16384", rich_help_panel=DataPanel),
    ] = None,
) -> None:
    """Train a ranker or a classifier with a full or a compressed embedding.

    Example: tfcompress train synthetic --out runs/memcom --embedding memcom --ratio 16

    With --from, a run is trained on while its tables are rounded, to lose less in few bytes:
    tfcompress train --from runs/full --quantize 100x --out runs/coarse
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, place in sources.items() if place and place.name != "DEFAULT"}
    if source is not None:
        fine_tune.check_options(given, quantize)
        fine_tune.fine_tune(
            source,
            out,
            str(quantize),
            backend=backend,
            data=data,
            epochs=epochs if "epochs" in given else 1,
            learning_rate=learning_rate if "learning_rate" in given else None,
            seed=seed if "seed" in given else None,
        )
        return
    if quantize is not None:
        raise ConfigError("--quantize: needs --from, a finished run to go on from")
    if data is None:
        raise ConfigError("DATA: name a data set, a file or a directory to train on")
    from tfcompress.training.config import TrainConfig

    values: dict[str, Any] = {
        "data": {
            "source": data,
            "format": format,
            "user_column": user_column,
            "item_column": item_column,
            "time_column": time_column,
            "min_count": min_count,
            "max_items": max_items,
            "bad_rows": bad_rows,
            "max_words": max_words,
            "bigram_buckets": bigram_buckets,
        },
        "model": model,
        "embedding": embedding,
        "dim": dim,
        "tie": tie,
        "history_length": history_length,
        "hidden_units": tuple(part for part in hidden_units.split(",") if part),
        "dropout": dropout,
        "loss": loss,
        "num_negatives": num_negatives,
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "rate_drop": rate_drop,
        "seed": seed,
    }
    if ratio is not None:
        values["ratio"] = ratio
    config = TrainConfig.parse(values)
    metrics = run_training(config, out, resume=resume, backend=backend)
    if metrics["ended_by"] == "epochs":
        console.remark(
            f"--epochs {epochs} ended it before validation got no better"
            f"{' at the lower rate' * (rate_drop < 1)}; --resume --epochs {2 * epochs} goes on"
        )


def run_training(
    config: TrainConfig, out: Path, *, resume: bool = False, backend: Backend = "tensorflow"
) -> dict[str, Any]:
    """Trains with a progress bar and a line per epoch; returns the content of metrics.json."""
    keep_freed_memory()
    with console.err.status("Loading Keras and the data"):
        console.use_backend(backend)
        from tfcompress.training import Run
        from tfcompress.training import train as train_run

    console.download(config.data.source)
    with showing() as shown:
        metrics = train_run(
            config,
            Run(out),
            resume=resume,
            on_data=shown.data,
            on_batch=shown.batch,
            on_epoch=shown.epoch,
        )
    sizes, watched = metrics["parameters"], metrics["watched"]
    console.say(
        f"{out}: {config.embedding}, table {sizes['table']:,} parameters "
        f"({sizes['table_ratio']:.1f}x smaller than {sizes['full_table']:,}), "
        f"validation {QUALITY_NAMES[watched]} {metrics['valid'][watched]:.4f} after epoch "
        f"{metrics['best_epoch'] + 1}"
    )
    return metrics
