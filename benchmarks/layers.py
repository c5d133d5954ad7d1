"""Every embedding layer beside the plain table: file bytes, lookup latency, training step time.

    python benchmarks/layers.py lookup [--rows 100000] [--cols 64] [--ratio 16] [--json FILE]
    python benchmarks/layers.py step [--rows 1000000] [--batch 128] [--backend jax] [--json FILE]
    python benchmarks/layers.py tied [--rows 100000] [--batch 128] [--backend jax] [--json FILE]

lookup: each layer as a .tflite of its own, float32, in turns in one process, one thread.
step: looking up a batch of histories of 8 ids, a squared error, gradients and Adam, in turns; the
ids are drawn as Zipf's law has them.
tied: scoring all ids against a batch of vectors (`reverse=True`), a softmax, gradients and Adam.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lookups import BATCHES, latencies_us
from rich.console import Console
from rich.table import Table

Step = Callable[[np.ndarray, np.ndarray], Any]

PLAIN = "full"
STEPS = 12
HISTORY_LENGTH = 8
ROWS = {"lookup": 100_000, "step": 1_000_000, "tied": 100_000}
# Sizes of the papers where the ratio would lead far from them.
SETTINGS: dict[str, dict[str, Any]] = {
    "tensor-train": {"num_cores": 3, "rank": 16},
    "huffman": {"arity": 32},
    "fpd": {"rank": 16, "num_terms": 1},
}


def make_layers(rows: int, cols: int, ratio: float) -> dict[str, Any]:
    """A layer by every name of the command line, the full table first."""
    from tfcompress import layers
    from tfcompress.errors import ConfigError

    counts = 1e7 / np.arange(1, rows + 1)
    made = {}
    for name in (PLAIN, *(other for other in layers.NAMES if other != PLAIN)):
        arguments = SETTINGS.get(name, {})
        own_size = name == PLAIN or "rank" in arguments
        given = {"ratio": 1.0 if own_size else ratio, "counts": counts.astype(np.int64)}
        try:
            made[name] = layers.create(name, rows, cols, **given, **arguments)
        except ConfigError as error:
            Console(stderr=True).print(f"{name}: {error}")
    return made


def measure_lookups(rows: int, cols: int, ratio: float) -> list[dict[str, Any]]:
    """File bytes and microseconds a lookup at 1, 32 and 512 ids."""
    import keras

    from tfcompress.tflite import convert

    made, parameters = {}, {}
    for name, layer in make_layers(rows, cols, ratio).items():
        ids = keras.Input((), dtype="int32", name="ids")
        made[name] = convert(keras.Model(ids, layer(ids)))
        parameters[name] = layer.num_parameters
    timed = {batch: latencies_us(made, rows, batch) for batch in BATCHES}
    return [
        {
            "layer": name,
            "parameters": parameters[name],
            "file bytes": len(content),
            **{f"us at {batch}": timed[batch][name] for batch in BATCHES},
            "x plain at 32": timed[32][name] / timed[32][PLAIN],
        }
        for name, content in made.items()
    ]


def measure_steps(rows: int, cols: int, ratio: float, batch: int) -> list[dict[str, Any]]:
    """Milliseconds of one training step of lookups, the median of some."""
    rng = np.random.default_rng(0)
    shape = (batch, HISTORY_LENGTH)
    ids = np.minimum(rng.zipf(1.2, (STEPS + 2, *shape)) + 1, rows - 1).astype(np.int32)
    targets = rng.standard_normal((*shape, cols)).astype(np.float32)
    return time_steps(make_layers(rows, cols, ratio), lookup_step, ids, targets)


def measure_tied_steps(rows: int, cols: int, ratio: float, batch: int) -> list[dict[str, Any]]:
    """Milliseconds of one training step of scores of all ids, the median of some."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((STEPS + 2, batch, cols)).astype(np.float32)
    targets = np.minimum(rng.zipf(1.2, batch) + 1, rows - 1).astype(np.int32)
    return time_steps(make_layers(rows, cols, ratio), tied_step, hidden, targets)


def time_steps(
    made: dict[str, Any], compiled_step: Callable[[Any], Step], inputs: np.ndarray, targets: Any
) -> list[dict[str, Any]]:
    """Times the layers one after the other: full tables with their moments take a gigabyte."""
    results = []
    for name, layer in made.items():
        train = compiled_step(layer)
        times = []
        for batch in inputs:
            start = time.perf_counter()
            train(batch, targets)
            times.append(1000 * (time.perf_counter() - start))
        median = float(np.median(times[2:]))
        results.append({"layer": name, "parameters": layer.num_parameters, "ms a step": median})
    for result in results:
        result["x plain"] = result["ms a step"] / results[0]["ms a step"]
    return results


def lookup_step(layer: Any) -> Step:
    """One compiled step of Adam on a model of the layer alone."""
    import keras

    ids = keras.Input((HISTORY_LENGTH,), dtype="int32", name="ids")
    model = keras.Model(ids, layer(ids))
    model.compile(optimizer="adam", loss="mse")
    return model.train_on_batch


def tied_step(layer: Any) -> Step:
    """The same, of the layer's scores."""
    import keras

    hidden = keras.Input((layer.output_dim,), name="hidden")
    model = keras.Model(hidden, layer(hidden, reverse=True))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss)
    return model.train_on_batch


def show(title: str, results: list[dict[str, Any]]) -> None:
    table = Table(title=title, title_justify="left", box=None)
    for heading in results[0]:
        justify = "left" if heading == "layer" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for result in results:
        table.add_row(
            *(
                f"{value:,}"
                if isinstance(value, int)
                else f"{value:.2f}"
                if isinstance(value, float)
                else value
                for value in result.values()
            )
        )
    Console(width=100).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=tuple(ROWS))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--cols", type=int, default=64)
    parser.add_argument("--ratio", type=float, default=16)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "tensorflow" if arguments.what == "lookup" else arguments.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    rows = arguments.rows or ROWS[arguments.what]
    size = rows, arguments.cols, arguments.ratio
    title = f"{rows:,} x {arguments.cols} at {arguments.ratio:g}x, "
    if arguments.what == "lookup":
        results = measure_lookups(*size)
        title += "one thread"
    else:
        measured = measure_steps if arguments.what == "step" else measure_tied_steps
        results = measured(*size, arguments.batch)
        title += f"batch {arguments.batch:,}, Adam, {arguments.backend}"
    show(title, results)
    if arguments.json:
        from tfcompress.files import write_file

        write_file(arguments.json, json.dumps(results, indent=1).encode(), overwrite=True)


if __name__ == "__main__":
    main()
