"""`tfcompress demo`: the whole way on synthetic data, from the data to the comparison."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcompress.choices import Model, TableDtype
from tfcompress.errors import ConfigError, TfcompressError
from tfcompress_cli import console

if TYPE_CHECKING:
    from tfcompress.training import TrainConfig

Option = typer.Option

RATIO = 16.0
SETTINGS: dict[str, dict[str, Any]] = {
    "sequence-ranker": {
        "data": {"source": "synthetic"},
        "history_length": 10,
        "epochs": 5,
        "learning_rate": 5e-3,
    },
    "text-classifier": {
        "data": {"source": "synthetic-text", "max_words": 32, "bigram_buckets": 4096},
        "epochs": 8,
        "patience": 2,
    },
}
"""Short inputs and few epochs: enough to see the differences, quick enough to wait for."""
EMBEDDINGS: dict[str, dict[str, Any]] = {
    "full": {"embedding": "full"},
    "hash": {"embedding": "hash", "ratio": RATIO},
    "memcom": {"embedding": "memcom", "ratio": RATIO},
}
FILES: dict[str, tuple[str, TableDtype]] = {
    # file name: (run, dtype of the tables)
    "full-float32.tflite": ("full", "float32"),
    "full-int8.tflite": ("full", "int8"),
    "hash-16x.tflite": ("hash", "float32"),
    "memcom-16x.tflite": ("memcom", "float32"),
}


def demo(
    out: Annotated[Path, Option(help="Where runs and .tflite files go.")] = Path("demo"),
    model: Annotated[Model, Option(help="What to train.")] = "sequence-ranker",
    seed: Annotated[int, Option(help="Of all three trainings.")] = 0,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace an earlier demo.")] = False,
) -> None:
    """Train three models on synthetic data, convert them, compare the files. Under 3 minutes."""
    from tfcompress.files import refuse_existing

    started = time.perf_counter()
    refuse_existing(out, overwrite=overwrite)
    for path in [out / name for name in EMBEDDINGS if _is_demo(out / name)]:
        shutil.rmtree(path)

    from tfcompress import report
    from tfcompress_cli.convert import convert_file
    from tfcompress_cli.measure import measure_side_by_side
    from tfcompress_cli.train import run_training

    for name in EMBEDDINGS:
        console.err.print(f"Training {name}", style="bold", highlight=False)
        run_training(_config(name, model, seed), out / name)
    for name, (run, table_dtype) in FILES.items():
        convert_file(out / run, out / name, table_dtype=table_dtype, overwrite=True, brief=True)
    console.out.print()
    source = SETTINGS[model]["data"]["source"]
    measurements = measure_side_by_side([out / name for name in FILES], source)
    console.out.print(report.table(measurements), crop=False)
    seconds = time.perf_counter() - started
    console.say(f"\nThe runs and files are in {out}/. Took {seconds:.0f} s.")


def _config(name: str, model: Model, seed: int) -> TrainConfig:
    from tfcompress.training import TrainConfig

    settings = {"model": model, "seed": seed, **SETTINGS[model], **EMBEDDINGS[name]}
    return TrainConfig.parse(settings)


def _is_demo(path: Path) -> bool:
    """Whether there is an earlier demo's run; `ConfigError` where there is anything else."""
    from tfcompress.training import Run

    if not path.exists():
        return False
    try:
        found = Run(path).config()
    except TfcompressError:
        found = None
    if found is None or found != _config(path.name, found.model, found.seed):
        raise ConfigError(f"{path}: is not a run of an earlier demo; choose another --out")
    return True
